/**
 * Everything about a connection that depends on time: deadlines, linger, and its steps in a drain.
 *
 * @module
 */
import { DeadlineError } from "../errors.ts";
import { finish, leaveNext } from "./conn_leave.ts";
import type { Connection } from "./connection.ts";

/** How one connection is brought to a graceful end. Times are in ms on the host's clock. */
export interface DrainPlan {
  /** Quiet counts from here, however long the connection was silent before: a message may wait unread. */
  readonly since: number;
  /** Without a byte for so long, at a boundary, the connection is said goodbye to. */
  readonly quiet: number;
  /** The same for a connection that has not sent a byte since `since`. */
  readonly idleGrace: number;
  /** A busy connection is served on until here; then its answers are withheld until it falls quiet. */
  readonly patienceAt: number;
  /** The end of its budget: handlers are told to stop. */
  readonly endsAt: number;
  /** Goodbyes are spread over so many ms. */
  readonly spread: number;
  /** It is this connection alone that ends, not its server. */
  readonly alone: boolean;
}

/** Answers are withheld for so many quiet windows at the most: a client that never waits for answers never falls quiet. */
const HOLD_WINDOWS = 2;

/** A closed connection whose peer takes nothing for so long (ms) is dropped, even without a writeTimeout. */
const STALL_TIMEOUT = 30_000;

/** Time stamps of one connection; made when the first of them is needed. */
export class ConnTimes {
  lastRead: number;
  readSince = 0;
  partialSince = 0;
  readDeadline = Infinity;
  writeDeadline = Infinity;
  lingerAt = Infinity;
  lifeAt = Infinity;
  holdUntil = 0;
  /** Its turn among those that a drain says goodbye to. */
  turnAt = 0;
  plan: DrainPlan | null = null;
  /** When the FIN waits for a goodbye no longer. */
  finAt = Infinity;
  /** Bytes flushed, and when that number last grew. */
  flushed = 0;
  flushedAt: number;

  constructor(now: number) {
    this.lastRead = now;
    this.flushedAt = now;
  }

  /** Notes progress of the outbound side. */
  sawFlushed(bytes: number, now: number): void {
    if (bytes === this.flushed) return;
    this.flushed = bytes;
    this.flushedAt = now;
  }
}

/** Acts on what is due and returns when to look again (ms on the clock; Infinity for never). */
export function checkTimes(conn: Connection, times: ConnTimes, now: number): number {
  if (conn.isSealed) return checkLinger(conn, times, now);
  times.sawFlushed(conn.bytesFlushed, now);
  const next = Math.min(
    checkLifetime(conn, times, now),
    checkIdle(conn, times, now),
    checkRead(conn, times, now),
    checkWrite(conn, times, now),
    checkDrain(conn, times, now),
    checkGoodbye(conn, times, now),
  );
  if (conn.isSealed) return times.lingerAt;
  return next;
}

function checkLinger(conn: Connection, times: ConnTimes, now: number): number {
  const { lingerTimeout } = conn.host.limits;
  times.sawFlushed(conn.bytesFlushed, now);
  if (conn.unsent > 0) {
    // The wait for the peer's FIN begins when all our bytes are on their way.
    times.lingerAt = now + lingerTimeout;
    const stalledAt = times.flushedAt + Math.max(STALL_TIMEOUT, lingerTimeout);
    if (now >= stalledAt) conn.abort(new DeadlineError("The peer did not take the last bytes of a closed connection"));
    return Math.min(times.lingerAt, stalledAt, checkWrite(conn, times, now));
  }
  if (now < times.lingerAt) return times.lingerAt;
  conn.letGo();
  return Infinity;
}

function checkLifetime(conn: Connection, times: ConnTimes, now: number): number {
  if (now < times.lifeAt) return times.lifeAt;
  times.lifeAt = Infinity;
  conn.closeWhenIdle();
  return Infinity;
}

function checkIdle(conn: Connection, times: ConnTimes, now: number): number {
  const { idleTimeout } = conn.host.limits;
  if (idleTimeout === 0 || conn.consumer?.longLived === true) return Infinity;
  if (conn.isBusy || conn.isPartial || conn.unsent > 0) return now + idleTimeout;
  const due = Math.max(times.lastRead, times.flushedAt) + idleTimeout;
  if (now < due) return due;
  conn.host.departures.add(conn);
  return now + idleTimeout;
}

function checkRead(conn: Connection, times: ConnTimes, now: number): number {
  const { readTimeout } = conn.host.limits;
  let due = times.readDeadline;
  const waits = conn.isAwaitingRead;
  if (readTimeout > 0) {
    if (waits) due = Math.min(due, times.readSince + readTimeout);
    else if (conn.isPartial) due = Math.min(due, times.partialSince + readTimeout);
  }
  if (now < due) return readTimeout > 0 ? Math.min(due, now + readTimeout) : due;
  if (waits) conn.failRead(new DeadlineError("The peer sent nothing before the read deadline"));
  else if (conn.isPartial) {
    conn.abort(new DeadlineError("The peer did not finish its message before the read deadline"));
  }
  return readTimeout > 0 ? now + readTimeout : Infinity;
}

function checkWrite(conn: Connection, times: ConnTimes, now: number): number {
  const { writeTimeout } = conn.host.limits;
  if (conn.unsent === 0) return writeTimeout > 0 ? now + writeTimeout : Infinity;
  const stalled = writeTimeout > 0 ? times.flushedAt + writeTimeout : Infinity;
  const due = Math.min(stalled, times.writeDeadline);
  if (now < due) return due;
  conn.abort(new DeadlineError("The peer did not take its bytes before the write deadline"));
  return Infinity;
}

function quietSince(conn: Connection, lastRead: number, plan: DrainPlan): number {
  if (lastRead > plan.since) return lastRead + plan.quiet;
  return plan.since + (conn.consumer?.longLived === true ? plan.quiet : plan.idleGrace);
}

function checkDrain(conn: Connection, times: ConnTimes, now: number): number {
  const plan = times.plan;
  if (plan === null || conn.isLeaving) return Infinity;
  const ready = !conn.isBusy && !conn.isPartial;
  const quietAt = Math.max(times.turnAt, quietSince(conn, times.lastRead, plan));
  if (ready && now >= quietAt) {
    conn.host.departures.add(conn);
    return Infinity;
  }
  const next = ready ? quietAt : Infinity;
  if (now < plan.patienceAt) return Math.min(next, plan.patienceAt);
  if (times.holdUntil === 0) {
    times.holdUntil = now + HOLD_WINDOWS * plan.quiet;
    conn.hold();
  }
  if (now < times.holdUntil) return Math.min(next, times.holdUntil);
  leaveNext(conn);
  return Infinity;
}

function checkGoodbye(conn: Connection, times: ConnTimes, now: number): number {
  if (now < times.finAt) return times.finAt;
  times.finAt = Infinity;
  finish(conn);
  return Infinity;
}

/**
 * Everything about a connection that depends on time: deadlines, linger, and its steps in a drain.
 *
 * @module
 */
import { DeadlineError } from "../../errors.ts";
import { finish, finishReceived, holdEnd, insist, leaveNext, type LeavingConn } from "./leave.ts";
import { quietAt, restAt, windowOf } from "./rest.ts";
import type { ConnTimes, DrainPlan } from "./time_stamps.ts";
import { TIMER_GRANULARITY } from "./timers.ts";

/** What this needs of a connection. */
export interface TimedConn extends LeavingConn {
  readonly bytesFlushed: number;
  readonly isHeld: boolean;
  readonly isAwaitingRead: boolean;
  hold(): void;
  close(): Promise<void>;
  closeWhenIdle(): void;
  letGo(): void;
  failRead(error: Error): void;
  failWrites(error: Error): void;
}

/** A handler that may still work on an answer behind the peer's end gets so long for one, in ms, when it asks for ours. */
const LAST_ANSWER = 60_000;

/** A closed connection whose peer takes nothing for so long (ms) is dropped, even without a writeTimeout. */
const STALL_TIMEOUT = 30_000;

/** Acts on what is due and returns when to look again (ms on the clock; Infinity for never). */
export function checkTimes(conn: TimedConn, times: ConnTimes, now: number): number {
  if (conn.isSealed) return checkLinger(conn, times, now);
  times.sawFlushed(conn.bytesFlushed, now);
  const next = Math.min(
    checkLifetime(conn, times, now),
    checkIdle(conn, now),
    checkRead(conn, times, now),
    checkFirst(conn, times, now),
    checkWrite(conn, times, now),
    checkEnd(conn, now),
    checkDrain(conn, times, now),
    checkGoodbye(conn, times, now),
  );
  if (conn.isSealed) return times.lingerAt;
  return next;
}

function checkLinger(conn: TimedConn, times: ConnTimes, now: number): number {
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

function checkLifetime(conn: TimedConn, times: ConnTimes, now: number): number {
  if (now < times.lifeAt) return times.lifeAt;
  times.lifeAt = Infinity;
  conn.closeWhenIdle();
  return Infinity;
}

function checkIdle(conn: TimedConn, now: number): number {
  const { idleTimeout } = conn.host.limits;
  if (idleTimeout === 0 || conn.consumer?.longLived === true) return Infinity;
  // A rhythm that is not known counts for nothing here: the user has said how long a silence may be.
  const { rhythm } = conn;
  const due = restAt(conn, rhythm.isKnown ? Math.max(idleTimeout, rhythm.shown) : idleTimeout);
  if (due === Infinity) return now + idleTimeout;
  if (now < due) return due;
  conn.host.departures.add(conn);
  return now + idleTimeout;
}

function checkRead(conn: TimedConn, times: ConnTimes, now: number): number {
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

/** Who says nothing, or half a message for ever, costs a place: a protocol may limit how long that is. */
function checkFirst(conn: TimedConn, times: ConnTimes, now: number): number {
  if (times.firstAt === Infinity || conn.hasPeerFinished || conn.isLeaving) return Infinity;
  const due = times.firstAt + conn.host.timers.deaf;
  if (now < due) return due;
  // Of a timer that comes late the socket has not been read yet: what waits there is looked at first.
  conn.host.clock.soon(() => {
    if (times.firstAt === Infinity || conn.isLeaving) return;
    conn.abort(new DeadlineError(`The peer sent no whole message within ${conn.consumer?.firstWithin} ms`));
  });
  return Infinity;
}

function checkWrite(conn: TimedConn, times: ConnTimes, now: number): number {
  const { writeTimeout } = conn.host.limits;
  // As Go has it: whoever waits is told, and the connection lives on. A peer that takes nothing is writeTimeout's matter.
  const passed = now >= times.writeDeadline;
  if (passed) conn.failWrites(new DeadlineError("The peer did not take its bytes before the write deadline"));
  const deadline = passed ? Infinity : times.writeDeadline;
  if (writeTimeout === 0) return deadline;
  const stalledAt = conn.unsent === 0 ? now + writeTimeout : times.flushedAt + writeTimeout;
  if (now < stalledAt) return Math.min(stalledAt, deadline);
  conn.abort(new DeadlineError("The peer did not take its bytes for as long as the write timeout"));
  return Infinity;
}

/** The peer has finished, nobody reads, and somebody waits for the end: nothing more will happen here. */
function checkEnd(conn: TimedConn, now: number): number {
  if (!conn.hasPeerFinished || conn.endAwaited === "no") return Infinity;
  const due = conn.isToldOfEnd || conn.unread > 0 ? toldEndAt(conn) : restAt(conn);
  if (due === Infinity) return now + Math.max(conn.host.limits.idleGrace, TIMER_GRANULARITY);
  if (now < due) return due;
  void conn.close();
  return Infinity;
}

/** Who has been told of the peer's end may still work on an answer, and who has not read all may still begin to. */
function toldEndAt(conn: TimedConn): number {
  const { consumer } = conn;
  if (conn.isHeldByWork || conn.unsent > 0 || (consumer !== null && conn.isAtWork)) return Infinity;
  return conn.rhythm.last + (conn.dues === null ? 2 * conn.host.limits.patience : LAST_ANSWER);
}

/** When a drain may say goodbye: it looks at what the connection does from T1 on, and at what it was like before. */
function goodbyeAt(conn: TimedConn, times: ConnTimes, plan: DrainPlan, isLate: boolean): number {
  const asked = conn.rhythm.lastIn > plan.since;
  const heardOut = plan.since + (asked ? plan.quiet : Math.max(plan.quiet, plan.idleGrace)) +
    conn.host.timers.deaf - plan.deafAt;
  const window = windowOf(conn, plan);
  return Math.max(times.turnAt, heardOut, isLate ? quietAt(conn, window) : restAt(conn, window));
}

function checkDrain(conn: TimedConn, times: ConnTimes, now: number): number {
  const plan = times.plan;
  if (plan === null || conn.isLeaving) return Infinity;
  const isLate = now >= plan.patienceAt;
  const next = goodbyeAt(conn, times, plan, isLate);
  if (now >= next) {
    conn.host.departures.add(conn);
    return Infinity;
  }
  if (!isLate) return Math.min(next, plan.patienceAt);
  if (conn.leavesNext && !conn.isHeld) {
    if (conn.consumer?.longLived === true) return insist(conn);
    // A handler that waits for the end is at rest when its debt lapses, which is no event.
    return conn.endAwaited === "no" ? next : Math.min(next, now + Math.max(plan.quiet, TIMER_GRANULARITY));
  }
  return Math.min(next, checkHold(conn, times, plan, now));
}

/** At the end of patience answers are withheld, so that who waits for them falls quiet: not for long. */
function checkHold(conn: TimedConn, times: ConnTimes, plan: DrainPlan, now: number): number {
  const { timers } = conn.host;
  if (times.holdUntil === 0) {
    if (!waitsForAnswers(conn)) return leaveNext(conn);
    // What is on its way comes within one window, lost once or not. Who never waits for answers never falls quiet.
    times.holdUntil = timers.heard() + plan.quiet + conn.rhythm.shown;
    conn.hold();
  }
  const windowsEnd = Math.min(times.holdUntil + timers.deaf, holdEnd(plan));
  if (now < windowsEnd) return windowsEnd;
  if (plan.alone || now >= holdEnd(plan) || !conn.isBusy || conn.dues === null || conn.dues.owed === 0) {
    return leaveNext(conn);
  }
  // What was received is answered first: to let go now would bring more. When all that was on its way must have come,
  // nothing more is taken in.
  if (now >= windowsEnd + plan.idleGrace) finishReceived(conn);
  return Math.min(holdEnd(plan), now + Math.max(plan.quiet, TIMER_GRANULARITY));
}

/** Whoever was never seen to be answered does not fall quiet when answers are withheld; protocols answer in their way. */
function waitsForAnswers({ consumer, dues }: TimedConn): boolean {
  return dues !== null ? dues.hasPaid : consumer !== null && consumer.attended !== true;
}

function checkGoodbye(conn: TimedConn, times: ConnTimes, now: number): number {
  if (now < times.finAt) return times.finAt;
  times.finAt = Infinity;
  finish(conn);
  return Infinity;
}

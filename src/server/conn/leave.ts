/**
 * How a connection leaves gracefully: quiet moment, goodbye, FIN. One path for a drain and for `maxLifetime`.
 *
 * @module
 */
import type { Consumer } from "./conn.ts";
import type { EndingEvent } from "./ending.ts";
import type { HostedConn } from "./host.ts";
import { owedUntil, type RestingConn } from "./rest.ts";
import type { ConnTimes, DrainPlan } from "./time_stamps.ts";
import { TIMER_GRANULARITY } from "./timers.ts";

/** What this needs of a connection. */
export interface LeavingConn extends RestingConn, HostedConn {
  readonly consumer: Consumer | null;
  readonly ctx: { beginDraining(cause: unknown): void } | null;
  readonly holds: number;
  readonly unread: number;
  readonly isBusy: boolean;
  readonly isGone: boolean;
  readonly isLeaving: boolean;
  readonly isSealed: boolean;
  readonly leavesNext: boolean;
  readonly hasPeerFinished: boolean;
  lateMessages: number;
  lateBytes: number;
  timed(): ConnTimes;
  armAt(at: number): void;
  enter(event: EndingEvent): boolean;
  /** Says what its keeper has to say where the protocol has no word of its own. */
  keepersGoodbye(): void | Promise<void>;
  abort(reason?: unknown): void;
  seal(): void;
  endInput(): void;
  stall(on: boolean): void;
  unhold(): void;
}

/** So much of what patience leaves of the budget, deaf or not. */
const HOLD_SHARE = 0.4;

/** The reason of `ctx.draining`. */
export const DRAINING = "draining";

/** Brings one connection to its end by itself, on its host's terms. */
export function closeWhenIdle(conn: LeavingConn): void {
  const now = conn.host.clock.now();
  const { quiet, idleGrace, patience } = conn.host.limits;
  joinDrain(conn, {
    since: now,
    deafAt: conn.host.timers.deaf,
    quiet,
    idleGrace,
    patienceAt: now + patience,
    endsAt: Infinity,
    spread: 0,
    alone: true,
  });
}

/** Takes part in a drain from now on; `checkTimes` finds the quiet moment. */
export function joinDrain(conn: LeavingConn, plan: DrainPlan): void {
  if (conn.isLeaving) return;
  conn.ctx?.beginDraining(DRAINING);
  const times = conn.timed();
  times.plan = plan;
  times.holdUntil = 0;
  const now = conn.host.clock.now();
  times.turnAt = plan.spread === 0 ? 0 : now + plan.idleGrace + Math.random() * plan.spread;
  conn.armAt(Math.min(now + Math.min(plan.quiet, plan.idleGrace), plan.patienceAt));
}

/** Says goodbye, then closes the input; FIN rides with the last answer, and reading goes on until the peer's FIN. */
export function farewell(conn: LeavingConn): void {
  if (conn.isLeaving) return;
  conn.enter("goodbye");
  conn.host.leaving(conn);
  const said = sayGoodbye(conn);
  if (said instanceof Promise) awaitGoodbye(conn, said);
  else finish(conn);
}

/** The FIN waits for the last words, but not for ever: it is the user who finds them. */
function awaitGoodbye(conn: LeavingConn, said: Promise<void>): void {
  const failed = (error: unknown): void => conn.isSealed ? undefined : conn.abort(error);
  said.then(() => finish(conn), failed);
  if (conn.consumer?.timesGoodbye === true) return;
  const times = conn.timed();
  const latest = conn.host.clock.now() + conn.host.limits.lingerTimeout;
  times.finAt = Math.min(latest, (times.plan?.endsAt ?? Infinity) - TIMER_GRANULARITY);
  conn.armAt(times.finAt);
}

/**
 * Says goodbye at the next moment that is not busy, however short. What was withheld leaves with the FIN, or now if that
 * moment is still to come. Returns when to look again, in ms on the clock.
 */
export function leaveNext(conn: LeavingConn): number {
  conn.enter("due");
  if (!conn.isBusy) {
    conn.host.departures.add(conn);
    return Infinity;
  }
  conn.unhold();
  conn.consumer?.hurry?.();
  if (conn.consumer?.longLived === true) return insist(conn);
  // Who waits for the end is at rest when its debt lapses, and that is no event.
  return conn.endAwaited === "no" ? Infinity : conn.host.clock.now() + TIMER_GRANULARITY;
}

/** What was received is worked off, withheld or not; the goodbye comes at the next moment that is not busy. */
export function finishReceived(conn: LeavingConn): void {
  if (conn.leavesNext) return;
  conn.enter("due");
  conn.consumer?.hurry?.();
  if (!conn.isPartial && (conn.consumer === null || conn.consumer.attended === true)) conn.stall(true);
}

/** What patience has not brought to an end is waited for up to here: the rest is for the answers, and the peer's FIN. */
export function holdEnd({ patienceAt, endsAt }: DrainPlan): number {
  return patienceAt + (endsAt - patienceAt) * HOLD_SHARE;
}

/**
 * A protocol of long silences can be said goodbye to at any moment; what was taken is waited for as long as an answer is
 * presumed to follow.
 */
export function insist(conn: LeavingConn): number {
  const plan = conn.times?.plan;
  const owed = Math.min(owedUntil(conn), plan == null ? Infinity : holdEnd(plan));
  if (conn.holds === 0 && owed <= conn.host.clock.now()) {
    farewell(conn);
    return Infinity;
  }
  return conn.holds === 0 ? owed : Infinity;
}

/** A moment that is not busy, perhaps: in a drain, the quiet window begins here. */
export function boundary(conn: LeavingConn): void {
  const plan = conn.times?.plan;
  if (plan == null || conn.isBusy) return;
  if (conn.leavesNext) farewell(conn);
  else conn.armAt(conn.host.clock.now() + plan.quiet);
}

function sayGoodbye(conn: LeavingConn): void | Promise<void> {
  try {
    if (conn.consumer?.goodbye !== undefined) return conn.consumer.goodbye();
    return conn.keepersGoodbye();
  } catch (error) {
    conn.abort(error);
  }
}

/** Closes the input; FIN follows what was written. */
export function finish(conn: LeavingConn): void {
  if (conn.isSealed || conn.isGone) return;
  // Part of a message came before our FIN and the rest, if any, comes after it.
  if (conn.isPartial) {
    conn.lateMessages++;
    conn.lateBytes += conn.unread;
  }
  conn.enter(conn.hasPeerFinished ? "serve" : "drain");
  conn.seal();
  conn.endInput();
}

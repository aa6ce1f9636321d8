/**
 * How a connection leaves gracefully: quiet moment, goodbye, FIN. One path for a drain and for `maxLifetime`.
 *
 * @module
 */
import * as flag from "./conn_flags.ts";
import type { DrainPlan } from "./conn_times.ts";
import type { Connection } from "./connection.ts";
import { TIMER_GRANULARITY } from "./timers.ts";

/** The reason of `ctx.draining`. */
export const DRAINING = "draining";

/** Brings one connection to its end by itself, on its host's terms. */
export function closeWhenIdle(conn: Connection): void {
  const now = conn.host.clock.now();
  const { quiet, patience } = conn.host.limits;
  joinDrain(conn, {
    since: now,
    quiet,
    idleGrace: quiet,
    patienceAt: now + patience,
    endsAt: Infinity,
    spread: 0,
    alone: true,
  });
}

/** Takes part in a drain from now on; `checkTimes` finds the quiet moment. */
export function joinDrain(conn: Connection, plan: DrainPlan): void {
  if (conn.isLeaving) return;
  conn.ctx?.beginDraining(DRAINING);
  const times = conn.timed();
  times.plan = plan;
  times.holdUntil = 0;
  times.turnAt = plan.since + Math.random() * plan.spread;
  conn.armAt(Math.min(plan.since + Math.min(plan.quiet, plan.idleGrace), plan.patienceAt));
}

/** Says goodbye, then closes the input; FIN rides with the last answer, and reading goes on until the peer's FIN. */
export function farewell(conn: Connection): void {
  if (conn.isLeaving) return;
  conn.flags |= flag.FAREWELL;
  conn.host.leaving(conn);
  const said = sayGoodbye(conn);
  if (said instanceof Promise) awaitGoodbye(conn, said);
  else finish(conn);
}

/** The FIN waits for the last words, but not for ever: it is the user who finds them. */
function awaitGoodbye(conn: Connection, said: Promise<void>): void {
  const failed = (error: unknown): void => conn.is(flag.SEALED) ? undefined : conn.abort(error);
  said.then(() => finish(conn), failed);
  if (conn.consumer?.timesGoodbye === true) return;
  const times = conn.timed();
  const latest = conn.host.clock.now() + conn.host.limits.lingerTimeout;
  times.finAt = Math.min(latest, (times.plan?.endsAt ?? Infinity) - TIMER_GRANULARITY);
  conn.armAt(times.finAt);
}

/** Says goodbye at the next moment that is not busy, however short; a protocol of long silences may know none. */
export function leaveNext(conn: Connection): void {
  conn.flags |= flag.FIN_NEXT;
  if (conn.consumer?.longLived === true) farewell(conn);
  else boundary(conn);
}

/** A moment that is not busy, perhaps: in a drain, the quiet window begins here. */
export function boundary(conn: Connection): void {
  const plan = conn.times?.plan;
  if (plan == null || conn.isBusy) return;
  if (conn.is(flag.FIN_NEXT)) farewell(conn);
  else conn.armAt(conn.host.clock.now() + plan.quiet);
}

function sayGoodbye(conn: Connection): void | Promise<void> {
  try {
    if (conn.consumer?.goodbye !== undefined) return conn.consumer.goodbye();
    return conn.host.goodbye?.(conn);
  } catch (error) {
    conn.abort(error);
  }
}

/** Closes the input; FIN follows what was written. */
export function finish(conn: Connection): void {
  if (conn.is(flag.SEALED | flag.GONE)) return;
  // Part of a message came before our FIN and the rest, if any, comes after it.
  if (conn.isPartial) {
    conn.lateMessages++;
    conn.lateBytes += conn.unread;
  }
  conn.seal();
  conn.endInput();
}

/**
 * The one decision: when is a connection at rest, so that it may be told goodbye? The drain, `idleTimeout`,
 * `maxLifetime` and `shedIdle` all ask here.
 *
 * At rest is who is at a boundary, has nothing unsent, owes nothing and is held by nobody, when no byte went either way
 * for as long as this connection's own rhythm says that one may still be on its way.
 *
 * @module
 */
import type { Consumer } from "./conn.ts";
import type { DrainPlan } from "./drain_plan.ts";
import type { ConnEnding } from "./ending.ts";
import type { ConnHost } from "./host.ts";
import type { Input } from "./input.ts";
import type { Output } from "./output.ts";
import type { Rhythm, Silence } from "./rhythm.ts";
import type { Work } from "./work.ts";

/** What this needs of a connection. */
export interface RestingConn {
  readonly host: ConnHost;
  readonly rhythm: Rhythm;
  readonly work: Work;
  readonly goodbye: { readonly plan: DrainPlan | null } | null;
  readonly consumer: Consumer | null;
  readonly input: Input;
  readonly output: Output;
  readonly ending: ConnEnding;
}

/**
 * When it will be at rest if nothing happens, in ms on the clock; Infinity if something has to happen first.
 *
 * @param window How long the silence must last, in ms.
 */
export function restAt(conn: RestingConn, window: number = windowOf(conn, conn.host.limits)): number {
  return Math.max(quietAt(conn, window), owedUntil(conn));
}

/** How long its silence must last, in ms. Bytes without a protocol have boundaries that nobody knows: they get more. */
export function windowOf({ consumer, rhythm }: RestingConn, silence: Silence): number {
  const window = rhythm.window(silence);
  return consumer === null ? Math.max(window, silence.idleGrace) : window;
}

/** The same for one that is not waited for any longer than it must: what it may owe does not count. */
export function quietAt(conn: RestingConn, window: number): number {
  const busy = busyUntil(conn);
  if (busy === Infinity || conn.work.isPartial || conn.output.unsent > 0) return Infinity;
  return Math.max(busy, conn.rhythm.last + window + unheard(conn));
}

/**
 * Until when a handler is known to be at work, or something holds the connection, if nothing happens; Infinity where only
 * an event ends it.
 */
export function busyUntil(conn: RestingConn): number {
  if (isHeldByWork(conn)) return Infinity;
  return isAtWork(conn) ? endBelievedAt(conn) : -Infinity;
}

/** A promise holds it, or somebody waits for a write. */
export function isHeldByWork({ work, output }: RestingConn): boolean {
  return work.holds > 0 || output.isAwaited;
}

/** A protocol says that a message is unanswered, or the handler of raw bytes waits for none. */
export function isAtWork({ consumer, work, input }: RestingConn): boolean {
  return consumer !== null ? work.isBusy : work.isHandled && !input.isAwaited;
}

/** Whoever reads knows that the peer has finished, or a protocol knows better than anybody what is unanswered. */
export function isToldOfEnd({ consumer, input, ending }: RestingConn): boolean {
  if (input.isEndTold || ending.isGone) return true;
  return consumer !== null && consumer.attended !== true && consumer.longLived !== true;
}

/**
 * When it is believed that a handler which has asked for `closed` does nothing but wait for that. Many ask for it and go
 * on working, to clean up or to give up behind a client that leaves: so it takes as long as an answer is waited for, or
 * the end of a drain's patience; and one that has asked before it took its last message, and has not answered that, is
 * believed to be working on it.
 */
function endBelievedAt(conn: RestingConn): number {
  const { host, rhythm, goodbye, work: { dues, endAwaited, endAskedAt } } = conn;
  if (endAwaited === "no" || isToldOfEnd(conn)) return Infinity;
  if (dues === null) return endAskedAt;
  if (endAwaited === "earlier" && dues.owed > 0) return Infinity;
  const silent = Math.max(rhythm.last, endAskedAt) + host.limits.patience;
  return Math.min(silent, goodbye?.plan?.patienceAt ?? Infinity);
}

/** Until when an answer is presumed to follow, in ms on the clock; in the past if none is. */
export function owedUntil(conn: RestingConn): number {
  const { host, rhythm, work: { dues, answers } } = conn;
  if (dues === null || !answers || !host.limits.answers) return -Infinity;
  return dues.owedUntil(rhythm.last, host.limits.patience, host.habits) + unheard(conn);
}

/** Silence counts only while this process could have heard something. */
function unheard({ host, rhythm }: RestingConn): number {
  return host.timers.deaf - rhythm.deafAt;
}

/**
 * The one decision: when is a connection at rest, so that it may be told goodbye? The drain, `idleTimeout`,
 * `maxLifetime` and `shedIdle` all ask here.
 *
 * At rest is who is at a boundary, has nothing unsent, owes nothing and is held by nobody, when no byte went either way
 * for as long as this connection's own rhythm says that one may still be on its way.
 *
 * @module
 */
import type { ConnBase } from "./conn_base.ts";

/**
 * When it will be at rest if nothing happens, in ms on the clock; Infinity if something has to happen first.
 *
 * @param window How long the silence must last, in ms.
 */
export function restAt(conn: ConnBase, window: number = conn.rhythm.window(conn.host.limits)): number {
  return Math.max(quietAt(conn, window), owedUntil(conn));
}

/** The same for one that is not waited for any longer than it must: what it may owe does not count. */
export function quietAt(conn: ConnBase, window: number): number {
  if (conn.isBusy || conn.isPartial || conn.unsent > 0) return Infinity;
  return conn.rhythm.last + window + unheard(conn);
}

/** Until when an answer is presumed to follow, in ms on the clock; in the past if none is. */
export function owedUntil(conn: ConnBase): number {
  const { dues, host, rhythm } = conn;
  if (dues === null || !conn.answers) return -Infinity;
  return dues.owedUntil(rhythm.last, host.limits.patience, host.habits) + unheard(conn);
}

/** Silence counts only while this process could have heard something. */
function unheard({ host, rhythm }: ConnBase): number {
  return host.timers.deaf - rhythm.deafAt;
}

/**
 * Whom to close so that another may come in.
 *
 * @module
 */
import type { Connection } from "./connection.ts";

/** The connection that has been idle longest among those that `matches`; null if none is idle. */
export function longestIdle(
  connections: Iterable<Connection>,
  matches: (conn: Connection) => boolean,
): Connection | null {
  let longest: Connection | null = null;
  for (const conn of connections) {
    if (conn.isLeaving || conn.isBusy || conn.isPartial || !matches(conn)) continue;
    if (longest === null || conn.times!.lastRead < longest.times!.lastRead) longest = conn;
  }
  return longest;
}

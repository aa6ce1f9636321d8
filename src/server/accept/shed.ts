/**
 * Whom to close so that another may come in.
 *
 * @module
 */
import type { Connection } from "../conn/connection.ts";
import { restAt } from "../conn/rest.ts";

/** The connection that has been silent longest among those at rest that `matches`; null if none is. */
export function longestIdle(
  connections: Iterable<Connection>,
  now: number,
  matches: (conn: Connection) => boolean,
): Connection | null {
  let longest: Connection | null = null;
  for (const conn of connections) {
    if (conn.ending.isEnding || !matches(conn) || restAt(conn) > now) continue;
    if (longest === null || conn.rhythm.last < longest.rhythm.last) longest = conn;
  }
  return longest;
}

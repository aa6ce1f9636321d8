/**
 * Live answer to "who holds the drain up".
 *
 * @module
 */
import { formatAddress } from "./address.ts";
import * as flag from "./conn_flags.ts";
import type { Connection } from "./connection.ts";
import type { Holder } from "./report.ts";

/** Describes one connection that a drain waits for. */
export function holderOf(conn: Connection, now: number): Holder {
  return {
    id: conn.id,
    peer: formatAddress(conn.remote),
    state: conn.state,
    waitsFor: waitsFor(conn),
    age: now - conn.openedAt,
  };
}

function waitsFor(conn: Connection): Holder["waitsFor"] {
  if (conn.is(flag.GONE)) return "handler";
  if (conn.unsent > 0) return "delivery";
  if (conn.isSealed) return conn.is(flag.HANDLED) ? "handler" : "peerFin";
  if (conn.isBusy) return "answer";
  return conn.isPartial ? "message" : "quiet";
}

/**
 * Live answers to "who holds the drain up" and "who is busy".
 *
 * @module
 */
import { formatAddress } from "../../address.ts";
import type { Connection } from "../conn/connection.ts";
import type { BusyConn, Holder } from "./report.ts";
import { owedUntil } from "../conn/rest.ts";

/** Describes the connections that a drain waits for. */
export function holdersOf(connections: Iterable<Connection>, now: number): Holder[] {
  return Array.from(connections, (conn) => holderOf(conn, now));
}

/** Describes one connection; `conn` may be gone, while its handler goes on. */
export function holderOf(conn: Connection, now: number): Holder {
  return {
    id: conn.id,
    peer: formatAddress(conn.remote),
    state: conn.state,
    waitsFor: waitsFor(conn),
    age: now - conn.openedAt,
    holds: conn.work.holds,
  };
}

/** Describes the connections that have something under way. */
export function busyOf(connections: Iterable<Connection>, now: number): BusyConn[] {
  const busy: BusyConn[] = [];
  for (const conn of connections) {
    const { handling } = conn;
    if (handling === 0 && !conn.isBusy && !conn.work.isPartial && conn.unsent === 0) continue;
    // Field by field: there may be many, and to spread them costs several times as much.
    const { id, peer, state, waitsFor, age, holds } = holderOf(conn, now);
    busy.push({ id, peer, state, waitsFor, age, holds, handling, bytes: conn.bytesRead + conn.bytesFlushed });
  }
  return busy;
}

function waitsFor(conn: Connection): Holder["waitsFor"] {
  if (conn.ending.isGone) return conn.work.isHandled ? "handler" : "work";
  if (conn.unsent > 0) return "delivery";
  if (conn.ending.isClosing) return conn.work.isHandled ? "handler" : "peerFin";
  if (conn.isBusy && conn.work.holds > 0) return "work";
  if (conn.isBusy) return conn.consumer?.isOwed === true ? "message" : "answer";
  if (conn.work.isPartial) return "message";
  return owedUntil(conn) > conn.host.clock.now() ? "answer" : "quiet";
}

/**
 * The drain's account of connections: who was there, and how each ended.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { formatAddress } from "../../address.ts";
import type { Connection } from "../conn/connection.ts";
import { connKey, type KernelTable } from "./kernel_table.ts";
import type { ConnOutcome, CutConn, Delivery, DrainedConn, DrainReport, TruncatedConn } from "./report.ts";

interface Entry {
  readonly conn: Connection;
  // Kept from the beginning: a socket that is gone has no addresses any more on some runtimes.
  readonly peer: string;
  readonly key: string;
  readonly port: number;
  /** What it had read when the drain began: a connection asked nothing since is idle. */
  readonly bytesRead: number;
  /** It was being answered, or its answer was on its way. */
  readonly wasBusy: boolean;
  cut: CutConn | null;
}

/** The part of the report that speaks of connections. */
export type LedgerSummary = Pick<DrainReport, "connections" | "delivery" | "afterFin" | "cut" | "truncated" | "all">;

/** Follows every connection that is open during the drain to its end. */
export class DrainLedger {
  readonly #clock: Clock;
  readonly #entries: Map<Connection, Entry> = new Map();
  readonly #atStart: number;

  constructor(clock: Clock, connections: Iterable<Connection>) {
    this.#clock = clock;
    for (const conn of connections) this.add(conn);
    this.#atStart = this.#entries.size;
  }

  add(conn: Connection): void {
    const peer = formatAddress(conn.remote);
    const port = conn.local.transport === "tcp" ? conn.local.port : -1;
    this.#entries.set(conn, {
      port,
      conn,
      peer,
      // The kernel knows nothing of whom a proxy speaks for.
      key: connKey(conn.local, conn.via ?? conn.remote),
      bytesRead: conn.bytesRead,
      wasBusy: conn.isBusy || conn.unsent > 0,
      cut: null,
    });
  }

  /** Connections by their names in the kernel's table. */
  byKey(): Map<string, Connection> {
    return new Map(Array.from(this.#entries.values(), ({ key, conn }) => [key, conn]));
  }

  /** Local ports of all connections. */
  get ports(): Set<number> {
    const ports = new Set<number>();
    for (const { port } of this.#entries.values()) ports.add(port);
    return ports;
  }

  /** Whether the kernel knows more than we do about some connection's last bytes. */
  get needsTable(): boolean {
    for (const { conn, cut } of this.#entries.values()) {
      if (cut === null && !conn.input.isEnded && conn.ending.failure === null) return true;
    }
    return false;
  }

  /** Ends a connection that the budget did not suffice for, and notes what it had. */
  cut(conn: Connection, table: KernelTable | null, error: Error): void {
    const entry = this.#entries.get(conn);
    if (entry !== undefined) entry.cut = this.#describe(entry, table);
    conn.abort(error);
  }

  summary(table: KernelTable | null): LedgerSummary {
    const all = [...this.#entries.values()].map((entry) => this.#outcome(entry, table));
    const connections = { atStart: this.#atStart, accepted: all.length - this.#atStart, ...countOutcomes(all) };
    const delivery = { process: 0, kernel: 0, acknowledged: 0, finSeen: 0 };
    const afterFin = { messages: 0, bytes: 0 };
    for (const { delivery: grade } of all) delivery[grade]++;
    for (const { conn } of this.#entries.values()) {
      afterFin.messages += conn.afterFin?.messages ?? 0;
      afterFin.bytes += conn.afterFin?.bytes ?? 0;
    }
    const cut = all.filter((conn): conn is CutConn => conn.outcome === "cut");
    const truncated = all.filter((conn): conn is TruncatedConn => conn.outcome === "truncated");
    return { connections, delivery, afterFin, cut, truncated, all };
  }

  /** A reset of ours is a cut, whoever ordered it. */
  #outcome(entry: Entry, table: KernelTable | null): DrainedConn {
    if (entry.cut !== null) return entry.cut;
    return entry.conn.ending.isReset ? this.#describe(entry, table) : drained(entry, table);
  }

  #describe(entry: Entry, table: KernelTable | null): CutConn {
    const { conn, peer } = entry;
    return {
      id: conn.id,
      peer,
      outcome: "cut",
      delivery: deliveryOf(entry, table),
      state: conn.state,
      age: this.#clock.now() - conn.openedAt,
      bytesUnread: conn.unread,
      bytesUnsent: conn.unsent,
      handlerRunning: conn.work.isHandled || conn.handling > 0,
    };
  }
}

/** Answered and said FIN to; only the peer has not closed yet. */
export function isServed(conn: Connection): boolean {
  return conn.ending.isClosing && !conn.work.isHandled && conn.unsent === 0;
}

function drained(entry: Entry, table: KernelTable | null): DrainedConn {
  const { conn } = entry;
  const asked = conn.bytesRead !== entry.bytesRead + (conn.afterFin?.bytes ?? 0);
  let outcome: ConnOutcome = asked || entry.wasBusy ? "finished" : "idle";
  if (conn.ending.failure !== null) outcome = "dropped";
  const delivery = deliveryOf(entry, table);
  const { refusedWrites: writesRefused = 0, refusedBytes: bytesRefused = 0 } = conn.afterFin ?? {};
  if (writesRefused === 0) return { id: conn.id, peer: entry.peer, outcome, delivery };
  const truncated: TruncatedConn = {
    id: conn.id,
    peer: entry.peer,
    outcome: "truncated",
    delivery,
    writesRefused,
    bytesRefused,
  };
  return truncated;
}

function deliveryOf({ conn, key }: Entry, table: KernelTable | null): Delivery {
  if (conn.input.isEnded && conn.ending.failure === null && conn.ending.isGone) return "finSeen";
  if (conn.unsent > 0) return "process";
  const left = table?.get(key);
  return left === 0 ? "acknowledged" : "kernel";
}

function countOutcomes(all: readonly DrainedConn[]): Record<ConnOutcome, number> {
  const counts: Record<ConnOutcome, number> = { idle: 0, finished: 0, dropped: 0, truncated: 0, cut: 0 };
  for (const { outcome } of all) counts[outcome]++;
  return counts;
}

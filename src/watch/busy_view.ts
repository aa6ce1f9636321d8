/**
 * How long the handlers of servers have been running, and how long the bytes of their connections stand still.
 *
 * @module
 */
import type { BusyConn } from "../../mod.ts";
import type { WaitsFor, WatchedConn, WatchedServer } from "./watch_api.ts";

/** Ages of one kind at one moment. */
export interface Ages {
  /** How many there are, old or not. */
  readonly count: number;
  /** The highest age in ms; 0 if there is none. */
  readonly highest: number;
  /** Those at the mark and over, oldest first. */
  readonly over: readonly WatchedConn[];
}

/** A connection at the last look. */
interface Seen {
  /** What its handler was at, and when it was first seen at that. */
  handling: number;
  handlingSince: number;
  /** Its bytes, and when they were first seen to be so many. */
  bytes: number;
  bytesSince: number;
  /** Number of the last look that saw it. */
  look: number;
}

/**
 * One server, looked at from time to time: what is the same at two looks has been so in between. The servers keep no
 * time for this, so a request costs nothing more.
 */
export class BusyView {
  readonly server: WatchedServer;
  /** By number; what goes on behind a connection's end, by number and message. */
  readonly #seen: Map<number | string, Seen> = new Map();
  #look = 0;

  constructor(server: WatchedServer) {
    this.server = server;
  }

  /** Nothing more will come of it. */
  get isOver(): boolean {
    return this.server.state === "closed" && this.#seen.size === 0;
  }

  /** Looks, and adds ages of handlers, and of connections to each of the lists. */
  look(now: number, handlers: AgeList, connections: readonly AgeList[]): void {
    this.#look++;
    for (const conn of this.server.busy()) {
      const isGone = conn.state === "closed";
      const seen = this.#note(isGone ? `${conn.id}/${conn.handling}` : conn.id, conn, now);
      if (conn.handling > 0) handlers.add(this.server, conn, now - seen.handlingSince);
      if (isGone) continue;
      for (const list of connections) list.add(this.server, conn, now - seen.bytesSince);
    }
    for (const [key, seen] of this.#seen) if (seen.look !== this.#look) this.#seen.delete(key);
  }

  #note(key: number | string, { id, handling, bytes }: BusyConn, now: number): Seen {
    const look = this.#look;
    let seen = this.#seen.get(key);
    if (seen === undefined) {
      // A handler that goes on without its connection is the one it had.
      const before = key === id ? undefined : this.#seen.get(id);
      const handlingSince = before?.handling === handling ? before.handlingSince : now;
      seen = { handling, handlingSince, bytes, bytesSince: now, look };
      this.#seen.set(key, seen);
      return seen;
    }
    if (seen.handling !== handling) seen.handlingSince = now;
    if (seen.bytes !== bytes) seen.bytesSince = now;
    seen.handling = handling;
    seen.bytes = bytes;
    seen.look = look;
    return seen;
  }
}

/** One that is over the mark, and whose it is. */
export interface Aged {
  readonly server: WatchedServer;
  readonly conn: WatchedConn;
}

/** Collects ages. */
export class AgeList implements Ages {
  count = 0;
  highest = 0;
  readonly #mark: number;
  readonly #waitingFor: readonly WaitsFor[] | null;
  readonly #over: Aged[] = [];

  /** @param mark Ms from which on a connection is named. @param waitingFor Only those that wait for this; null for all. */
  constructor(mark: number, waitingFor: readonly WaitsFor[] | null = null) {
    this.#mark = mark;
    this.#waitingFor = waitingFor;
  }

  get over(): readonly WatchedConn[] {
    return this.entries.map(({ conn }) => conn);
  }

  /** The same, with their servers. */
  get entries(): readonly Aged[] {
    return this.#over.sort((a, b) => b.conn.age - a.conn.age);
  }

  add(server: WatchedServer, { id, peer, waitsFor }: BusyConn, age: number): void {
    if (this.#waitingFor !== null && !this.#waitingFor.includes(waitsFor)) return;
    this.count++;
    if (age > this.highest) this.highest = age;
    if (age < this.#mark) return;
    this.#over.push({ server, conn: { server: server.name, id, peer, age, waitsFor } });
  }
}

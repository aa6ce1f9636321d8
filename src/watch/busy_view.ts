/**
 * How long the handlers of servers have been running, and how long the bytes of their connections stand still.
 *
 * @module
 */
import type { BusyConn } from "../../mod.ts";
import type { WatchedConn, WatchedServer } from "./watch_api.ts";

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

  /** Looks, and adds ages to `handlers` and `connections`. */
  look(now: number, handlers: AgeList, connections: AgeList): void {
    this.#look++;
    for (const conn of this.server.busy()) {
      const isGone = conn.state === "closed";
      const seen = this.#note(isGone ? `${conn.id}/${conn.handling}` : conn.id, conn, now);
      if (conn.handling > 0) handlers.add(this.server, conn, now - seen.handlingSince);
      if (!isGone) connections.add(this.server, conn, now - seen.bytesSince);
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

/** Collects ages. */
export class AgeList implements Ages {
  count = 0;
  highest = 0;
  readonly #mark: number;
  readonly #over: WatchedConn[] = [];

  /** @param mark Ms from which on a connection is named. */
  constructor(mark: number) {
    this.#mark = mark;
  }

  get over(): readonly WatchedConn[] {
    return this.#over.sort((a, b) => b.age - a.age);
  }

  add(server: WatchedServer, { id, peer }: BusyConn, age: number): void {
    this.count++;
    if (age > this.highest) this.highest = age;
    if (age >= this.#mark) this.#over.push({ server: server.name, id, peer, age });
  }
}

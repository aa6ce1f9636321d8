/**
 * TCP keep-alive for connections that live long enough to need it: four system calls that a short one is spared.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Connection } from "./connection.ts";

/** How long a connection has lived at least, in ms, and twice that at the most. */
const YOUTH = 1000;

/**
 * Sets keep-alive on what is still open when it looks. It keeps no list of its own: to hold on to connections that have
 * gone costs more than to look at all that are there.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #connections: Iterable<Connection>;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, connections: Iterable<Connection>) {
    this.#clock = clock;
    this.#connections = connections;
  }

  /** There is a new connection. */
  wake(): void {
    this.#cancel ??= this.#clock.setTimer(() => this.#look(), YOUTH);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #look(): void {
    this.#cancel = null;
    const grown = this.#clock.now() - YOUTH;
    let young = false;
    for (const conn of this.#connections) {
      if (conn.isKeptAlive || conn.ending.isGone || conn.ending.isReset) continue;
      if (conn.openedAt > grown) young = true;
      else conn.keepAlive();
    }
    if (young) this.wake();
  }
}

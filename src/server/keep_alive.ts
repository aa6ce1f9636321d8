/**
 * TCP keep-alive for connections that live long enough to need it: four system calls that a short one is spared.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import * as flag from "./conn_flags.ts";
import type { Connection } from "./connection.ts";

/** How long a connection must have lived, at least; twice as long at the most. */
const SWEEP_INTERVAL = 1000;

/** Sets keep-alive on connections in batches. */
export class KeepAlive {
  readonly #clock: Clock;
  #young: Connection[] = [];
  #cancel: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(conn: Connection): void {
    this.#young.push(conn);
    this.#cancel ??= this.#clock.setTimer(() => this.#sweep(), SWEEP_INTERVAL);
  }

  /** Forgets everybody. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#young = [];
  }

  #sweep(): void {
    const young = this.#young;
    this.stop();
    for (const conn of young) {
      const { keepAlive } = conn.host.limits;
      if (keepAlive > 0 && !conn.is(flag.GONE | flag.RESET)) conn.setKeepAlive(true, keepAlive);
    }
  }
}

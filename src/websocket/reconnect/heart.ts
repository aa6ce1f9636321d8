/**
 * Whether a connection is still alive, as far as a script can tell that can't ping.
 *
 * @module
 */
import type { Timers } from "../../clock.ts";

/** A timer that comes so late (ms) was asleep, with its page or its machine: what came meanwhile waits to be heard. */
const ASLEEP = 1000;

/** What a heart is told, and what it does. */
export interface HeartOptions {
  /** Silence after which it asks, in ms. */
  readonly interval: number;
  /** How long it waits for anything to come, in ms. */
  readonly timeout: number;
  readonly clock: Timers;
  /** Asks the server for a sign of life. */
  readonly ask: () => void;
  /** Bytes that wait to be sent: as they get fewer, the server takes them. */
  readonly unsent: () => number;
  /** None came for so long, in ms. */
  readonly dead: (silence: number) => void;
}

/** The heart of one connection. Any message is a sign of life. */
export class Heart {
  readonly #options: HeartOptions;
  /** It can ask. */
  #asks = false;
  #heardAt: number;
  /** Since when it waits for a sign of life; -Infinity while it doesn't. */
  #waitsSince = -Infinity;
  #dueAt = Infinity;
  #unsent = 0;
  #stopped = false;
  #cancel: (() => void) | undefined;

  constructor(options: HeartOptions) {
    this.#options = options;
    this.#heardAt = options.clock.now();
  }

  /** From here on it can ask, and does so when it has heard nothing for an interval. */
  begin(): void {
    if (this.#asks || this.#stopped) return;
    this.#asks = true;
    if (this.#waitsSince === -Infinity) this.#wakeAt(this.#heardAt + this.#options.interval);
  }

  /** A message came. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
  }

  /** Something says that the connection may be gone: there has to be a sign of life within `timeout`. */
  check(): void {
    if (this.#waitsSince === -Infinity && !this.#stopped) this.#wait();
  }

  /** The same, if it can ask for one. */
  awake(): void {
    if (this.#asks) this.check();
  }

  /** It beats no more. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  #wait(): void {
    const { clock, timeout, ask, unsent } = this.#options;
    this.#waitsSince = clock.now();
    this.#wakeAt(this.#waitsSince + timeout);
    if (this.#asks) ask();
    this.#unsent = unsent();
  }

  #wakeAt(at: number): void {
    const { clock } = this.#options;
    this.#cancel?.();
    this.#dueAt = at;
    this.#cancel = clock.setTimer(() => this.#wake(), Math.max(0, at - clock.now()));
  }

  #wake(): void {
    const { clock, interval, timeout, unsent, dead } = this.#options;
    const now = clock.now();
    if (this.#heardAt < this.#waitsSince) {
      if (now - this.#dueAt >= ASLEEP) return this.#wait();
      const before = this.#unsent;
      this.#unsent = unsent();
      // The server has taken something since the last look.
      if (this.#unsent < before) return this.#wakeAt(now + timeout);
      return dead(now - this.#heardAt);
    }
    this.#waitsSince = -Infinity;
    if (!this.#asks) return;
    if (now - this.#heardAt >= interval) this.#wait();
    else this.#wakeAt(this.#heardAt + interval);
  }
}

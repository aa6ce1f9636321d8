/**
 * SIGINT and SIGTERM, as one wish each time.
 *
 * @module
 */
import process from "node:process";

/** A signal that follows so soon (ms) is the same wish: npm forwards what the terminal has sent to the whole group. */
const SAME_SIGNAL = 100;
const NAMES = ["SIGINT", "SIGTERM"] as const;

/** Listens until it is disposed. */
export class StopSignals {
  readonly #listeners: ReadonlyMap<NodeJS.Signals, () => void>;
  #heardAt = -Infinity;

  /** @param onStop Called with the signal's name, once for each wish. */
  constructor(onStop: (name: string) => void) {
    this.#listeners = new Map(NAMES.map((name) => [name, () => this.#heard(name, onStop)]));
    for (const [name, listener] of this.#listeners) process.on(name, listener);
  }

  dispose(): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }

  #heard(name: string, onStop: (name: string) => void): void {
    const now = performance.now();
    const isSame = now - this.#heardAt < SAME_SIGNAL;
    this.#heardAt = now;
    if (!isSame) onStop(name);
  }
}

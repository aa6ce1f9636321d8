/**
 * Ctrl-C: the first one asks for an early end, the second one is one.
 *
 * @module
 */
import process from "node:process";

const SIGNALS: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 };
/** Two in one moment are one: npm forwards what the terminal has sent already. */
const SAME_MOMENT = 100;

/** Listens until it is disposed. */
export class Interrupt implements Disposable {
  readonly #listeners: (readonly [name: string, listener: () => void])[];
  #first = -Infinity;

  /** `cancel` is called at the first signal. */
  constructor(cancel: () => void) {
    this.#listeners = Object.entries(SIGNALS).map(([name, code]) => [name, () => this.#heard(code, cancel)] as const);
    for (const [name, listener] of this.#listeners) process.on(name, listener);
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }

  #heard(code: number, cancel: () => void): void {
    const since = performance.now() - this.#first;
    if (since < SAME_MOMENT) return;
    if (since < Infinity) process.exit(code);
    this.#first = performance.now();
    cancel();
  }
}

/**
 * Ctrl-C at a tool that has started others.
 *
 * @module
 */
import process from "node:process";

const SIGNALS: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** Hears signals to this process until it is disposed. */
export class Interruption implements Disposable {
  readonly #end: () => void;
  readonly #heard: Map<string, () => void> = new Map();
  #code: number | null = null;

  /** `end` is called at the first signal, and when this process ends for whatever reason; it must not wait. */
  constructor(end: () => void) {
    this.#end = end;
    for (const name of Object.keys(SIGNALS)) {
      const listener = () => this.#interrupt(name);
      this.#heard.set(name, listener);
      process.on(name, listener);
    }
    process.on("exit", end);
  }

  /** The exit code that the signal asks for; null if none has come. */
  get code(): number | null {
    return this.#code;
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of this.#heard) process.off(name, listener);
    process.off("exit", this.#end);
  }

  #interrupt(name: string): void {
    this.#end();
    // Who asks twice gets no report.
    if (this.#code !== null) process.exit(this.#code);
    this.#code = SIGNALS[name];
  }
}

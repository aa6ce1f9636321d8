/**
 * Stop signals of the operating system, counted.
 *
 * @module
 */
import { type Clock, idleTimer, nextTurn } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import type { Adapter } from "../../platform.ts";

/** Stop signals that all runtimes can listen to, with their numbers. */
const NUMBERS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 };

/**
 * A signal that follows so soon (ms) is the same wish, by whichever name: npm forwards what the terminal has sent to the
 * whole group, and a watcher that restarts a program sends SIGINT and SIGTERM (`deno --watch`: 12 ms apart). Time by
 * which this process was deaf does not count: what waited for it came in time.
 */
const SAME_SIGNAL = 100;

/** Checks names of signals. */
export function signalNames(value: readonly string[] | undefined): readonly string[] {
  const names = value ?? ["SIGINT", "SIGTERM"];
  for (const name of names) {
    if (typeof name === "string" && Object.hasOwn(NUMBERS, name)) continue;
    const known = Object.keys(NUMBERS).join(", ");
    throw new OptionError("signals", `signals must be among ${known}, got ${JSON.stringify(name)}`);
  }
  return [...new Set(names)];
}

/** The exit code by which a shell knows a process that a signal ended. */
export function signalExitCode(name: string): number {
  return 128 + NUMBERS[name];
}

/** Listens to stop signals until disposed. */
export class SignalWatch {
  readonly #clock: Clock;
  readonly #onStop: (name: string, count: number) => void;
  readonly #disposers: (() => void)[];
  #count = 0;
  /** Ends the time in which a signal is the same wish as the last; null when it is over. */
  #forget: (() => void) | null = null;

  /** @param onStop Called with the signal's name and how many came since the last `reset`. */
  constructor(
    adapter: Adapter,
    names: readonly string[],
    clock: Clock,
    onStop: (name: string, count: number) => void,
  ) {
    this.#clock = clock;
    this.#onStop = onStop;
    this.#disposers = names.map((name) => adapter.onSignal(name, () => this.#arrived(name)));
  }

  /** Counts from one again: the stop was called off. */
  reset(): void {
    this.#count = 0;
    this.#forget?.();
  }

  dispose(): void {
    this.#forget?.();
    for (const dispose of this.#disposers.splice(0)) dispose();
  }

  #arrived(name: string): void {
    const isSame = this.#forget !== null;
    this.#forget?.();
    this.#remember();
    if (!isSame) this.#onStop(name, ++this.#count);
  }

  /** Until a turn after the time, in which what has waited meanwhile is heard. */
  #remember(): void {
    const clock = this.#clock;
    let cancel = (): void => {};
    const forget = (): void => {
      cancel();
      if (this.#forget === forget) this.#forget = null;
    };
    const over = (): void => nextTurn(clock, forget);
    cancel = idleTimer(clock, over, SAME_SIGNAL);
    this.#forget = forget;
  }
}

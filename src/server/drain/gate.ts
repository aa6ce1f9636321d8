/**
 * What a drain waits for: a point in time, or one of the events that end the wait early.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";

/** Why a wait ended. */
export type GateEvent = "time" | "empty" | "forced" | "resumed" | "hurried";

/** One waiter at a time, woken by whichever comes first. */
export class DrainGate {
  readonly #clock: Clock;
  #wake: ((event: GateEvent) => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Waits until `at` (ms on the clock) or the first event that `wanted` names. */
  wait(at: number, wanted: readonly GateEvent[]): Promise<GateEvent> {
    return new Promise((resolve) => {
      const cancel = this.#clock.setTimer(() => this.#wake?.("time"), Math.max(0, at - this.#clock.now()));
      this.#wake = (event) => {
        if (event !== "time" && !wanted.includes(event)) return;
        this.#wake = null;
        cancel();
        resolve(event);
      };
    });
  }

  tell(event: GateEvent): void {
    this.#wake?.(event);
  }
}

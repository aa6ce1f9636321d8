/**
 * Looking before sending: whoever sends has seen what there was to see.
 *
 * @module
 */
import type { Clock } from "@sluice/sluice";

/**
 * Timers of 0 ms that must pass until an end that waits in the kernel has been told. After a lag, bytes and FIN come in
 * two turns on Node and Bun; turns without a timer don't do, Deno takes 62 of those before it reads a socket.
 */
const LOOKS = 3;
/** Time in ms after which the next look takes a timer again: a long turn reads no socket. */
const LONG_TURN = 0.5;

/** Lets clients send one by one, each behind a look of its own: what one writes makes the next one's look older. */
export class Lookout {
  readonly #clock: Clock;
  #queue: (() => void)[] = [];
  #lookedAt = 0;
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Fulfils when everything that had arrived has been read; to be followed by the sending at once. */
  async look(): Promise<void> {
    for (let turn = 1; turn < LOOKS; turn++) await new Promise<void>((resolve) => this.#clock.setTimer(resolve, 0));
    await new Promise<void>((resolve) => {
      this.#queue.push(resolve);
      if (!this.#scheduled) this.#rest();
    });
  }

  #next(): void {
    this.#scheduled = false;
    if (this.#queue.length === 0) return;
    this.#queue.shift()!();
    this.#scheduled = true;
    this.#clock.soon(() => {
      if (this.#clock.now() - this.#lookedAt < LONG_TURN) this.#next();
      else this.#rest();
    });
  }

  #rest(): void {
    this.#scheduled = true;
    this.#clock.setTimer(() => {
      this.#lookedAt = this.#clock.now();
      this.#next();
    }, 0);
  }
}

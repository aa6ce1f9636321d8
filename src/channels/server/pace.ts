/**
 * What is sent again must not keep what is live waiting: all who catch up share a few ms of each turn.
 *
 * @module
 */
import { type Clock, nextTurn } from "../../clock.ts";

/** What they may spend of a turn, in ms. */
const SHARE = 4;
/** Looking at the clock costs as well: once in so many frames. */
const LOOK_EVERY = 16;

/** Hands turns out. */
export class Pace {
  readonly #clock: Clock;
  #began = -Infinity;
  #frames = 0;
  #next: Promise<void> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Null to go on at once; a promise of the next turn when this one has had its share. */
  spend(): Promise<void> | null {
    if (this.#next !== null) return this.#next;
    if (++this.#frames % LOOK_EVERY !== 0) return null;
    const now = this.#clock.now();
    // So long ago: that turn is over, and others have had theirs.
    if (now - this.#began > 2 * SHARE) this.#began = now;
    if (now - this.#began < SHARE) return null;
    return this.#next = new Promise((resolve) =>
      nextTurn(this.#clock, () => {
        this.#next = null;
        this.#began = this.#clock.now();
        resolve();
      })
    );
  }
}

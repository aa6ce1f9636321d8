/**
 * How many new connections are turned away, by degrees.
 *
 * @module
 */

/** An overload is told a sample late, so half of what comes is turned away at once. */
const RISE = 0.5;
/** What comes back after an overload comes slowly: all at once would be the next one. */
const FALL = 0.1;
/** Somebody is let in all the same, by whom it is noticed that it is over. */
const MOST = 0.95;

/** A share that follows what is seen, and spreads evenly what it turns away. */
export class Shedder {
  #share = 0;
  /** Connections that are still to be turned away, less than one. */
  #due = 0;

  /** From 0 to 1. */
  get share(): number {
    return this.#share;
  }

  /** A sample was taken. @param isOver Something is above its mark, or not yet below the lower one. */
  note(isOver: boolean): void {
    const share = isOver ? this.#share + (1 - this.#share) * RISE : this.#share - FALL;
    // Tenths don't add up to one.
    this.#share = share < FALL / 2 ? 0 : Math.min(share, MOST);
    if (this.#share === 0) this.#due = 0;
  }

  /** Whether the next one is let in. */
  admits(): boolean {
    this.#due += this.#share;
    if (this.#due < 1) return true;
    this.#due -= 1;
    return false;
  }

  /** Nobody is turned away any more. */
  reset(): void {
    this.#share = this.#due = 0;
  }
}

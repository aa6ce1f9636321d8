/**
 * A budget for retries: when much fails, retries must not multiply the load that it fails under.
 *
 * @module
 */

/** A token bucket that first tries fill. */
export class Budget {
  readonly #ratio: number;
  readonly #most: number;
  #tokens: number;

  /** @param ratio Retries that each first try pays for. @param burst Retries at the beginning, and at the most. */
  constructor(ratio: number, burst: number) {
    this.#ratio = ratio;
    this.#most = burst;
    this.#tokens = burst;
  }

  /** Retries that there are. */
  get left(): number {
    return Math.floor(this.#tokens);
  }

  /** A first try. */
  earn(): void {
    this.#tokens = Math.min(this.#most, this.#tokens + this.#ratio);
  }

  /** A retry that was paid for is not made. */
  giveBack(): void {
    this.#tokens = Math.min(this.#most, this.#tokens + 1);
  }

  /** A retry; false if there is none. */
  spend(): boolean {
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

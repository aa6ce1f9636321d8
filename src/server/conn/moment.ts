/**
 * What happens at once happens at one time: the clock is asked once for it.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";

/**
 * The time at which a socket's bytes are dealt with, shared by all connections of a keeper. A look at the clock costs a
 * tenth to a fifth of a microsecond, and an exchange that is watched would need four (issue 16).
 */
export class Moment {
  readonly #clock: Clock;
  /** When the bytes came; NaN outside of such a time. */
  #came = NaN;
  /** When what they led to was over; NaN until it is. */
  #over = NaN;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bytes have come. */
  begin(): number {
    return this.#came = this.#clock.now();
  }

  /** They are dealt with. */
  end(): void {
    this.#came = this.#over = NaN;
  }

  /** When what begins now begins: when its bytes came, or when what came before them was over. */
  begun(): number {
    if (!Number.isNaN(this.#over)) return this.#over;
    return Number.isNaN(this.#came) ? this.#clock.now() : this.#came;
  }

  /** Something is over: the time. */
  finish(): number {
    const now = this.#clock.now();
    if (!Number.isNaN(this.#came)) this.#over = now;
    return now;
  }

  /** When what leaves now was finished; the time, where nobody has looked. */
  left(): number {
    return Number.isNaN(this.#over) ? this.#clock.now() : this.#over;
  }
}

/**
 * The requests of one connection that wait for their answers.
 *
 * @module
 */

/** A ring of tokens; requests are numbered from 0 in the order they were sent. */
export class InFlight {
  readonly #tokens: Int32Array;
  #first = 0;
  /** How many wait. */
  size = 0;
  /** How many were sent. */
  sent = 0;

  constructor(capacity: number) {
    this.#tokens = new Int32Array(capacity);
  }

  /** The number of the oldest. */
  get number(): number {
    return this.sent - this.size;
  }

  /** Adds one; returns its number. */
  push(token: number): number {
    this.#tokens[(this.#first + this.size) % this.#tokens.length] = token;
    this.size++;
    return this.sent++;
  }

  /** Takes the oldest; returns its token. */
  shift(): number {
    const token = this.#tokens[this.#first];
    this.#first = (this.#first + 1) % this.#tokens.length;
    this.size--;
    return token;
  }
}

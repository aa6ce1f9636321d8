/**
 * The requests under way.
 *
 * @module
 */

/** How many requests the table has room for at first. */
const FIRST_ROOM = 64;

/** A table of requests, by tokens that are used again: nothing is made for a request. */
export class Flights {
  #due: Float64Array = new Float64Array(FIRST_ROOM);
  #sent: Float64Array = new Float64Array(FIRST_ROOM);
  #owner: Int32Array = new Int32Array(FIRST_ROOM);
  #free: Int32Array = new Int32Array(FIRST_ROOM);
  /** Tokens given back that are in `#free`. */
  #freed = 0;
  /** Tokens that were ever given out. */
  #known = 0;

  /** How many are under way. */
  get size(): number {
    return this.#known - this.#freed;
  }

  /** Adds one and gives its token: when it was due, when it is sent, and whose it is. */
  take(owner: number, due: number, sent: number): number {
    if (this.#freed === 0 && this.#known === this.#due.length) this.#grow();
    const token = this.#freed > 0 ? this.#free[--this.#freed] : this.#known++;
    this.#due[token] = due;
    this.#sent[token] = sent;
    this.#owner[token] = owner;
    return token;
  }

  /** When it was due. */
  due(token: number): number {
    return this.#due[token];
  }

  /** Takes it off; the token is for others now. */
  release(token: number): void {
    this.#sent[token] = Infinity;
    this.#free[this.#freed++] = token;
  }

  /** Calls `overdue` for each that was sent before `limit`; that may take it off, and others. */
  sweep(limit: number, overdue: (token: number, owner: number) => void): void {
    for (let token = 0; token < this.#known; token++) {
      if (this.#sent[token] < limit) overdue(token, this.#owner[token]);
    }
  }

  #grow(): void {
    const length = this.#due.length * 2;
    this.#due = grown(this.#due, new Float64Array(length));
    this.#sent = grown(this.#sent, new Float64Array(length));
    this.#owner = grown(this.#owner, new Int32Array(length));
    this.#free = grown(this.#free, new Int32Array(length));
  }
}

function grown<T extends Float64Array | Int32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

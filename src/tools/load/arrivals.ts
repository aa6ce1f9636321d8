/**
 * The plan of an open loop: when requests are due, whatever the server does.
 *
 * @module
 */

/** How late a tick of the plan may be, in ms, and still count as the plan's own rounding. */
export const GRAIN = 2;
/** Requests that may be due and unsent: 10 s at 100,000 a second. More are counted, and not sent. */
const MAX_WAITING = 1_048_576;
/** Length of the queue at first. */
const FIRST_ROOM = 1024;

/**
 * Requests that fall due one after the other, each 1/rate after the one before.
 *
 * Runtimes' timers have a grain of a millisecond, so several fall due in one tick. A tick that comes within `GRAIN` of a
 * request's time *is* its time: what the timer adds is not the server's doing. One that comes later has been held up,
 * and the request's own time counts. From there on a wait for a free client is part of the latency.
 */
export class Arrivals {
  readonly #rateAt: (elapsed: number) => number;
  /** Times of the requests that are due, as a ring. */
  #waiting: Float64Array = new Float64Array(FIRST_ROOM);
  #first = 0;
  #size = 0;
  #next = 0;
  /** Due, and given up because too many were waiting. */
  #dropped = 0;

  /** `rateAt` tells requests a second, at so many ms since the start. */
  constructor(rateAt: (elapsed: number) => number) {
    this.#rateAt = rateAt;
  }

  /** When the next one falls due. */
  get next(): number {
    return this.#next;
  }

  /** How many are due and not taken. */
  get waiting(): number {
    return this.#size;
  }

  /** How many were due and never taken. */
  get unsent(): number {
    return this.#size + this.#dropped;
  }

  /** Moves on: what is due at `now` waits from here on; nothing falls due at `end` or later. */
  advance(now: number, end: number): void {
    while (this.#next <= now && this.#next < end) {
      this.#push(now - this.#next <= GRAIN ? now : this.#next);
      this.#next += 1000 / this.#rateAt(this.#next);
    }
    if (this.#next >= end) this.#next = Infinity;
  }

  /** Takes the first that waits; gives the time from which its latency counts. */
  take(): number {
    const due = this.#waiting[this.#first];
    this.#first = (this.#first + 1) % this.#waiting.length;
    this.#size--;
    return due;
  }

  #push(due: number): void {
    if (this.#size === MAX_WAITING) {
      this.#dropped++;
      return;
    }
    if (this.#size === this.#waiting.length) this.#grow();
    this.#waiting[(this.#first + this.#size) % this.#waiting.length] = due;
    this.#size++;
  }

  #grow(): void {
    const grown = new Float64Array(this.#waiting.length * 2);
    const tail = this.#waiting.subarray(this.#first);
    grown.set(tail);
    grown.set(this.#waiting.subarray(0, this.#first), tail.length);
    this.#waiting = grown;
    this.#first = 0;
  }
}

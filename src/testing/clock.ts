/**
 * Time that a test moves by hand.
 *
 * @module
 */
import { type Clock, endOfTurn, MAX_TIMER_DELAY } from "../clock.ts";
import { OptionError } from "../errors.ts";
import { checkNames, type Names } from "../names.ts";

/** How many timers may fire without time moving, before that is taken for an endless loop. */
const MAX_FIRED_AT_ONCE = 100_000;

/** Options of `VirtualClock`. */
export interface VirtualClockOptions {
  /** First value of `wall()`, in ms since the epoch. @default the real time */
  readonly wall?: number;
  /** Turns of the runtime's event loop that `settle` waits for. @default 4 */
  readonly turns?: number;
}

const NAMES: Names<VirtualClockOptions> = { wall: true, turns: true };

interface Timer {
  readonly at: number;
  readonly fn: () => void;
}

/**
 * A clock that stands still until `advance` is called.
 *
 * @example
 * ```ts
 * const clock = new VirtualClock();
 * const [ctx] = withTimeout(background(clock), 60_000);
 * await clock.advance(60_000);
 * assert(ctx.err() instanceof DeadlineExceeded);
 * ```
 */
export class VirtualClock implements Clock {
  readonly #wall: number;
  readonly #turns: number;
  /** Sorted by time; of one time, in the order they were set. */
  readonly #timers: Timer[] = [];
  #now = 0;
  #advancing = false;

  /** Makes a clock at time 0 with no timers. */
  constructor(options: VirtualClockOptions = {}) {
    checkNames("VirtualClock()", options, NAMES);
    this.#wall = options.wall ?? Date.now();
    this.#turns = options.turns ?? 4;
  }

  /** Live timers. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Milliseconds since the clock was made, in its own time. */
  now(): number {
    return this.#now;
  }

  /** The time of day that goes with `now()`, in ms since the epoch. */
  wall(): number {
    return this.#wall + this.#now;
  }

  /** Calls `fn` when `advance` has moved time by `delay` ms; the returned function cancels. */
  setTimer(fn: () => void, delay: number): () => void {
    const wait = Math.min(Math.max(delay || 0, 0), MAX_TIMER_DELAY);
    const timer: Timer = { at: this.#now + wait, fn };
    this.#timers.splice(this.#firstAfter(timer.at), 0, timer);
    return () => this.#remove(timer);
  }

  /** Calls `fn` at the end of the event loop's turn, which is no matter of time. */
  soon(fn: () => void): void {
    endOfTurn(fn);
  }

  /**
   * Moves time by `ms`, firing what falls due in order; promises and the event loop settle after each timer.
   *
   * @throws {OptionError} `ms` is negative or not finite.
   * @throws What a timer's function throws; time then stands at that timer.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Infinity)) throw new OptionError("ms", `ms must be finite and not negative, got ${ms}`);
    if (this.#advancing) throw new Error("advance() is already under way: await it first");
    this.#advancing = true;
    try {
      await this.settle();
      await this.#fireUntil(this.#now + ms);
    } finally {
      this.#advancing = false;
    }
  }

  /** Lets promises, and a bounded number of turns of the event loop, run; time stands still. */
  async settle(): Promise<void> {
    for (let i = 0; i < this.#turns; i++) await turn();
  }

  async #fireUntil(end: number): Promise<void> {
    let fired = 0;
    while (this.#timers.length > 0 && this.#timers[0].at <= end) {
      const timer = this.#timers.shift()!;
      fired = timer.at > this.#now ? 1 : fired + 1;
      if (fired > MAX_FIRED_AT_ONCE) throw new Error(`${fired} timers fired at ${this.#now} ms: an endless loop?`);
      this.#now = timer.at;
      timer.fn();
      await this.settle();
    }
    this.#now = end;
  }

  #firstAfter(at: number): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#timers[middle].at <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #remove(timer: Timer): void {
    const index = this.#timers.indexOf(timer);
    if (index >= 0) this.#timers.splice(index, 1);
  }
}

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => endOfTurn(resolve));
}

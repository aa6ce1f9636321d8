/**
 * Those who come back must not keep waiting what is live: their hellos, their subscriptions and what is sent again share
 * a few ms of each turn, whoever they are and however many. Whoever finds the share spent waits in a line. It moves one
 * by one: all who wait going on at once would be a turn as long as the line, each with one frame of its own to write.
 *
 * @module
 */
import { type Clock, nextTurn } from "../../clock.ts";

/** What they may spend of a turn, in ms. */
const SHARE = 4;
/** Looking at the clock costs as well: once in so many frames. */
const LOOK_EVERY = 16;

/** Shares turns out. */
export class Pace {
  readonly #clock: Clock;
  /** Those who have begun something go before those who have not: what they hold is let go of the sooner. */
  readonly #going: Line = new Line();
  readonly #coming: Line = new Line();
  /** Somebody has spent something of this turn: its end is heard of. */
  #isCounting = false;
  #began = 0;
  #isSpent = false;
  #frames = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Before a piece of work: null to begin at once; else a promise of its place in a turn. */
  begin(): Promise<void> | null {
    if (this.#coming.isEmpty && this.#going.isEmpty && this.#hasTime()) return null;
    return this.#coming.wait();
  }

  /** In the midst of one, where it may have waited for something else: null to go on at once. */
  goOn(): Promise<void> | null {
    return this.#hasTime() ? null : this.#going.wait();
  }

  /** The same before each of many frames. */
  spend(): Promise<void> | null {
    if (!this.#isSpent && ++this.#frames % LOOK_EVERY !== 0) return null;
    return this.goOn();
  }

  #hasTime(): boolean {
    if (!this.#isCounting) this.#count();
    if (!this.#isSpent) this.#isSpent = this.#clock.now() - this.#began >= SHARE;
    return !this.#isSpent;
  }

  #count(): void {
    this.#isCounting = true;
    this.#isSpent = false;
    this.#began = this.#clock.now();
    nextTurn(this.#clock, this.#turned);
  }

  readonly #turned = (): void => {
    this.#isCounting = false;
    this.#isSpent = false;
    void this.#move();
  };

  /** Whoever is let go on does what it can before the next one is: all of it within one turn. */
  async #move(): Promise<void> {
    for (;;) {
      const line = this.#going.isEmpty ? this.#coming : this.#going;
      if (line.isEmpty || !this.#hasTime()) return;
      line.next();
      await null;
    }
  }
}

/** First come, first served. */
class Line {
  #waiting: (() => void)[] = [];
  #served = 0;

  get isEmpty(): boolean {
    return this.#served === this.#waiting.length;
  }

  wait(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  /** Only while somebody waits. */
  next(): void {
    const next = this.#waiting[this.#served++];
    // A long line is not moved up for each who leaves it.
    if (this.#served * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#served);
      this.#served = 0;
    }
    next();
  }
}

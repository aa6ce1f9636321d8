/**
 * What a connection has shown of its rhythm: how long its silences are, so that a silence can be told from an end.
 *
 * A gap is the time between two activities of a connection: from our bytes to the peer's next (a round trip, and
 * thinking; a pong's, too), from a message to its answer, between two pieces of one message, and, as long as they are
 * short, of what goes one way. Network, peer and handler show themselves in it alike. Times are in ms on the clock.
 *
 * @module
 */

/** Gaps are remembered for so long at the least, and for twice that at the most, while anything happens. */
const SPAN = 10_000;

/** So many gaps are a rhythm; fewer may be the beginning of anything. */
const ENOUGH = 4;

/** Between two messages of one stream; who pauses for longer than this, in ms, sends by the clock or by chance. */
const LONGEST_PAUSE = 500;

/** Traffic is known when it was watched for so long, in ms: a burst shows nothing of the way back and forth. */
const LEARNING = 1000;

/** Silence has to last so many times the longest gap of late: the next one may be longer than all before. */
const FACTOR = 2;

/** How long a connection is left alone, in ms. */
export interface Silence {
  /** At the least, and in addition to its rhythm. */
  readonly quiet: number;
  /** While its rhythm is not known. */
  readonly idleGrace: number;
}

/** The times of one connection's traffic. */
export class Rhythm {
  /** When the last byte came; before the first, when the connection was opened. */
  lastIn: number;
  /** When the last byte left. */
  lastOut: number;
  /** How long the process had been deaf by then, see `timers.ts`. */
  deafAt: number;
  #spanFrom: number;
  /** When the first byte went. */
  #firstAt: number;
  /** The last bytes were ours. */
  #isOurs = false;
  #longest = 0;
  #longestBefore = 0;
  /** Those that count. The time before the first byte is none: nobody waited for anything. */
  #gaps = -1;
  /** What the kernel says of the way to the peer and back. */
  #roundTrip = 0;

  constructor(opened: number, deaf: number) {
    const now = whole(opened);
    this.lastIn =
      this.lastOut =
      this.#spanFrom =
      this.#firstAt =
        now;
    this.deafAt = deaf;
  }

  /** When the last byte went, whichever way. */
  get last(): number {
    return this.lastIn > this.lastOut ? this.lastIn : this.lastOut;
  }

  /**
   * Bytes came.
   *
   * @param longest A longer gap is no rhythm that a stop could wait for.
   * @param goesOn They go on with a message: it is the peer's way to send, and no pause of its own.
   */
  heard(at: number, deaf: number, longest: number, goesOn = false): void {
    const now = whole(at);
    this.#note(now, this.#isOurs || goesOn ? longest : Math.min(longest, LONGEST_PAUSE));
    this.#isOurs = false;
    this.lastIn = now;
    this.deafAt = deaf;
  }

  /** Bytes left. @param longest The same, where they may answer something; 0 where they don't. */
  said(at: number, deaf: number, longest: number): void {
    const now = whole(at);
    this.#note(now, this.#isOurs ? LONGEST_PAUSE : longest);
    this.#isOurs = true;
    this.lastOut = now;
    this.deafAt = deaf;
  }

  /** The kernel has taken what was left: no activity of anybody's, but bytes have gone. */
  flushed(now: number, deaf: number): void {
    this.lastOut = whole(now);
    this.deafAt = deaf;
  }

  /** The way to the peer and back takes so long, says the kernel, or many times that after it has had to send again. */
  measured(roundTrip: number, longest: number): void {
    if (roundTrip <= longest) this.#roundTrip = whole(roundTrip);
  }

  /**
   * How long a silence has to last, in ms, until nothing is likely to be on its way. Beyond twice the longest gap it is
   * `quiet`: a packet that is lost is sent again, after a round trip and 200 ms (Linux's least; see RFC 6298).
   */
  window({ quiet, idleGrace }: Silence): number {
    return Math.max(quiet + this.shown, this.isKnown ? 0 : idleGrace);
  }

  /** Enough was seen to go by it. */
  get isKnown(): boolean {
    return this.#gaps >= ENOUGH && this.last - this.#firstAt >= LEARNING;
  }

  /** The same by what was shown alone; 0 if that is nothing. */
  get shown(): number {
    return FACTOR * Math.max(this.#longest, this.#longestBefore, this.#roundTrip);
  }

  #note(now: number, longest: number): void {
    const gap = now - this.last;
    if (now - this.#spanFrom >= SPAN) {
      this.#spanFrom = now;
      this.#longestBefore = this.#longest;
      this.#longest = 0;
    }
    if (this.#gaps < 0) {
      this.#gaps = 0;
      this.#firstAt = now;
    } else if (gap <= longest) this.#add(gap);
  }

  #add(gap: number): void {
    if (this.#gaps < ENOUGH) this.#gaps++;
    if (gap > this.#longest) this.#longest = whole(gap);
  }
}

/** Whole numbers cost a connection no memory of their own. Rounded up: a silence is never longer for it. */
function whole(ms: number): number {
  return Math.ceil(ms);
}

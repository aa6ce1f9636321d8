/**
 * The seeded schedule of the in-process network: what happens when, and what goes wrong.
 *
 * @module
 */
import type { Clock } from "../../src/clock.ts";

/** What goes wrong, and how often. A chance is a number from 0 (never) to 1 (always). */
export interface MemoryFaults {
  /** Chance that a chunk is cut in two at a random byte. @default 0 */
  split?: number;
  /** Chance that all that waits arrives as one chunk. @default 0 */
  merge?: number;
  /** Chance that a delivery is late. @default 0 */
  delay?: number;
  /** The longest delay, in ms. @default 50 */
  maxDelay?: number;
  /** Chance, per delivery, that the reader stalls for `stallTime`. @default 0 */
  stall?: number;
  /** How long a stalled reader takes nothing, in ms. @default 1000 */
  stallTime?: number;
  /** Chance, per delivery, that both sides see a reset instead. @default 0 */
  reset?: number;
  /** Chance, per delivery, that the link goes silent for ever: half-open on both sides. @default 0 */
  vanish?: number;
  /** Chance that a connect is refused. @default 0 */
  refuse?: number;
  /** Chance that a connection is reset between connect and accept. @default 0 */
  earlyReset?: number;
  /** Chance that an accept fails, with EMFILE or ECONNABORTED. @default 0 */
  acceptError?: number;
}

/** How long things are under way between the two ends of a connection: bytes, FIN and reset alike, in order. */
export interface MemoryWire {
  /** Delay towards the end that listens, in ms. @default 0 */
  readonly up?: number;
  /** Delay towards the end that dials, in ms. @default 0 */
  readonly down?: number;
  /** How far a delay may be off either way, as a share of it from 0 to 1. @default 0 */
  readonly jitter?: number;
}

/** Timers and I/O of the runtime get a turn after this many deliveries, or endless traffic would starve them. */
const HOPS_PER_TURN = 4_096;
/** Microtasks without a delivery after which `settled` believes that nobody is about to write. */
const QUIET_HOPS = 64;

/** The mulberry32 generator: numbers from 0 up to 1. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Draws every random decision of one in-process network, and runs what was put off. */
export class Schedule {
  faults: MemoryFaults;
  wire: MemoryWire;
  /** The next number from 0 up to 1. */
  readonly random: () => number;
  readonly #clock: Clock;
  #hops = 0;
  #underWay = 0;
  #resting = false;

  constructor(seed: number, clock: Clock, faults: MemoryFaults, wire: MemoryWire) {
    this.random = generator(seed);
    this.#clock = clock;
    this.faults = faults;
    this.wire = wire;
  }

  /** Whether something of this chance happens now. */
  happens(chance = 0): boolean {
    return chance > 0 && this.random() < chance;
  }

  /** How long the next delivery takes, in ms. */
  deliveryDelay(): number {
    const { stall, stallTime = 1_000, delay, maxDelay = 50 } = this.faults;
    if (this.happens(stall)) return stallTime;
    return this.happens(delay) ? this.random() * maxDelay : 0;
  }

  /** How long the wire takes for what leaves now, in ms. */
  latency(towards: "up" | "down"): number {
    const { [towards]: delay = 0, jitter = 0 } = this.wire;
    return delay > 0 && jitter > 0 ? delay * (1 + jitter * (this.random() * 2 - 1)) : delay;
  }

  /** The clock, in ms. */
  now(): number {
    return this.#clock.now();
  }

  /** Calls `fn` after `delay` ms, or one to three microtasks: never at once. The returned function cancels. */
  later(delay: number, fn: () => void): () => void {
    if (delay > 0) return this.#clock.setTimer(fn, delay);
    let cancelled = false;
    let hops = 1 + Math.floor(this.random() * 3);
    const hop = () => {
      if (--hops > 0) return queueMicrotask(hop);
      this.#underWay--;
      if (!cancelled) fn();
    };
    this.#underWay++;
    if (++this.#hops % HOPS_PER_TURN === 0) this.#rest(hop);
    else queueMicrotask(hop);
    return () => {
      cancelled = true;
    };
  }

  #rest(hop: () => void): void {
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      hop();
    }, 0);
  }

  /** Fulfils when nothing is on its way except what waits for the clock. */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_HOPS; quiet++) {
      if (this.#resting) await new Promise((wake) => setTimeout(wake, 0));
      else await null;
      if (this.#underWay > 0) quiet = 0;
    }
  }
}

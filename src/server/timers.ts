/**
 * One coarse timer for all deadlines of a server, instead of one timer per read.
 *
 * @module
 */
import type { Clock } from "../clock.ts";

/** Deadlines fire at most this many ms late; coarse, so that thousands of connections share a few buckets. */
export const TIMER_GRANULARITY = 25;

/** What has deadlines. It keeps its own slot, so that arming costs no look-up. */
export interface TimerTarget {
  /** Bucket it waits in; 0 for none. Owned by the queue. */
  timerSlot: number;
  /** A deadline may be due; the target finds out which, and arms itself again. */
  onTimer(now: number): void;
}

/** Buckets of targets by time; a single runtime timer waits for the earliest. */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #buckets: Map<number, Set<TimerTarget>> = new Map();
  #next = Infinity;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Fires `target` at `at` (ms on the clock), unless it fires earlier already. */
  arm(target: TimerTarget, at: number): void {
    const slot = Math.max(1, Math.ceil(at / TIMER_GRANULARITY));
    if (target.timerSlot !== 0) {
      if (target.timerSlot <= slot) return;
      this.disarm(target);
    }
    target.timerSlot = slot;
    const bucket = this.#buckets.get(slot);
    if (bucket === undefined) this.#buckets.set(slot, new Set([target]));
    else bucket.add(target);
    if (slot < this.#next) this.#wait(slot);
  }

  disarm(target: TimerTarget): void {
    const slot = target.timerSlot;
    if (slot === 0) return;
    target.timerSlot = 0;
    const bucket = this.#buckets.get(slot);
    if (bucket === undefined) return;
    bucket.delete(target);
    if (bucket.size > 0) return;
    this.#buckets.delete(slot);
    if (this.#buckets.size === 0) this.#stop();
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#next = Infinity;
  }

  #wait(slot: number): void {
    this.#cancel?.();
    this.#next = slot;
    const delay = Math.max(0, slot * TIMER_GRANULARITY - this.#clock.now());
    this.#cancel = this.#clock.setTimer(() => this.#fire(), delay);
  }

  #fire(): void {
    this.#cancel = null;
    this.#next = Infinity;
    const now = this.#clock.now();
    const due = Math.floor(now / TIMER_GRANULARITY + 1e-6);
    for (const [slot, bucket] of [...this.#buckets]) {
      if (slot > due) continue;
      this.#buckets.delete(slot);
      for (const target of bucket) {
        // One target's deadline may disarm or arm another of the same bucket.
        if (target.timerSlot !== slot) continue;
        target.timerSlot = 0;
        target.onTimer(now);
      }
    }
    let next = Infinity;
    for (const slot of this.#buckets.keys()) if (slot < next) next = slot;
    if (next < this.#next) this.#wait(next);
  }
}

/**
 * One coarse timer for all deadlines of a server, instead of one timer per read. It also knows when the process could
 * not hear: *heard time* is the clock's, less all the time by which the timer came late.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";

/** Deadlines fire at most this many ms late; coarse, so that thousands of connections share a few buckets. */
export const TIMER_GRANULARITY = 25;

/** A timer that comes so late (ms) comes as it does on a quiet machine. */
const PUNCTUAL = 10;

/** What has deadlines. It keeps its own slot, so that arming costs no look-up. */
export interface TimerTarget {
  /** Bucket it waits in; 0 for none. Owned by the queue. */
  timerSlot: number;
  /** A deadline may be due; the target finds out which, and arms itself again. */
  onTimer(now: number): void;
  /** That threw: what it looks after is ended, and nothing else. */
  timerFailed(error: unknown): void;
}

/** Buckets of targets by time; a single runtime timer waits for the earliest. */
export class TimerQueue {
  /** All lateness so far, in ms: silence in it proves nothing, because nobody listened. */
  deaf = 0;
  readonly #clock: Clock;
  readonly #buckets: Map<number, Set<TimerTarget>> = new Map();
  #next = Infinity;
  #dueAt = Infinity;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Heard time in ms: it goes on as the clock does, and less where a turn came late. */
  heard(): number {
    return this.#clock.now() - this.deaf;
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

  /** Looks at every slot from now on, so that no lateness goes unnoticed. The returned function ends it. */
  attend(): () => void {
    const ear: TimerTarget = {
      timerSlot: 0,
      onTimer: (now) => this.arm(ear, now + TIMER_GRANULARITY),
      timerFailed: () => {},
    };
    this.arm(ear, this.#clock.now() + TIMER_GRANULARITY);
    return () => this.disarm(ear);
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
    const now = this.#clock.now();
    this.#dueAt = Math.max(now, slot * TIMER_GRANULARITY);
    this.#cancel = this.#clock.setTimer(() => this.#fire(), this.#dueAt - now);
  }

  #fire(): void {
    this.#cancel = null;
    this.#next = Infinity;
    const now = this.#clock.now();
    if (now - this.#dueAt > PUNCTUAL) this.deaf += now - this.#dueAt;
    const due = Math.floor(now / TIMER_GRANULARITY + 1e-6);
    for (const [slot, bucket] of [...this.#buckets]) {
      if (slot > due) continue;
      this.#buckets.delete(slot);
      for (const target of bucket) {
        // One target's deadline may disarm or arm another of the same bucket.
        if (target.timerSlot !== slot) continue;
        target.timerSlot = 0;
        try {
          target.onTimer(now);
        } catch (error) {
          // The queue serves all connections: it goes on, and waits for the next slot all the same (issue 11).
          target.timerFailed(error);
        }
      }
    }
    let next = Infinity;
    for (const slot of this.#buckets.keys()) if (slot < next) next = slot;
    if (next < this.#next) this.#wait(next);
  }
}

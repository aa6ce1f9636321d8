/** A clock of a machine that is starved. */
import type { Clock } from "../../src/clock.ts";
import type { VirtualClock } from "../../src/testing/mod.ts";

/** Time whose timers come late, as on a machine that is starved. */
export class LateClock implements Clock {
  readonly inner: VirtualClock;
  late = 0;

  constructor(inner: VirtualClock) {
    this.inner = inner;
  }

  now(): number {
    return this.inner.now();
  }

  setTimer(fn: () => void, delay: number): () => void {
    return this.inner.setTimer(fn, delay + this.late);
  }

  soon(fn: () => void): void {
    this.inner.soon(fn);
  }
}

/**
 * Bounds of durations that hold on a busy machine too: what took long is told from what was made to wait.
 *
 * @module
 */
import process from "node:process";

/** How late this process's timers have come, added up: bounds of durations stretch by it. */
export class Lag {
  #total = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  begin(): void {
    const every = 20;
    let due = performance.now() + every;
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#total += Math.max(0, now - due - 5);
      due = now + every;
    }, every);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** From now on: call what it gives for the lag since. */
  mark(): () => number {
    const then = this.#total;
    return () => this.#total - then;
  }
}

/** Milliseconds that this process has worked so far, on whatever core: for bounds of what never waits. */
export function worked(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A pool of things that a test makes, in virtual time. */
import { assertEquals } from "@std/assert";
import { silentLogger } from "../../mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import { type Pool, pool, type PoolOptions } from "../../src/upstream/mod.ts";

/** A connection that does nothing but end. */
export class Thing {
  readonly number: number;
  isClosed = false;
  /** Tells its pool that it has died. */
  die: (reason?: unknown) => void = () => {};

  constructor(number: number) {
    this.number = number;
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A pool and what it made. */
export class PoolWorld implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock({ turns: 1 });
  readonly made: Thing[] = [];
  /** What the next connects do instead of making one. */
  readonly failures: Error[] = [];
  /** All of them fail so. */
  broken: Error | null = null;
  /** How long a connect takes, in ms. */
  delay = 0;
  readonly pool: Pool<Thing>;

  constructor(options: PoolOptions<Thing> = {}) {
    this.pool = pool(() => this.#make(), {
      clock: this.clock,
      logger: silentLogger,
      watch: (thing, gone) => thing.die = gone,
      ...options,
    });
  }

  async #make(): Promise<Thing> {
    if (this.delay > 0) await new Promise<void>((resolve) => this.clock.setTimer(resolve, this.delay));
    const failure = this.broken ?? this.failures.shift();
    if (failure !== undefined) throw failure;
    const thing = new Thing(this.made.length + 1);
    this.made.push(thing);
    return thing;
  }

  get open(): number {
    return this.made.filter((thing) => !thing.isClosed).length;
  }

  /** Lets what needs no time happen. */
  settle(): Promise<void> {
    return this.pass(0);
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.clock.settle();
  }

  /** Total, idle, in use, being made, waiting. */
  get counts(): number[] {
    const { total, idle, inUse, connecting, waiting } = this.pool.stats;
    return [total, idle, inUse, connecting, waiting];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const limit = AbortSignal.abort();
    await this.pool.drain(limit);
    await this.settle();
    assertEquals(this.counts.slice(1), [0, this.pool.stats.inUse, 0, 0]);
  }
}

/**
 * Waiting for one another: `WaitGroup`, `Semaphore`, `Once` and `SingleFlight`, in the manner of Go's `sync`.
 *
 * @module
 */
import { afterFunc, type ContextParent } from "./context/mod.ts";
import { OptionError } from "./errors.ts";
import { gotNumber } from "./names.ts";

interface Waiter {
  readonly permits: number;
  readonly resolve: () => void;
}

/** Why a context has ended, so that any reason can be told from none. */
export interface End {
  readonly reason: unknown;
}

/** Why a context or signal has ended; null while it lives. @throws {OptionError} It is neither. */
export function endOf(ctx: ContextParent | undefined): End | null {
  if (ctx === undefined) return null;
  const given: unknown = ctx;
  if (typeof given !== "object" || given === null || !("aborted" in given || "signal" in given)) {
    throw new OptionError("ctx", `ctx must be a context or an AbortSignal, got ${String(given)}`);
  }
  if ("aborted" in ctx) return ctx.aborted ? { reason: ctx.reason } : null;
  return ctx.err() === null ? null : { reason: ctx.cause() };
}

/** Joins `queue` until somebody calls `resolve`; leaves it, then calls `left` and rejects, when `ctx` ends first. */
function park(queue: Set<Waiter>, permits: number, ctx: ContextParent | undefined, left: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = ctx && afterFunc(ctx, () => {
      queue.delete(waiter);
      reject(endOf(ctx)?.reason);
      left();
    });
    const waiter: Waiter = {
      permits,
      resolve: () => {
        queue.delete(waiter);
        stop?.();
        resolve();
      },
    };
    queue.add(waiter);
  });
}

/** What `work` gives, unless `ctx` ends first: then its cause. The work goes on, and its failure is nobody's any more. */
function until<T>(work: Promise<T>, ctx: ContextParent | undefined): Promise<T> {
  if (ctx === undefined) return work;
  return new Promise((resolve, reject) => {
    const stop = afterFunc(ctx, () => reject(endOf(ctx)?.reason));
    work.then(
      (value) => {
        stop();
        resolve(value);
      },
      (error) => {
        stop();
        reject(error);
      },
    );
  });
}

function checkFunction(call: string, fn: unknown): void {
  if (typeof fn !== "function") {
    throw new TypeError(`${call} takes a function, got ${typeof fn}; pass () => work()`);
  }
}

function checkCount(option: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new OptionError(option, `${option} must be a whole number of at least ${least}, got ${gotNumber(value)}`);
  }
}

/**
 * Waits for a number of tasks (Go: `sync.WaitGroup`) and tells how they ended (`golang.org/x/sync/errgroup`): a task's
 * failure is told by `wait()`, and by nothing else.
 *
 * @example
 * ```ts
 * const group = new WaitGroup();
 * for (const url of urls) group.go(() => fetch(url));
 * await group.wait();
 * ```
 */
export class WaitGroup {
  readonly #waiters: Set<Waiter> = new Set();
  #count = 0;
  #failure: { readonly reason: unknown } | null = null;
  /** Somebody has heard of it. */
  #isTold = false;

  /** Tasks still running. */
  get count(): number {
    return this.#count;
  }

  /**
   * Counts `delta` more tasks, or fewer if negative.
   *
   * @throws {OptionError} The counter would be negative, or `delta` is no whole number; nothing is changed.
   */
  add(delta = 1): void {
    if (!Number.isSafeInteger(delta)) {
      throw new OptionError("delta", `delta must be a whole number, got ${gotNumber(delta)}`);
    }
    const count = this.#count + delta;
    if (count < 0) {
      throw new OptionError("delta", `WaitGroup: ${delta} added to ${this.#count} makes the counter negative`);
    }
    if (this.#count === 0 && this.#isTold) {
      this.#failure = null;
      this.#isTold = false;
    }
    this.#count = count;
    if (count > 0) return;
    for (const waiter of this.#waiters) waiter.resolve();
  }

  /** Counts one task as finished. @throws {OptionError} None was running. */
  done(): void {
    this.add(-1);
  }

  /**
   * Starts `fn` at once and counts it until it has finished, well or not (Go: `WaitGroup.Go`, `errgroup.Group.Go`).
   * What it returns is dropped; the first failure is `wait()`'s. Once that has told it, the group can be used anew.
   *
   * @throws {TypeError} Synchronously: `fn` is no function, and nothing is counted.
   */
  go(fn: () => unknown): void {
    checkFunction("go()", fn);
    this.add(1);
    void this.#run(fn);
  }

  async #run(fn: () => unknown): Promise<void> {
    try {
      await fn();
    } catch (reason) {
      this.#failure ??= { reason };
    }
    this.done();
  }

  /**
   * Waits until the counter is 0.
   *
   * @param ctx Gives up when it ends.
   * @throws The first failure of a task that `go()` started, once all have finished; or the context's cause.
   * @throws {OptionError} Synchronously: `ctx` is no context.
   */
  wait(ctx?: ContextParent): Promise<void> {
    return this.#wait(endOf(ctx), ctx);
  }

  async #wait(end: End | null, ctx: ContextParent | undefined): Promise<void> {
    if (this.#count > 0) {
      if (end) throw end.reason;
      await park(this.#waiters, 0, ctx, () => {});
    }
    if (this.#failure === null) return;
    this.#isTold = true;
    throw this.#failure.reason;
  }
}

/**
 * A number of permits, handed out first come, first served (Go: `golang.org/x/sync/semaphore`).
 *
 * @example
 * ```ts
 * const slots = new Semaphore(4);
 * const release = await slots.acquire(ctx);
 * try {
 *   await work();
 * } finally {
 *   release();
 * }
 * ```
 */
export class Semaphore {
  /** How many permits there are in all. */
  readonly size: number;
  readonly #waiters: Set<Waiter> = new Set();
  #free: number;

  /** Makes `size` free permits. @throws {OptionError} `size` is not a whole number of at least 1. */
  constructor(size: number) {
    checkCount("size", size, 1);
    this.size = size;
    this.#free = size;
  }

  /** Permits that nobody holds. */
  get free(): number {
    return this.#free;
  }

  /** Callers of `acquire` that wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Takes permits, after everybody who asked before.
   *
   * @param ctx Gives up when it ends; one that has ended takes nothing.
   * @param permits How many. @default 1
   * @returns A function that gives them back; calling it twice is harmless.
   * @throws The context's cause.
   * @throws {OptionError} Synchronously: `permits` is less than 1 or more than `size`, or `ctx` is no context.
   */
  acquire(ctx?: ContextParent, permits = 1): Promise<() => void> {
    this.#check(permits);
    return this.#acquire(endOf(ctx), ctx, permits);
  }

  async #acquire(end: End | null, ctx: ContextParent | undefined, permits: number): Promise<() => void> {
    if (end) throw end.reason;
    if (!this.#take(permits)) await park(this.#waiters, permits, ctx, () => this.#grant());
    return this.#releaser(permits);
  }

  /**
   * Takes permits if it need not wait, nor overtake anybody; null otherwise.
   *
   * @throws {OptionError} `permits` is less than 1 or more than `size`.
   */
  tryAcquire(permits = 1): (() => void) | null {
    this.#check(permits);
    return this.#take(permits) ? this.#releaser(permits) : null;
  }

  #check(permits: number): void {
    checkCount("permits", permits, 1);
    if (permits > this.size) {
      throw new OptionError("permits", `permits must be at most the semaphore's size ${this.size}, got ${permits}`);
    }
  }

  #take(permits: number): boolean {
    if (this.#waiters.size > 0 || permits > this.#free) return false;
    this.#free -= permits;
    return true;
  }

  #releaser(permits: number): () => void {
    let held = permits;
    return () => {
      this.#free += held;
      held = 0;
      this.#grant();
    };
  }

  /** The permits change hands here, before the waiter runs, so that nobody overtakes it meanwhile. */
  #grant(): void {
    for (const waiter of this.#waiters) {
      if (waiter.permits > this.#free) return;
      this.#free -= waiter.permits;
      waiter.resolve();
    }
  }
}

/** Runs one function once, however many ask for it (Go: `sync.Once`, with the result of `sync.OnceValue`). */
export class Once<T = void> {
  #result: Promise<T> | null = null;

  /** Whether `do` was called. */
  get called(): boolean {
    return this.#result !== null;
  }

  /**
   * The first call runs its `fn`; every call gets that one's result, or its failure.
   * Waiting for it inside `fn` never ends.
   *
   * @param ctx Gives up waiting when it ends, while `fn` goes on; one that has ended runs nothing.
   * @throws What `fn` throws, or the context's cause.
   * @throws {TypeError} Synchronously: `fn` is no function.
   * @throws {OptionError} Synchronously: `ctx` is no context.
   */
  do(fn: () => T | Promise<T>, ctx?: ContextParent): Promise<T> {
    checkFunction("do()", fn);
    const end = endOf(ctx);
    if (end) return Promise.reject(end.reason);
    return until(this.#result ?? this.#begin(fn), ctx);
  }

  #begin(fn: () => T | Promise<T>): Promise<T> {
    let resolve!: (value: Promise<T>) => void;
    // Set before `fn` runs, so that a call from inside it does not start a second run.
    const result = this.#result = new Promise<T>((r) => resolve = r);
    resolve(attempt(fn));
    return result;
  }
}

/**
 * Joins calls for the same key while one is under way (Go: `golang.org/x/sync/singleflight`).
 *
 * @example
 * ```ts
 * const flights = new SingleFlight<string, User>();
 * const user = await flights.do(id, () => loadUser(id), ctx);
 * ```
 */
export class SingleFlight<K, T> {
  readonly #flights: Map<K, Promise<T>> = new Map();

  /** Keys under way. */
  get size(): number {
    return this.#flights.size;
  }

  /**
   * Runs `fn`, unless a call for `key` is under way: then its result, or its failure, is this one's too. The work is for
   * all who wait: it doesn't end when one of them leaves, or all. What limits it is a context of its own.
   *
   * @param ctx Gives up waiting when it ends, and the others wait on; one that has ended runs nothing.
   * @throws What `fn` throws, or the context's cause.
   * @throws {TypeError} Synchronously: `fn` is no function.
   * @throws {OptionError} Synchronously: `ctx` is no context.
   */
  do(key: K, fn: () => T | Promise<T>, ctx?: ContextParent): Promise<T> {
    checkFunction("do()", fn);
    const end = endOf(ctx);
    if (end) return Promise.reject(end.reason);
    return until(this.#flights.get(key) ?? this.#begin(key, fn), ctx);
  }

  #begin(key: K, fn: () => T | Promise<T>): Promise<T> {
    let resolve!: (value: Promise<T>) => void;
    const flight = new Promise<T>((r) => resolve = r);
    this.#flights.set(key, flight);
    resolve(this.#run(key, flight, fn));
    return flight;
  }

  /** The next call for `key` runs its own function, even while one is under way. */
  forget(key: K): void {
    this.#flights.delete(key);
  }

  async #run(key: K, flight: Promise<T>, fn: () => T | Promise<T>): Promise<T> {
    try {
      return await fn();
    } finally {
      // After `forget` the key may belong to a later call.
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    }
  }
}

async function attempt<T>(fn: () => T | Promise<T>): Promise<T> {
  return await fn();
}

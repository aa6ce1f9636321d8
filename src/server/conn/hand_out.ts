/**
 * Hands out what a connection brought, one by one: to who asks for it, or to a function.
 *
 * @module
 */
import { InUseError } from "../../errors.ts";

/** Where the items come from. */
export interface ItemSource<T> {
  /** Items that wait. */
  readonly size: number;
  /** No more will come. */
  readonly ended: boolean;
  /** The oldest item; only while `size` is above 0. */
  take(): T;
  /** The taker learns of the end: returns why, null if it ended well. */
  takeEnd(): unknown;
  /** The taker wants more and there is nothing: what it took is dealt with. */
  idle(): void;
}

/** Somebody who asked for items before there were any. */
interface Waiter {
  readonly take: () => unknown;
  readonly resolve: (result: IteratorResult<never>) => void;
  readonly reject: (error: unknown) => void;
}

/** The function that items are pushed to. */
interface Sink<T> {
  readonly fn: (item: T) => void | Promise<void>;
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** An iteration's last result. */
export const DONE: IteratorResult<never> = { done: true, value: undefined };

/** The taking end of one source. */
export class Delivery<T> {
  readonly #source: ItemSource<T>;
  readonly #waiters: Waiter[] = [];
  #sink: Sink<T> | null = null;
  /** An item is with the sink's function. */
  #pumping = false;

  constructor(source: ItemSource<T>) {
    this.#source = source;
  }

  /** Somebody takes items, or waits for one. */
  get isTaken(): boolean {
    return this.#sink !== null || this.#waiters.length > 0;
  }

  /** The next item, or whatever `take` makes of those that wait; done after the last. */
  ask<V>(take: () => V): Promise<IteratorResult<V>> {
    if (this.#sink !== null) throw inUse();
    if (this.#waiters.length === 0 && this.#source.size > 0) {
      return Promise.resolve({ done: false, value: take() });
    }
    const asked: Promise<IteratorResult<V>> = new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        // Nobody may be listening: it was left behind.
        asked.catch(() => {});
        reject(error);
      };
      this.#waiters.push({ take, resolve, reject: fail });
    });
    this.#source.idle();
    this.wake();
    return asked;
  }

  /** Calls `fn` for each item from now on. While a promise of `fn` is pending the next item waits. */
  forEach(fn: (item: T) => void | Promise<void>): Promise<void> {
    if (this.isTaken) throw inUse();
    let resolve = () => {};
    let reject: (error: unknown) => void = () => {};
    const done = new Promise<void>((...settle) => [resolve, reject] = settle);
    this.#sink = { fn, done, resolve, reject };
    this.wake();
    return done;
  }

  /** There may be something to take. */
  wake(): void {
    if (this.#sink !== null) return this.#pump(this.#sink);
    while (this.#waiters.length > 0 && (this.#source.size > 0 || this.#source.ended)) {
      this.#serve(this.#waiters.shift()!);
    }
  }

  #serve(waiter: Waiter): void {
    if (this.#source.size > 0) return waiter.resolve({ done: false, value: waiter.take() as never });
    const error = this.#source.takeEnd();
    if (error === null) waiter.resolve(DONE);
    else waiter.reject(error);
  }

  #pump(sink: Sink<T>): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#source.size > 0) {
        const result = sink.fn(this.#source.take());
        if (isThenable(result)) return this.#waitFor(result, sink);
      }
    } catch (error) {
      return this.#endSink(() => sink.reject(error));
    }
    this.#pumping = false;
    this.#source.idle();
    // That may have brought more, and its taker may be at work.
    if (this.#pumping || this.#source.size > 0) return;
    if (this.#source.ended && this.#sink === sink) this.#endSink(() => this.#settle(sink));
  }

  #waitFor(result: PromiseLike<void>, sink: Sink<T>): void {
    result.then(
      () => {
        this.#pumping = false;
        this.#pump(sink);
      },
      (error) => this.#endSink(() => sink.reject(error)),
    );
  }

  #endSink(settle: () => void): void {
    this.#pumping = false;
    this.#sink = null;
    settle();
  }

  #settle(sink: Sink<T>): void {
    const error = this.#source.takeEnd();
    if (error === null) return sink.resolve();
    // A peer must not end the process of someone who doesn't look at this promise.
    sink.done.catch(() => {});
    sink.reject(error);
  }
}

function inUse(): InUseError {
  return new InUseError("Messages are already being taken, end that first");
}

function isThenable(value: unknown): value is PromiseLike<void> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

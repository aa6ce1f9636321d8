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
  /** Null for one item as it is. */
  readonly take: (() => unknown) | null;
  readonly asked: Promise<unknown>;
  readonly resolve: (result: IteratorResult<never>) => void;
  readonly reject: (error: unknown) => void;
}

/** Whom items are pushed to. */
export interface Sink<T> {
  /** Takes an item. While a promise of this is pending the next one waits. */
  take(item: T): void | Promise<void>;
  /** The last one was taken. @param error Why no more come; null if it ended well. */
  ended(error: unknown): void;
  /** `take` has failed, and gets no more. */
  failed(error: unknown): void;
}

/** Hears of the end of a `forEach()`, besides those who have its promise: without a promise of its own. */
export interface PushEar {
  /** Its promise is settled. */
  pushEnded(): void;
}

/** A function that items are pushed to, and a promise of the end. */
class Push<T> implements Sink<T> {
  readonly done: Promise<void>;
  readonly #fn: (item: T) => void | Promise<void>;
  readonly #ear: PushEar | null;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor(fn: (item: T) => void | Promise<void>, ear: PushEar | null) {
    this.#fn = fn;
    this.#ear = ear;
    this.done = new Promise((fulfil, fail) => {
      this.#resolve = fulfil;
      this.#reject = fail;
    });
  }

  take(item: T): void | Promise<void> {
    return this.#fn(item);
  }

  ended(error: unknown): void {
    // A peer must not end the process of someone who doesn't look at this promise.
    if (error !== null) this.done.catch(ignore);
    if (error === null) this.#resolve();
    else this.#reject(error);
    this.#ear?.pushEnded();
  }

  failed(error: unknown): void {
    if (this.#ear !== null) this.done.catch(ignore);
    this.#reject(error);
    this.#ear?.pushEnded();
  }
}

/** An iteration's last result. */
export const DONE: IteratorResult<never> = { done: true, value: undefined };

/** The taking end of one source. */
export class Delivery<T> {
  readonly #source: ItemSource<T>;
  /** Null while nobody waits: there may be many thousands of these. */
  #waiters: Waiter[] | null = null;
  #sink: Sink<T> | null = null;
  /** An item is with the sink's function. */
  #pumping = false;

  constructor(source: ItemSource<T>) {
    this.#source = source;
  }

  /** Somebody takes items, or waits for one. */
  get isTaken(): boolean {
    return this.#sink !== null || this.#waiters !== null;
  }

  /** A `forEach()` goes on. */
  get isPushing(): boolean {
    return this.#sink !== null;
  }

  /** The next item; done after the last. */
  next(): Promise<IteratorResult<T>> {
    return this.#ask(null);
  }

  /** Whatever `take` makes of the items that wait, as soon as there are any; done after the last. */
  ask<V>(take: () => V): Promise<IteratorResult<V>> {
    return this.#ask(take);
  }

  #ask<V>(take: (() => V) | null): Promise<IteratorResult<V>> {
    if (this.#sink !== null) throw inUse();
    if (this.#waiters === null && this.#source.size > 0) {
      return Promise.resolve({ done: false, value: this.#taken(take) as V });
    }
    let resolve!: Waiter["resolve"];
    let reject!: Waiter["reject"];
    const asked = new Promise<IteratorResult<V>>((fulfil, fail) => {
      resolve = fulfil;
      reject = fail;
    });
    (this.#waiters ??= []).push({ take, asked, resolve, reject });
    this.#source.idle();
    this.wake();
    return asked;
  }

  /**
   * Calls `fn` for each item from now on. While a promise of `fn` is pending the next item waits.
   *
   * @param ear Hears of a failure, too: then nobody has to look at the promise.
   */
  forEach(fn: (item: T) => void | Promise<void>, ear: PushEar | null = null): Promise<void> {
    if (this.isTaken) throw inUse();
    const push = new Push(fn, ear);
    this.pushTo(push);
    return push.done;
  }

  /** The same for one who needs no promise. */
  pushTo(sink: Sink<T>): void {
    if (this.isTaken) throw inUse();
    this.#sink = sink;
    this.wake();
  }

  /** There may be something to take. */
  wake(): void {
    if (this.#sink !== null) return this.#pump(this.#sink);
    while (this.#waiters !== null && (this.#source.size > 0 || this.#source.ended)) {
      const waiter = this.#waiters.shift()!;
      if (this.#waiters.length === 0) this.#waiters = null;
      this.#serve(waiter);
    }
  }

  #taken(take: (() => unknown) | null): unknown {
    return take === null ? this.#source.take() : take();
  }

  #serve(waiter: Waiter): void {
    if (this.#source.size > 0) return waiter.resolve({ done: false, value: this.#taken(waiter.take) as never });
    const error = this.#source.takeEnd();
    if (error === null) return waiter.resolve(DONE);
    // Nobody may be listening: it was left behind.
    waiter.asked.catch(ignore);
    waiter.reject(error);
  }

  #pump(sink: Sink<T>): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#source.size > 0) {
        const result = sink.take(this.#source.take());
        if (isThenable(result)) return this.#waitFor(result, sink);
      }
    } catch (error) {
      return this.#failSink(sink, error);
    }
    this.#pumping = false;
    this.#source.idle();
    // That may have brought more, and its taker may be at work.
    if (this.#pumping || this.#source.size > 0) return;
    if (this.#source.ended && this.#sink === sink) this.#settle(sink);
  }

  #waitFor(result: PromiseLike<void>, sink: Sink<T>): void {
    result.then(
      () => {
        this.#pumping = false;
        this.#pump(sink);
      },
      (error) => this.#failSink(sink, error),
    );
  }

  /** Its function has thrown. */
  #failSink(sink: Sink<T>, error: unknown): void {
    this.#endSink();
    sink.failed(error);
  }

  #endSink(): void {
    this.#pumping = false;
    this.#sink = null;
  }

  #settle(sink: Sink<T>): void {
    this.#endSink();
    sink.ended(this.#source.takeEnd());
  }
}

function ignore(): void {}

function inUse(): InUseError {
  return new InUseError("Messages are already being taken, end that first");
}

function isThenable(value: unknown): value is PromiseLike<void> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

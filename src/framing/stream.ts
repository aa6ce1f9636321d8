/**
 * Frames of a connection, pulled one by one, pulled in batches, or pushed to a function.
 *
 * @module
 */
import { SluiceError } from "../errors.ts";
import type { Decoder } from "./decoder.ts";
import { type FrameConn, FrameIntake, type FrameStreamOptions } from "./intake.ts";

/** Somebody who asked for frames before there were any. */
interface Waiter {
  readonly take: () => unknown;
  readonly resolve: (result: IteratorResult<never>) => void;
  readonly reject: (error: unknown) => void;
}

/** The function that frames are pushed to. */
interface Sink<T> {
  readonly fn: (frame: T) => void | Promise<void>;
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const DONE: IteratorResult<never> = { done: true, value: undefined };

/**
 * The frames of a connection (Go: `bufio.Scanner`). Take them in one of three ways: `for await` or `next()`,
 * `forEach()`, or `batches()`; the last two cost no promise per frame.
 *
 * Frames decoded before an error are delivered before it. When the connection is lost, frames that wait are not:
 * nobody is left to answer. With too many waiting, the connection is paused.
 */
export class FrameStream<T> implements AsyncIterableIterator<T> {
  readonly #intake: FrameIntake<T>;
  readonly #waiters: Waiter[] = [];
  readonly #takeOne = (): T => this.#intake.take();
  #sink: Sink<T> | null = null;
  /** A frame is with the sink's function. */
  #pumping = false;

  /**
   * Takes over the bytes of `conn`.
   *
   * @throws {OptionError} An option can't be used.
   */
  constructor(conn: FrameConn, decoder: Decoder<T>, options: FrameStreamOptions = {}) {
    this.#intake = new FrameIntake(conn, decoder, () => this.#wake(), options);
    this.#intake.attach();
  }

  /** The connection is paused because too many frames wait. */
  get paused(): boolean {
    return this.#intake.paused;
  }

  /**
   * The next frame; done after the peer's FIN. Asking again says that the frame before is dealt with. With the end, or
   * an error, the connection is given back.
   *
   * @throws {FrameError} The peer broke the framing.
   * @throws {SluiceError} The connection was lost, with the connection's own error.
   */
  next(): Promise<IteratorResult<T>> {
    return this.#ask(this.#takeOne);
  }

  /** Gives the connection back; bytes of frames not taken, and of an incomplete one, come next from its `read()`. */
  return(): Promise<IteratorResult<T>> {
    this.#intake.release();
    this.#wake();
    return Promise.resolve(DONE);
  }

  /** Itself: there is one queue, and each frame is delivered once. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * All frames that arrived together, as arrays that are never empty.
   *
   * @example
   * ```ts
   * for await (const lines of stream.batches()) await conn.write(lines.join("\n") + "\n");
   * ```
   */
  batches(): AsyncIterableIterator<T[]> {
    const take = () => this.#intake.takeAll();
    return {
      next: () => this.#ask(take),
      return: async () => {
        await this.return();
        return DONE;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /**
   * Calls `fn` for each frame, straight from the connection's data callback; fulfils after the peer's FIN. While a
   * promise of `fn` is pending the next frame waits, so return one only to hold the peer back. A handler awaits or
   * returns what this returns, or closes the connection itself when it settles.
   *
   * @example
   * ```ts
   * serve({ port: 9000 }, (conn) => {
   *   const text = lines(conn);
   *   return text.forEach((line) => void text.send(`echo: ${line}`));
   * });
   * ```
   * @throws What `fn` throws, and what `next()` throws.
   */
  forEach(fn: (frame: T) => void | Promise<void>): Promise<void> {
    if (this.#sink !== null || this.#waiters.length > 0) return Promise.reject(inUse());
    let resolve = () => {};
    let reject: (error: unknown) => void = () => {};
    const done = new Promise<void>((...settle) => [resolve, reject] = settle);
    this.#sink = { fn, done, resolve, reject };
    this.#wake();
    return done;
  }

  #ask<V>(take: () => V): Promise<IteratorResult<V>> {
    if (this.#sink !== null) return Promise.reject(inUse());
    if (this.#waiters.length === 0 && this.#intake.size > 0) {
      return Promise.resolve({ done: false, value: take() });
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ take, resolve, reject });
      this.#intake.idle();
      this.#wake();
    });
  }

  #wake(): void {
    if (this.#sink !== null) return this.#pump(this.#sink);
    while (this.#waiters.length > 0 && (this.#intake.size > 0 || this.#intake.ended)) {
      this.#serve(this.#waiters.shift()!);
    }
  }

  #serve(waiter: Waiter): void {
    if (this.#intake.size > 0) return waiter.resolve({ done: false, value: waiter.take() as never });
    const error = this.#intake.takeEnd();
    if (error === null) waiter.resolve(DONE);
    else waiter.reject(error);
  }

  #pump(sink: Sink<T>): void {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#intake.size > 0) {
        const result = sink.fn(this.#intake.take());
        if (isThenable(result)) return this.#waitFor(result, sink);
      }
    } catch (error) {
      return this.#endSink(() => sink.reject(error));
    }
    this.#pumping = false;
    this.#intake.idle();
    if (this.#intake.ended && this.#sink === sink) this.#endSink(() => this.#settle(sink));
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
    const error = this.#intake.takeEnd();
    if (error === null) return sink.resolve();
    // A peer must not end the process of someone who doesn't look at this promise.
    sink.done.catch(() => {});
    sink.reject(error);
  }
}

function inUse(): SluiceError {
  return new SluiceError("ERR_FRAMES_IN_USE", "the frames are already being taken: end that first");
}

function isThenable(value: unknown): value is PromiseLike<void> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/**
 * Frames of a connection, pulled one by one, pulled in batches, or pushed to a function.
 *
 * @module
 */
import { Delivery, DONE } from "../server/conn/hand_out.ts";
import { callable } from "../validate.ts";
import type { Decoder } from "./decoder.ts";
import { type FrameConn, FrameIntake, type FrameStreamOptions } from "./intake.ts";

/**
 * The frames of a connection (Go: `bufio.Scanner`). Take them in one of three ways: `for await` or `next()`,
 * `forEach()`, or `batches()`; the last two cost no promise per frame.
 *
 * Frames decoded before an error are delivered before it. When the connection is lost, frames that wait are not:
 * nobody is left to answer. With too many waiting, the connection is paused.
 */
export class FrameStream<T> implements AsyncIterableIterator<T> {
  readonly #intake: FrameIntake<T>;
  readonly #delivery: Delivery<T>;

  /**
   * Takes over the bytes of `conn`.
   *
   * @throws {OptionError} An option can't be used.
   * @throws {InUseError} Another consumer has them, or a `read()` is pending.
   */
  constructor(conn: FrameConn, decoder: Decoder<T>, options: FrameStreamOptions<FrameStream<T>> = {}) {
    const goodbye = callable("goodbye", options.goodbye);
    const say = goodbye && ((): void | Promise<void> => goodbye(this));
    this.#intake = new FrameIntake(conn, decoder, () => this.#delivery.wake(), options, say);
    this.#delivery = new Delivery(this.#intake);
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
    return this.#delivery.next();
  }

  /** Gives the connection back; bytes of frames not taken, and of an incomplete one, come next from its `read()`. */
  return(): Promise<IteratorResult<T>> {
    this.#intake.release();
    this.#delivery.wake();
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
      next: () => this.#delivery.ask(take),
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
    return this.#delivery.forEach(fn);
  }
}

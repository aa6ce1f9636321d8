/**
 * What all byte decoders share: the held bytes, and death after an error.
 *
 * @module
 */
import { FrameError } from "../errors.ts";
import { Accumulator } from "./accumulator.ts";
import type { Decoder, FrameErrorCode } from "./decoder.ts";

/** Makes the error of a broken frame. */
export function frameError(code: FrameErrorCode, message: string, options?: ErrorOptions): FrameError {
  return new FrameError(code, message, options);
}

/** A decoder whose unfinished frame is in `held`. */
export abstract class BaseDecoder<T> implements Decoder<T> {
  protected readonly held: Accumulator = new Accumulator();
  #error: unknown = null;

  /** Cuts `chunk`; may throw a `FrameError`. */
  protected abstract feed(chunk: Uint8Array, out: T[]): void;
  /** Deals with what is left at the end; called only while `held` has bytes. */
  protected abstract flush(out: T[]): void;
  abstract measure(bytes: Uint8Array, count: number): number;

  get buffered(): number {
    return this.held.length;
  }

  unread(): Uint8Array {
    return this.held.view();
  }

  decode(chunk: Uint8Array, out: T[]): void {
    this.#checkAlive();
    try {
      this.feed(chunk, out);
    } catch (error) {
      this.#die(error);
    }
  }

  finish(out: T[]): void {
    this.#checkAlive();
    if (this.held.length === 0) return;
    try {
      this.flush(out);
    } catch (error) {
      this.#die(error);
    }
  }

  #checkAlive(): void {
    if (this.#error === null) return;
    throw frameError("ERR_FRAME_DEAD", "The decoder is dead after an earlier error", { cause: this.#error });
  }

  #die(error: unknown): never {
    this.#error = error;
    this.held.clear();
    throw error;
  }
}

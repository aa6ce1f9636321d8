/**
 * Decoders whose frames are made of another decoder's.
 *
 * @module
 */
import { FrameError } from "../errors.ts";
import { frameError } from "./base_decoder.ts";
import type { Decoder } from "./decoder.ts";

/** Opens each frame as soon as it is cut. */
export class MappedDecoder<Raw, T> implements Decoder<T> {
  protected readonly cut: Decoder<Raw>;
  protected readonly open: (raw: Raw) => T;
  #error: FrameError | null = null;

  constructor(cut: Decoder<Raw>, open: (raw: Raw) => T) {
    this.cut = cut;
    this.open = open;
  }

  get buffered(): number {
    return this.#error === null ? this.cut.buffered : 0;
  }

  unread(): Uint8Array {
    return this.#error === null ? this.cut.unread() : new Uint8Array(0);
  }

  measure(bytes: Uint8Array, count: number): number {
    return this.cut.measure(bytes, count);
  }

  decode(chunk: Uint8Array, out: T[]): void {
    this.#convert((frames) => this.cut.decode(chunk, frames), out);
  }

  finish(out: T[]): void {
    this.#convert((frames) => this.cut.finish(frames), out);
  }

  #convert(cut: (frames: Raw[]) => void, out: T[]): void {
    if (this.#error !== null) {
      throw frameError("ERR_FRAME_DEAD", "The decoder is dead after an earlier error", { cause: this.#error });
    }
    const frames: Raw[] = [];
    try {
      try {
        cut(frames);
      } finally {
        // Also after an error: what was decoded before it is delivered, and an earlier bad frame is the first error.
        for (const frame of frames) out.push(this.open(frame));
      }
    } catch (error) {
      if (error instanceof FrameError) this.#error = error;
      throw error;
    }
  }
}

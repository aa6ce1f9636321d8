/**
 * Room for small frames.
 *
 * @module
 */
import { wordsOf } from "./mask.ts";

/** Frames share so much: large enough that making it costs little per frame, small for one that stays unsent. */
const SLAB_BYTES = 16_384;

/** Gives out room from one piece of memory after the other, each byte once: what was written to a socket is not touched. */
export class Slab {
  bytes: Uint8Array = new Uint8Array(0);
  words: Int32Array | null = null;
  /** Where the room begins that was asked for last. */
  at = 0;

  /** Whether there are `size` bytes, at most {@linkcode SLAB_BYTES}, at `at`. */
  has(size: number): boolean {
    return this.at + size <= this.bytes.length;
  }

  /** Begins a new piece of memory. */
  renew(): void {
    this.bytes = new Uint8Array(SLAB_BYTES);
    this.words = wordsOf(this.bytes);
    this.at = 0;
  }

  /** What was written from `at` on, up to `end`. */
  take(end: number): Uint8Array {
    const taken = this.bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }
}

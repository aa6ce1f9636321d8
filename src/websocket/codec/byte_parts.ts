/**
 * Bytes of a message, given out without keeping much more than themselves in memory.
 *
 * @module
 */
import { concat } from "../../bytes.ts";

/** Parts below this are copied: what keeps track of a part costs more. */
const KEEP_FROM = 1024;

/** A view may keep so many times its own size in memory. */
const MAX_WASTE = 4;

/** A whole message may keep a chunk so small in any case. */
const SMALL_CHUNK = 8192;

/** First and largest block that small parts are copied into. */
const FIRST_BLOCK = 64;
const MAX_BLOCK = 16_384;

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * `chunk[start..end)` as a message of its own. It is a view unless that would keep a chunk in memory that is both above
 * 8 KiB and more than four times as large as the message: an application that keeps small messages must not keep the
 * 64 KiB that each of them came in.
 */
export function ownBytes(chunk: Uint8Array, start: number, end: number): Uint8Array {
  const view = new Uint8Array(chunk.buffer, chunk.byteOffset + start, end - start);
  const kept = chunk.buffer.byteLength;
  return kept <= SMALL_CHUNK || kept <= MAX_WASTE * view.length ? view : new Uint8Array(view);
}

/**
 * Gathers the bytes of one message from its parts, and joins them once. Memory grows with what has come, not with what
 * was announced.
 */
export class ByteParts {
  readonly #parts: Uint8Array[] = [];
  #block: Uint8Array = NOTHING;
  #used = 0;
  #blockSize = 0;
  /** Bytes in all. */
  #size = 0;

  /** Adds `chunk[start..end)`; a large part is kept where it is. */
  add(chunk: Uint8Array, start: number, end: number): void {
    const size = end - start;
    if (size === 0) return;
    this.#size += size;
    const view = new Uint8Array(chunk.buffer, chunk.byteOffset + start, size);
    if (size < KEEP_FROM || size * MAX_WASTE < chunk.buffer.byteLength) return this.#copy(view);
    this.#closeBlock();
    this.#parts.push(view);
  }

  /** The whole message. */
  join(): Uint8Array {
    this.#closeBlock();
    return this.#parts.length === 1 ? this.#parts[0] : concat(this.#parts, this.#size);
  }

  #copy(part: Uint8Array): void {
    if (this.#used + part.length > this.#block.length) {
      this.#closeBlock();
      this.#blockSize = Math.min(MAX_BLOCK, Math.max(FIRST_BLOCK, 2 * this.#blockSize));
      this.#block = new Uint8Array(Math.max(this.#blockSize, part.length));
    }
    this.#block.set(part, this.#used);
    this.#used += part.length;
  }

  /** What is copied from now on goes behind, into the rest of the block. */
  #closeBlock(): void {
    if (this.#used === 0) return;
    this.#parts.push(this.#block.subarray(0, this.#used));
    this.#block = this.#block.subarray(this.#used);
    this.#used = 0;
  }
}

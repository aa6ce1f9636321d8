/**
 * The bytes of a frame that is not complete.
 *
 * @module
 */

const EMPTY = new Uint8Array(0);

/** Smallest buffer: most split frames are short, and a connection in the middle of one costs little. */
const MIN_CAPACITY = 64;

/**
 * A buffer that grows by doubling, so that input byte by byte stays linear. Bytes once given out are never written
 * again: they may be kept without a copy.
 */
export class Accumulator {
  #bytes: Uint8Array = EMPTY;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Adds `chunk[start..end)`. `most` is the length that will never be exceeded, where it is known. */
  append(chunk: Uint8Array, start: number, end: number, most: number = Infinity): void {
    const length = this.#length + end - start;
    if (length > this.#bytes.length) this.#grow(length, most);
    this.#bytes.set(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), this.#length);
    this.#length = length;
  }

  /** What is held; it stays valid. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** What is held, and starts anew. */
  take(): Uint8Array {
    const bytes = this.view();
    this.clear();
    return bytes;
  }

  clear(): void {
    this.#bytes = EMPTY;
    this.#length = 0;
  }

  #grow(length: number, most: number): void {
    const capacity = Math.max(length, Math.min(most, Math.max(2 * this.#bytes.length, MIN_CAPACITY)));
    const bytes = new Uint8Array(capacity);
    bytes.set(this.view());
    this.#bytes = bytes;
  }
}

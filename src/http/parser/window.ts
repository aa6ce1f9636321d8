/**
 * The bytes a parser has been fed and not yet consumed.
 *
 * @module
 */

const EMPTY: Uint8Array = new Uint8Array(0);

/** Room of the first copy: a small head that arrives in pieces fits. */
const FIRST_ROOM = 256;

/**
 * A view of what is to be parsed: `bytes` from `from` (not consumed) over `at` (scanned so far) to `end`. A chunk is
 * parsed where it lies; only what is left of it when the next one comes is copied, or at once if it is lent. Bytes are
 * appended and never moved or overwritten in place, so that a head can be read long after.
 */
export class Window {
  bytes: Uint8Array = EMPTY;
  from = 0;
  at = 0;
  end = 0;
  /** `bytes` are another's, who overwrites them after `keep()`. */
  isLent = false;

  /** Adds a chunk. */
  push(chunk: Uint8Array): void {
    if (this.from === this.end) {
      this.bytes = chunk;
      this.from = this.at = 0;
      this.end = chunk.length;
      return;
    }
    // A chunk ends where its bytes do: only a buffer made here has room behind `end`.
    if (this.end + chunk.length > this.bytes.length) this.#grow(chunk.length);
    this.bytes.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Adds the first bytes of a buffer that is another's, until `keep()`. */
  lend(buffer: Uint8Array, length: number): void {
    if (this.from !== this.end) return this.push(buffer.subarray(0, length));
    this.bytes = buffer;
    this.from = this.at = 0;
    this.end = length;
    this.isLent = true;
  }

  /** From now on what is left is here. */
  keep(): void {
    if (!this.isLent) return;
    if (this.from === this.end) return this.clear();
    this.bytes = this.copy(this.from, this.end);
    this.at -= this.from;
    this.end -= this.from;
    this.from = 0;
    this.isLent = false;
  }

  /** Some of the bytes, as they are now. */
  copy(from: number, end: number): Uint8Array {
    return new Uint8Array(this.bytes.subarray(from, end));
  }

  /** Forgets a buffer that is used up: an idle connection keeps no chunk alive. */
  forgetUsed(): void {
    if (this.from === this.end) this.clear();
  }

  /** Forgets everything. */
  clear(): void {
    this.bytes = EMPTY;
    this.from = this.at = this.end = 0;
    this.isLent = false;
  }

  #grow(more: number): void {
    const held = this.end - this.from;
    // As much room again as is held: bytes that come one by one are copied twice on average.
    const bytes = new Uint8Array(Math.max(FIRST_ROOM, held + more + held));
    bytes.set(this.bytes.subarray(this.from, this.end));
    this.at -= this.from;
    this.bytes = bytes;
    this.from = 0;
    this.end = held;
  }
}

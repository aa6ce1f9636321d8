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
 * parsed where it lies; only what is left of it when the next one comes is copied. Bytes are appended and never moved
 * or overwritten in place, so that a head can be read long after.
 */
export class Window {
  bytes: Uint8Array = EMPTY;
  from = 0;
  at = 0;
  end = 0;

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

  /** Forgets a buffer that is used up: an idle connection keeps no chunk alive. */
  forgetUsed(): void {
    if (this.from === this.end) this.clear();
  }

  /** Forgets everything. */
  clear(): void {
    this.bytes = EMPTY;
    this.from = this.at = this.end = 0;
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

/**
 * The chunks a decoder has been fed and not yet consumed.
 *
 * @module
 */
import { wordsOf } from "./mask.ts";

const NOTHING: Uint8Array = new Uint8Array(0);

/** The chunk at hand, `bytes` from `at` to `end`, and those behind it. Nothing is copied or joined. */
export class Window {
  bytes: Uint8Array = NOTHING;
  at = 0;
  end = 0;
  /** Chunks that came before the one at hand was used up: only where the reader makes the peer wait. */
  #waiting: Uint8Array[] | null = null;
  #words: Int32Array | null | undefined = undefined;

  /** Bytes in all. */
  get size(): number {
    let size = this.end - this.at;
    if (this.#waiting !== null) { for (const chunk of this.#waiting) size += chunk.length; }
    return size;
  }

  /** The chunk at hand as words to unmask by; null where bytes do. */
  get words(): Int32Array | null {
    if (this.#words === undefined) this.#words = wordsOf(this.bytes);
    return this.#words;
  }

  /** Adds a chunk. */
  push(chunk: Uint8Array): void {
    if (this.at < this.end) (this.#waiting ??= []).push(chunk);
    else this.#set(chunk);
  }

  /** Whether there is a byte at `at`; goes to the next chunk, or lets go of the last: an idle connection keeps none. */
  more(): boolean {
    while (this.at === this.end) {
      const next = this.#waiting?.shift();
      if (next === undefined) {
        this.clear();
        return false;
      }
      this.#set(next);
    }
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    if (this.bytes !== NOTHING) this.#set(NOTHING);
    this.#waiting = null;
  }

  #set(chunk: Uint8Array): void {
    this.bytes = chunk;
    this.at = 0;
    this.end = chunk.length;
    this.#words = undefined;
  }
}

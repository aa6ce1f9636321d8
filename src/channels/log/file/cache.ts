/**
 * Entries that are still at hand: the last ones, up to so many bytes.
 *
 * @module
 */
import type { Entry } from "../log_api.ts";
import type { FileSlot } from "./segment.ts";

/** What an entry takes besides its data, about. */
const OVERHEAD = 200;

/** The last entries, oldest first. */
export class Cache {
  readonly #limit: number;
  #slots: FileSlot[] = [];
  #head = 0;
  #bytes = 0;

  /** @param limit Bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Keeps an entry at hand, and lets the oldest go. One that has gone by itself counts until then. */
  put(slot: FileSlot, entry: Entry): void {
    const size = slot.size + OVERHEAD;
    if (size > this.#limit) return;
    slot.entry = entry;
    this.#slots.push(slot);
    this.#bytes += size;
    while (this.#bytes > this.#limit) {
      const oldest = this.#slots[this.#head++];
      oldest.entry = null;
      this.#bytes -= oldest.size + OVERHEAD;
    }
    if (this.#head * 2 > this.#slots.length) {
      this.#slots = this.#slots.slice(this.#head);
      this.#head = 0;
    }
  }
}

/**
 * The short way for short texts: whole frames that lie behind one another in a chunk.
 *
 * @module
 */
import { FIN, LENGTH_16, MASKED, MAX_SHORT, type Role, TEXT } from "./header.ts";
import { mask, readKey } from "./mask.ts";
import { decodeAscii, decodeChunk, decodeText } from "./utf8.ts";
import type { Window } from "./window.ts";

/** Texts of a burst are slices of one: whoever keeps one keeps all, so it has to stay small. */
const MAX_BYTES = 8192;

/** Frames of a burst: bounds what is noted about each of them. */
const MAX_FRAMES = 64;

/** Where no burst is at work: an idle connection should cost little. */
const NONE: number[] = [];

/** Texts that are decoded one by one after a burst that wasn't ASCII. */
const SINGLES = 256;

/**
 * Takes texts that need nothing but unmasking. A native decoder costs much per call and little per byte, so a run of
 * frames is unmasked, its heads are blanked, and all of it becomes text at once: if it was ASCII, each message is a
 * slice of that. Anything else is left to the long way.
 */
export class Burst {
  readonly #window: Window;
  readonly #mask: number;
  readonly #max: number;
  /** Where each payload begins and ends. */
  #places: number[] = NONE;
  #next = 0;
  #text: string | null = null;
  /** Where the text begins in the chunk. */
  #base = 0;
  #singles = 0;
  /** Payload of the frame that was looked at last. */
  #from = 0;
  #to = 0;

  constructor(window: Window, limits: { readonly role: Role; readonly maxMessageBytes: number }) {
    this.#window = window;
    this.#mask = limits.role === "server" ? MASKED : 0;
    this.#max = limits.maxMessageBytes;
  }

  /** The next text; null if the next frame is not of this kind, or not here. Not `within` a fragmented message. */
  next(within: boolean): string | null {
    if (this.#next < this.#places.length) return this.#slice();
    const w = this.#window;
    if (within || !w.more() || !this.#look(w.at)) return null;
    const from = this.#from;
    const to = this.#to;
    if (this.#singles > 0) this.#singles--;
    else if (to - w.at < MAX_BYTES && this.#look(to)) return this.#begin();
    this.#unmask(from, to);
    const head = w.at;
    w.at = to;
    if (head > 0 || to < w.end) return decodeText(w.bytes, from, to);
    // The chunk is this frame: with ASCII in place of its head, it is text throughout.
    w.bytes.fill(0, 0, from);
    return decodeChunk(w.bytes).slice(from);
  }

  /** Forgets everything. */
  clear(): void {
    this.#places = NONE;
    this.#next = 0;
    this.#text = null;
  }

  /** Whether a whole, short, unfragmented, right frame of text begins at `at`; notes where its payload is. */
  #look(at: number): boolean {
    const { bytes, end } = this.#window;
    if (at + 2 > end || bytes[at] !== (FIN | TEXT)) return false;
    const second = bytes[at + 1];
    if ((second & MASKED) !== this.#mask) return false;
    let length = second & ~MASKED;
    let from = at + 2 + (this.#mask >>> 5);
    if (length > MAX_SHORT) {
      if (length !== LENGTH_16 || at + 4 > end) return false;
      length = (bytes[at + 2] << 8) | bytes[at + 3];
      if (length <= MAX_SHORT) return false;
      from += 2;
    }
    this.#from = from;
    this.#to = from + length;
    return this.#to <= end && length <= this.#max;
  }

  #unmask(from: number, to: number): void {
    if (this.#mask === 0) return;
    const w = this.#window;
    mask(w.bytes, w.words, from, to, readKey(w.bytes, from - 4));
  }

  #begin(): string {
    const w = this.#window;
    const base = w.at;
    let at = base;
    this.#places = [];
    while (this.#places.length < 2 * MAX_FRAMES && this.#look(at) && this.#to - base <= MAX_BYTES) {
      this.#unmask(this.#from, this.#to);
      // ASCII in place of the head. Its key has been used.
      for (let i = at; i < this.#from; i++) w.bytes[i] = 0;
      this.#places.push(this.#from, this.#to);
      at = this.#to;
    }
    this.#base = base;
    this.#text = decodeAscii(w.bytes, base, at);
    if (this.#text === null) this.#singles = SINGLES;
    return this.#slice();
  }

  #slice(): string {
    const w = this.#window;
    const from = this.#places[this.#next];
    const to = this.#places[this.#next + 1];
    const text = this.#text;
    this.#next += 2;
    if (this.#next === this.#places.length) this.clear();
    w.at = to;
    return text === null ? decodeText(w.bytes, from, to) : text.slice(from - this.#base, to - this.#base);
  }
}

/**
 * Text from bytes that must be UTF-8 (RFC 6455 §8.1).
 *
 * @module
 */
import { WebSocketError } from "../websocket_errors.ts";

// Never fatal: that is twice as slow as this on Deno (fifteen times for 64 KiB), and no faster anywhere.
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const { fromCharCode } = String;

/** From here on a native decoder is faster than a loop, on every runtime. */
const NATIVE_FROM = 17;

/** Parts below this are gathered before they become text: a piece of text costs more than a byte. */
const DIRECT_FROM = 1024;

/** Most that is gathered as bytes. */
const MAX_HELD = 4096;

/** First room for gathered bytes. */
const FIRST_ROOM = 64;

const REPLACEMENT = "\ufffd";

/** What the peer is told about text that isn't. */
export function badText(): WebSocketError {
  return new WebSocketError(1007, "A text is not valid UTF-8: send bytes as binary");
}

/** The text of `bytes[start..end)`. @throws {WebSocketError} 1007: they are not UTF-8. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start < NATIVE_FROM) {
    const text = shortAscii(bytes, start, end);
    if (text !== null) return text;
  }
  return decodeChunk(viewOf(bytes, start, end));
}

/** The text of all bytes of a chunk. @throws {WebSocketError} 1007: they are not UTF-8. */
export function decodeChunk(bytes: Uint8Array): string {
  const text = lenient.decode(bytes);
  if (text.includes(REPLACEMENT)) checkStrictly(bytes);
  return text;
}

/** To ask a small chunk for its buffer costs a microsecond on Bun, so a chunk stands for a view of all of it. */
function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start === 0 && end === bytes.length) return bytes;
  // Not `subarray`: on Node chunks are Buffers, whose own is slower.
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** The text of bytes that are ASCII throughout, character i at byte i; null if they are not. */
export function decodeAscii(bytes: Uint8Array, start: number, end: number): string | null {
  const text = lenient.decode(viewOf(bytes, start, end));
  // Only what is replaced has one unit for one byte without being ASCII.
  return text.length === end - start && !text.includes(REPLACEMENT) ? text : null;
}

/** The replacement character may have been sent as such. */
function checkStrictly(bytes: Uint8Array): void {
  try {
    strict.decode(bytes);
  } catch {
    throw badText();
  }
}

function shortAscii(b: Uint8Array, start: number, end: number): string | null {
  let all = 0;
  for (let i = start; i < end; i++) all |= b[i];
  if (all >= 0x80) return null;
  let text = "";
  let i = start;
  for (; i + 8 <= end; i += 8) {
    text += fromCharCode(b[i], b[i + 1], b[i + 2], b[i + 3], b[i + 4], b[i + 5], b[i + 6], b[i + 7]);
  }
  for (; i + 4 <= end; i += 4) text += fromCharCode(b[i], b[i + 1], b[i + 2], b[i + 3]);
  for (; i < end; i++) text += fromCharCode(b[i]);
  return text;
}

/**
 * Gathers the text of one message from its parts: for one message each. Whatever is wrong is found with the part that has it in, however the
 * message is split. Large parts become text at once and are never copied; small ones are held as bytes.
 */
export class TextParts {
  #text = "";
  #held: Uint8Array = new Uint8Array(0);
  #count = 0;
  /** Continuation bytes that the code point at the end of `#held` still needs. */
  #missing = 0;
  /** What the next of them may be (RFC 3629 §4). */
  #low = 0x80;
  #high = 0xbf;

  /** Adds a part. @throws {WebSocketError} 1007: with it the text can't be UTF-8 any more. */
  add(bytes: Uint8Array, start: number, end: number): void {
    if (end - start < DIRECT_FROM) return this.#hold(bytes, start, end);
    const boundary = start + this.#missing;
    this.#hold(bytes, start, boundary);
    this.#flush();
    const tail = end - incompleteTail(bytes, boundary, end);
    this.#text += decodeText(bytes, boundary, tail);
    this.#hold(bytes, tail, end);
  }

  /** The whole text. @throws {WebSocketError} 1007: it ends within a code point. */
  join(): string {
    if (this.#missing > 0) throw badText();
    this.#flush();
    return this.#text;
  }

  #hold(bytes: Uint8Array, start: number, end: number): void {
    this.#check(bytes, start, end);
    if (this.#count + end - start > MAX_HELD) this.#flush();
    const count = this.#count + end - start;
    if (count > this.#held.length) this.#grow(count);
    for (let i = start, to = this.#count; i < end; i++, to++) this.#held[to] = bytes[i];
    this.#count = count;
  }

  /** Makes text of what is held, except for the beginning of a code point. */
  #flush(): void {
    if (this.#count === 0) return;
    const held = this.#held;
    const complete = this.#count - incompleteTail(held, 0, this.#count);
    this.#text += decodeText(held, 0, complete);
    held.copyWithin(0, complete, this.#count);
    this.#count -= complete;
  }

  #grow(count: number): void {
    const held = new Uint8Array(Math.max(FIRST_ROOM, 2 * this.#held.length, count));
    held.set(this.#held);
    this.#held = held;
  }

  #check(bytes: Uint8Array, start: number, end: number): void {
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      if (this.#missing === 0) {
        if (byte >= 0x80) this.#lead(byte);
      } else {
        if (byte < this.#low || byte > this.#high) throw badText();
        this.#low = 0x80;
        this.#high = 0xbf;
        this.#missing--;
      }
    }
  }

  #lead(byte: number): void {
    if (byte < 0xc2 || byte > 0xf4) throw badText();
    this.#missing = sequenceLength(byte) - 1;
    // No overlong forms, no surrogates, nothing above U+10FFFF.
    if (byte === 0xe0) this.#low = 0xa0;
    else if (byte === 0xed) this.#high = 0x9f;
    else if (byte === 0xf0) this.#low = 0x90;
    else if (byte === 0xf4) this.#high = 0x8f;
  }
}

/** How many bytes at the end begin a code point that is not complete. */
function incompleteTail(bytes: Uint8Array, start: number, end: number): number {
  const most = Math.min(3, end - start);
  for (let tail = 1; tail <= most; tail++) {
    const byte = bytes[end - tail];
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return tail < sequenceLength(byte) ? tail : 0;
  }
  return 0;
}

/** Length of the sequence that a lead byte announces. */
function sequenceLength(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

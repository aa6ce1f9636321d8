/**
 * Reads a server's answers off a connection: as cheaply as can be where one looks like the other, by RFC 9112 section 6
 * where it must.
 *
 * @module
 */
import { received } from "./libc.ts";

const STATUS = bytesOf("HTTP/1.1 200 ");
const MAX_HEAD = 4096;
/** As much of a piece as is looked through for a head's end at a time. */
const HEAD_STEP = 256;
/** Up to so many bytes each byte of a piece of a body is compared, above it the first and the last. */
const COMPARE_ALL = 64;
/** Longest answer after its head that is kept to compare the next ones with. */
const MAX_TEMPLATE = 256;
const FRAMING = /\r\n(?:content-length: *(\d+)|transfer-encoding: *chunked)\r\n/i;
const latin1 = new TextDecoder("latin1");
const CR = 13;
const LF = 10;

/** What a body must be: a block of bytes, repeated up to a length. */
export interface Expected {
  readonly block: Uint8Array;
  readonly bytes: number;
}

/** How an answer looked that arrived in one piece. */
interface Template {
  /** Length of the head, with its empty line. */
  readonly head: number;
  /** Where in the head its length or coding is said, and how. */
  readonly framingAt: number;
  readonly framing: Uint8Array;
  /** The bytes behind the head. */
  readonly rest: Uint8Array;
}

type State = "head" | "length" | "size" | "data" | "data end" | "end";

/** The answers of one connection. */
export class Answers {
  /** Bytes of bodies so far. */
  bodyBytes = 0;
  readonly #expected: Expected;
  #state: State = "head";
  #head = "";
  /** Position in the body. */
  #at = 0;
  /** Of the body, the chunk, or a line's end. */
  #left = 0;
  /** The chunk of size 0 was seen. */
  #last = false;
  #framing: RegExpExecArray | null = null;
  #template: Template | null = null;
  /** Where the answer and what follows its head begin in what was received last; below 0: they came earlier. */
  #answerFrom = -1;
  #restFrom = -1;

  constructor(expected: Expected) {
    this.#expected = expected;
  }

  /** Takes what was received, `length` bytes; returns the number of answers that ended in it. */
  take(length: number): number {
    let done = 0;
    let at = 0;
    while (at < length) {
      if (this.#state === "head" && this.#head === "") {
        const next = this.#matching(at, length);
        if (next > 0) {
          this.bodyBytes += this.#expected.bytes;
          at = next;
          done++;
          continue;
        }
        this.#answerFrom = at;
      }
      at = this.#step(at, length);
      if (this.#state !== "end") continue;
      this.#finish(at);
      done++;
    }
    this.#answerFrom = this.#restFrom = -1;
    return done;
  }

  /** The end of an answer like the last one, or 0. */
  #matching(at: number, length: number): number {
    const template = this.#template;
    if (template === null) return 0;
    const { head, framingAt, framing, rest } = template;
    const body = at + head;
    const end = body + rest.length;
    if (end > length || received[body - 4] !== CR || received[body - 2] !== CR || received[body - 1] !== LF) return 0;
    return same(at, STATUS) && same(at + framingAt, framing) && same(body, rest) ? end : 0;
  }

  #step(at: number, length: number): number {
    switch (this.#state) {
      case "head":
        return this.#takeHead(at, length);
      case "size":
        return this.#takeSize(at, length);
      case "data end":
        return this.#takeLineEnd(at);
      default:
        return this.#takeBody(at, length);
    }
  }

  #takeHead(at: number, length: number): number {
    const stop = Math.min(length, at + HEAD_STEP);
    const text = this.#head + latin1.decode(received.subarray(at, stop));
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) {
      if (text.length >= MAX_HEAD) throw new Error("a head without an end");
      this.#head = text;
      return stop;
    }
    const next = at + end + 4 - this.#head.length;
    this.#begin(text.slice(0, end + 2));
    this.#head = "";
    this.#restFrom = this.#answerFrom < 0 ? -1 : next;
    return next;
  }

  #begin(head: string): void {
    if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`an answer that begins ${head.slice(0, 40)}`);
    this.#at = 0;
    this.#framing = FRAMING.exec(head);
    if (this.#framing === null) throw new Error("an answer without a length");
    const length = this.#framing[1];
    this.#left = Number(length ?? 0);
    this.#state = length === undefined ? "size" : this.#left > 0 ? "length" : "end";
  }

  #takeBody(at: number, length: number): number {
    const end = Math.min(length, at + this.#left);
    const step = end - at <= COMPARE_ALL ? 1 : end - at - 1;
    const { block } = this.#expected;
    for (let i = at; i < end; i += step) {
      if (received[i] !== block[(this.#at + i - at) % block.length]) {
        throw new Error(`wrong byte at ${this.#at + i - at} of a body`);
      }
    }
    this.#at += end - at;
    this.bodyBytes += end - at;
    this.#left -= end - at;
    if (this.#left > 0) return end;
    if (this.#state === "length") this.#state = "end";
    else this.#expectLineEnd();
    return end;
  }

  #takeSize(at: number, length: number): number {
    while (at < length) {
      const byte = received[at++];
      if (byte === CR) continue;
      if (byte === LF) {
        this.#last = this.#left === 0;
        if (this.#last) this.#expectLineEnd();
        else this.#state = "data";
        return at;
      }
      const digit = parseInt(String.fromCharCode(byte), 16);
      if (Number.isNaN(digit)) throw new Error(`a chunk's size with byte ${byte}`);
      this.#left = this.#left * 16 + digit;
    }
    return at;
  }

  #expectLineEnd(): void {
    this.#left = 2;
    this.#state = "data end";
  }

  #takeLineEnd(at: number): number {
    if (received[at] !== (this.#left === 2 ? CR : LF)) throw new Error("a chunk without an end");
    if (--this.#left === 0) this.#state = this.#last ? "end" : "size";
    return at + 1;
  }

  #finish(at: number): void {
    if (this.#at !== this.#expected.bytes) throw new Error(`a body of ${this.#at} bytes`);
    if (this.#answerFrom >= 0 && at - this.#restFrom <= MAX_TEMPLATE) {
      const { index, 0: framing } = this.#framing!;
      this.#template = {
        head: this.#restFrom - this.#answerFrom,
        framingAt: index,
        framing: bytesOf(framing),
        rest: received.slice(this.#restFrom, at),
      };
    }
    this.#state = "head";
    this.#last = false;
  }
}

function same(at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (received[at + i] !== bytes[i]) return false;
  return true;
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

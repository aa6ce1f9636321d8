/**
 * Finds the PROXY header at the beginning of a connection: bytes in, a header out. It reads nothing beyond.
 *
 * @module
 */
import { concat } from "../../bytes.ts";
import { broken, FIXED_LENGTH, type ParsedHeader, SIGNATURE } from "./header.ts";
import { MAX_LINE, parseLine } from "./v1.ts";
import { lengthOf, parseBinary } from "./v2.ts";

/** `PROXY `, which a line begins with. */
const WORD: readonly number[] = [0x50, 0x52, 0x4f, 0x58, 0x59, 0x20];

const CR = 13;
const LF = 10;
const FIRST_PRINTABLE = 0x20;
const LAST_PRINTABLE = 0x7e;

/** The room at first: that of a line, and of version 2 with addresses of IP and little else. */
const ROOM = 128;

/** What it is, as far as that is known: not yet, a line, binary with its fixed part, binary with its length. */
type Kind = "unknown" | "line" | "fixed" | "binary";

/** Reads one connection's first bytes. */
export class ProxyHeaderParser {
  /** Behind a header, or all that came where there is none: what belongs to somebody else. */
  rest: Uint8Array = new Uint8Array(0);
  #kind: Kind = "unknown";
  #held: Uint8Array = new Uint8Array(ROOM);
  #size = 0;
  /** So many bytes are needed to know more; no more are held. */
  #wanted = WORD.length;
  /** How far a line was looked through. */
  #seen = 0;

  /** Whether anything has come. */
  get hasBegun(): boolean {
    return this.#size > 0;
  }

  /** What is held of a header that is not whole. */
  get held(): Uint8Array {
    return this.#held.slice(0, this.#size);
  }

  /**
   * Takes bytes; once it has given anything but `more`, no others may follow. `none`: it is no header.
   *
   * @throws {FrameError} It is one, and malformed.
   */
  feed(chunk: Uint8Array): ParsedHeader | "more" | "none" {
    const before = this.#size;
    for (let at = 0; at < chunk.length;) {
      const taken = chunk.subarray(at, at + this.#wanted - this.#size);
      this.#hold(taken);
      at += taken.length;
      const [found, end] = this.#look();
      if (found === "none") this.rest = before === 0 ? chunk : concat([this.#held.slice(0, before), chunk]);
      else if (found !== "more") this.rest = chunk.subarray(at - (this.#size - end));
      if (found !== "more") return found;
    }
    return "more";
  }

  #hold(bytes: Uint8Array): void {
    if (this.#wanted > this.#held.length) {
      const larger = new Uint8Array(this.#wanted);
      larger.set(this.#held);
      this.#held = larger;
    }
    this.#held.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  /** What is held, and where the header ends in it. */
  #look(): readonly [found: ParsedHeader | "more" | "none", end: number] {
    switch (this.#kind) {
      case "unknown":
        return [this.#lookAtWord(), 0];
      case "line":
        return this.#lookAtLine();
      case "fixed":
        return [this.#lookAtFixed(), this.#size];
      case "binary":
        return [this.#size < this.#wanted ? "more" : parseBinary(this.#held.slice(0, this.#size)), this.#size];
    }
  }

  #lookAtWord(): "more" | "none" {
    const isWord = this.#beginsLike(WORD);
    if (!isWord && !this.#beginsLike(SIGNATURE)) return "none";
    if (this.#size < this.#wanted) return "more";
    this.#kind = isWord ? "line" : "fixed";
    this.#wanted = isWord ? MAX_LINE : FIXED_LENGTH;
    this.#seen = this.#size;
    return "more";
  }

  #beginsLike(expected: readonly number[]): boolean {
    const end = Math.min(this.#size, expected.length);
    for (let i = 0; i < end; i++) if (this.#held[i] !== expected[i]) return false;
    return true;
  }

  #lookAtLine(): readonly [found: ParsedHeader | "more", end: number] {
    for (; this.#seen < this.#size; this.#seen++) {
      const byte = this.#held[this.#seen];
      const behindCr = this.#held[this.#seen - 1] === CR;
      if (behindCr !== (byte === LF)) throw broken("PROXY header of version 1 must end in CR and LF");
      if (byte === LF) return [parseLine(this.#text(this.#seen - 1)), this.#seen + 1];
      if (byte !== CR && (byte < FIRST_PRINTABLE || byte > LAST_PRINTABLE)) {
        throw broken(`PROXY header of version 1 has the byte ${byte}, which is no printable ASCII`);
      }
    }
    if (this.#size === MAX_LINE) throw broken(`PROXY header of version 1 has no end within ${MAX_LINE} bytes`);
    return ["more", 0];
  }

  #text(end: number): string {
    return String.fromCharCode(...this.#held.subarray(0, end));
  }

  #lookAtFixed(): ParsedHeader | "more" | "none" {
    if (!this.#beginsLike(SIGNATURE)) return "none";
    if (this.#size < FIXED_LENGTH) return "more";
    this.#kind = "binary";
    this.#wanted = lengthOf(this.#held);
    // One that has nothing behind its fixed part is whole.
    return this.#wanted === FIXED_LENGTH ? parseBinary(this.#held.slice(0, FIXED_LENGTH)) : "more";
  }
}

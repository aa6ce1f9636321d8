/**
 * Frames ended by a delimiter of one or more bytes.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { checkNames, type Names } from "../names.ts";
import { BaseDecoder, frameError } from "./base_decoder.ts";
import type { Codec, Decoder, Encoder } from "./decoder.ts";
import { DEFAULT_MAX_LENGTH, oneOf, positiveInteger } from "./option_checks.ts";
import { toBytes } from "./text.ts";

const CR = 0x0d;

/** What becomes of bytes without a delimiter at the end of the stream. */
export type Unterminated = "deliver" | "error" | "drop";

/** The choices of `unterminated`, the default first. */
export const UNTERMINATED: readonly Unterminated[] = ["deliver", "error", "drop"];

/** Options of delimited frames and of lines. */
export interface DelimiterOptions {
  /**
   * Longest frame, in bytes, without what ends it. A longer one is refused with `ERR_FRAME_TOO_LONG` as soon as that
   * is certain, so an endless one costs no more memory than this. @default 65536
   */
  readonly maxLength?: number;
  /** Delivers empty frames. @default true */
  readonly keepEmpty?: boolean;
  /**
   * What to do with a last frame that nothing ends when the peer's FIN comes: `"deliver"` it (Go: `bufio.Scanner`),
   * refuse it as `"error"` (`ERR_FRAME_TRUNCATED`), or `"drop"` it. Take `"error"` where half a command does harm.
   * @default "deliver"
   */
  readonly unterminated?: Unterminated;
}

/** Names of `DelimiterOptions`. */
export const DELIMITER_NAMES: Names<DelimiterOptions> = { maxLength: true, keepEmpty: true, unterminated: true };

/**
 * Decodes frames that end with `delimiter`, which is stripped.
 *
 * @throws {OptionError} The delimiter is empty or an option can't be used.
 * @example
 * ```ts
 * const records: Uint8Array[] = [];
 * delimiterDecoder("\0").decode(new Uint8Array([1, 2, 0, 3, 0]), records); // [1, 2] and [3]
 * ```
 */
export function delimiterDecoder(
  delimiter: Uint8Array | string,
  options: DelimiterOptions = {},
): Decoder<Uint8Array> {
  checkNames("delimiterDecoder()", options, DELIMITER_NAMES);
  return new DelimiterDecoder(checkDelimiter(delimiter), options, "frame");
}

/** Encodes frames that end with `delimiter`. A frame in which the peer would find one earlier is refused. */
export function delimiterEncoder(delimiter: Uint8Array | string): Encoder<Uint8Array | string> {
  const pattern = new Pattern(checkDelimiter(delimiter));
  return { encode: (frame) => encodeDelimited(toBytes(frame), pattern) };
}

/** Delimited frames in both directions. */
export function delimiterCodec(
  delimiter: Uint8Array | string,
  options: DelimiterOptions = {},
): Codec<Uint8Array, Uint8Array | string> {
  return { decoder: delimiterDecoder(delimiter, options), encoder: delimiterEncoder(delimiter) };
}

function checkDelimiter(delimiter: Uint8Array | string): Uint8Array {
  const bytes = toBytes(delimiter).slice();
  if (bytes.length === 0) throw new OptionError("delimiter", "delimiter has no bytes, give one or more");
  return bytes;
}

function encodeDelimited(frame: Uint8Array, pattern: Pattern): Uint8Array {
  const bytes = new Uint8Array(frame.length + pattern.bytes.length);
  bytes.set(frame);
  bytes.set(pattern.bytes, frame.length);
  // The end of the frame together with the delimiter's beginning may look like a delimiter, so search the whole.
  if (new Search(pattern).next(bytes, 0) === bytes.length) return bytes;
  throw new OptionError("frame", "A frame has its own delimiter in it: escape that, or send it in two");
}

/** A delimiter, and where to go on after a mismatch (Knuth, Morris and Pratt). */
class Pattern {
  readonly bytes: Uint8Array;
  /** Per position: length of the longest proper prefix that ends there as well. */
  readonly fallback: Uint32Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.fallback = new Uint32Array(bytes.length);
    for (let at = 1, matched = 0; at < bytes.length; at++) {
      while (matched > 0 && bytes[at] !== bytes[matched]) matched = this.fallback[matched - 1];
      if (bytes[at] === bytes[matched]) matched++;
      this.fallback[at] = matched;
    }
  }
}

/** Finds a pattern in chunks, however they are split: no byte is looked at twice. */
class Search {
  readonly #pattern: Pattern;
  /** Bytes of the pattern that the end of the last chunk matched. */
  matched = 0;

  constructor(pattern: Pattern) {
    this.#pattern = pattern;
  }

  /** Index behind the next delimiter in `chunk` from `from` on, or -1. */
  next(chunk: Uint8Array, from: number): number {
    const { bytes, fallback } = this.#pattern;
    let matched = this.matched;
    for (let at = from; at < chunk.length; at++) {
      if (matched === 0) {
        at = chunk.indexOf(bytes[0], at);
        if (at === -1) break;
      }
      while (matched > 0 && chunk[at] !== bytes[matched]) matched = fallback[matched - 1];
      if (chunk[at] === bytes[matched]) matched++;
      if (matched === bytes.length) {
        this.matched = 0;
        return at + 1;
      }
    }
    this.matched = matched;
    return -1;
  }
}

/** Decodes frames between delimiters, and lines as bytes: a line is delimited by LF and loses a CR before it. */
export class DelimiterDecoder extends BaseDecoder<Uint8Array> {
  readonly #pattern: Pattern;
  readonly #search: Search;
  readonly #what: "frame" | "line";
  readonly #maxLength: number;
  readonly #keepEmpty: boolean;
  readonly #unterminated: Unterminated;

  constructor(delimiter: Uint8Array, options: DelimiterOptions, what: "frame" | "line") {
    super();
    this.#pattern = new Pattern(delimiter);
    this.#search = new Search(this.#pattern);
    this.#what = what;
    this.#maxLength = positiveInteger("maxLength", options.maxLength, DEFAULT_MAX_LENGTH);
    this.#keepEmpty = options.keepEmpty ?? true;
    this.#unterminated = oneOf("unterminated", options.unterminated, UNTERMINATED);
  }

  measure(bytes: Uint8Array, count: number): number {
    const search = new Search(this.#pattern);
    let end = 0;
    while (count > 0) {
      const next = search.next(bytes, end);
      if (next === -1) return bytes.length;
      if (this.#keepEmpty || this.#content(bytes.subarray(end, next - this.#pattern.bytes.length)).length > 0) count--;
      end = next;
    }
    return end;
  }

  protected feed(chunk: Uint8Array, out: Uint8Array[]): void {
    let start = 0;
    for (let end = this.#search.next(chunk, 0); end !== -1; end = this.#search.next(chunk, start)) {
      this.#push(this.#cut(chunk, start, end), out);
      start = end;
    }
    if (start < chunk.length) this.#hold(chunk, start);
  }

  protected flush(out: Uint8Array[]): void {
    this.#search.matched = 0;
    if (this.#unterminated === "error") {
      throw frameError("ERR_FRAME_TRUNCATED", `The stream ended inside a ${this.#what}`);
    }
    const bytes = this.held.take();
    if (this.#unterminated === "deliver") this.#push(bytes, out);
  }

  /** The bytes up to the delimiter that ends at `end`; without a copy where nothing is held. */
  #cut(chunk: Uint8Array, start: number, end: number): Uint8Array {
    const delimiter = this.#pattern.bytes.length;
    if (this.held.length === 0) return chunk.subarray(start, end - delimiter);
    if (this.held.length + end - start > this.#maxLength + delimiter + 1) throw this.#tooLong();
    this.held.append(chunk, start, end);
    const bytes = this.held.take();
    return bytes.subarray(0, bytes.length - delimiter);
  }

  #push(bytes: Uint8Array, out: Uint8Array[]): void {
    const frame = this.#content(bytes);
    if (frame.length > this.#maxLength) throw this.#tooLong();
    if (frame.length > 0 || this.#keepEmpty) out.push(frame);
  }

  #hold(chunk: Uint8Array, start: number): void {
    const length = this.held.length + chunk.length - start;
    // The end may belong to what ends the frame.
    const ending = this.#what === "line" && chunk[chunk.length - 1] === CR ? 1 : this.#search.matched;
    if (length - ending > this.#maxLength) throw this.#tooLong();
    this.held.append(chunk, start, chunk.length);
  }

  #content(bytes: Uint8Array): Uint8Array {
    const stripped = this.#what === "line" && bytes.length > 0 && bytes[bytes.length - 1] === CR;
    return stripped ? bytes.subarray(0, bytes.length - 1) : bytes;
  }

  #tooLong(): Error {
    return frameError("ERR_FRAME_TOO_LONG", `A ${this.#what} is longer than ${this.#maxLength} bytes`);
  }
}

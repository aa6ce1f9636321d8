/**
 * Lines ended by LF or CRLF (Go: `bufio.ScanLines`).
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { checkNames, type Names } from "../names.ts";
import { BaseDecoder, frameError } from "./base_decoder.ts";
import type { Codec, Decoder, Encoder } from "./decoder.ts";
import {
  DELIMITER_NAMES,
  DelimiterDecoder,
  type DelimiterOptions,
  UNTERMINATED,
  type Unterminated,
} from "./delimiter.ts";
import { DEFAULT_MAX_LENGTH, oneOf, positiveInteger } from "./option_checks.ts";
import { TEXT_NAMES, type TextOptions, toBytes, toText } from "./text.ts";

const LF = 0x0a;
const CR = 0x0d;

/** Options of lines as text. */
export interface LineOptions extends DelimiterOptions, TextOptions {
  /** Lines as text or as bytes. @default "utf-8" */
  readonly encoding?: "utf-8";
}

/** Options of lines as bytes. */
export interface ByteLineOptions extends DelimiterOptions {
  /** Lines as bytes. */
  readonly encoding: "bytes";
}

/** Options of `lineEncoder`. */
export interface LineEncoderOptions {
  /** What ends a line. @default "\n" */
  readonly eol?: "\n" | "\r\n";
}

const DECODER_NAMES: Names<LineOptions> = { ...DELIMITER_NAMES, ...TEXT_NAMES, encoding: true };
const BYTE_NAMES: Names<ByteLineOptions> = { ...DELIMITER_NAMES, encoding: true };
const ENCODER_NAMES: Names<LineEncoderOptions> = { eol: true };
/** Names of what `lineCodec()` takes. */
export const LINE_NAMES: Names<LineOptions & LineEncoderOptions> = { ...DECODER_NAMES, ...ENCODER_NAMES };

/**
 * Decodes lines; LF and CRLF are stripped, `maxLength` counts bytes without them.
 *
 * @throws {OptionError} An option can't be used.
 * @example
 * ```ts
 * const lines: string[] = [];
 * lineDecoder().decode(new TextEncoder().encode("one\r\ntwo\nthr"), lines); // ["one", "two"]
 * ```
 */
export function lineDecoder(options?: LineOptions): Decoder<string>;
/** Decodes lines as bytes: views of the chunk where a line lies wholly within one. */
export function lineDecoder(options: ByteLineOptions): Decoder<Uint8Array>;
export function lineDecoder(options: LineOptions | ByteLineOptions = {}): Decoder<string> | Decoder<Uint8Array> {
  checkNames("lineDecoder()", options, options?.encoding === "bytes" ? BYTE_NAMES : DECODER_NAMES);
  const encoding = oneOf<"utf-8" | "bytes">("encoding", options.encoding, ["utf-8", "bytes"]);
  if (encoding === "bytes") return new DelimiterDecoder(Uint8Array.of(LF), options, "line");
  return new TextLineDecoder(options as LineOptions);
}

/**
 * Encodes a line. A line that the peer would read as another one is refused: one that holds an LF, which would be two,
 * and with the `eol` LF one that ends in CR, which would belong to what ends the line.
 *
 * @throws {OptionError} At the option, or at such a line.
 */
export function lineEncoder(options: LineEncoderOptions = {}): Encoder<Uint8Array | string> {
  checkNames("lineEncoder()", options, ENCODER_NAMES);
  return encoderOf(options);
}

function encoderOf(options: LineEncoderOptions): Encoder<Uint8Array | string> {
  const eol = oneOf("eol", options.eol, ["\n", "\r\n"] as const);
  return {
    encode: (line) => encodeLine(line, eol),
    encodeText: (line) => typeof line === "string" ? endLine(line, eol) : null,
  };
}

/** Lines in both directions, as text. */
export function lineCodec(options: LineOptions & LineEncoderOptions = {}): Codec<string, Uint8Array | string> {
  checkNames("lineCodec()", options, LINE_NAMES);
  return lineCodecOf(options);
}

/** The same, of options that are checked and may have other names as well. */
export function lineCodecOf(options: LineOptions & LineEncoderOptions): Codec<string, Uint8Array | string> {
  oneOf<"utf-8">("encoding", options.encoding, ["utf-8"]);
  return { decoder: new TextLineDecoder(options), encoder: encoderOf(options) };
}

function endLine(line: string, eol: string): string {
  if (line.includes("\n")) throw lineFeedInside();
  if (eol === "\n" && line.endsWith("\r")) throw returnAtEnd();
  return line + eol;
}

function encodeLine(line: Uint8Array | string, eol: "\n" | "\r\n"): Uint8Array {
  if (typeof line === "string") return toBytes(endLine(line, eol));
  if (line.includes(LF)) throw lineFeedInside();
  if (eol === "\n" && line[line.length - 1] === CR) throw returnAtEnd();
  const bytes = new Uint8Array(line.length + eol.length);
  bytes.set(line);
  bytes.set(toBytes(eol), line.length);
  return bytes;
}

function lineFeedInside(): OptionError {
  return new OptionError("frame", "A line has a line feed in it: send it as two, or escape that");
}

function returnAtEnd(): OptionError {
  return new OptionError(
    "frame",
    'A line ends in a carriage return, which would be taken for its end: drop it, or set eol: "\\r\\n"',
  );
}

/**
 * Whole lines are decoded as one block and split as text: 0x0A never occurs inside a UTF-8 sequence, and one call of
 * `TextDecoder` for a chunk costs a fifth of one call for each line.
 */
class TextLineDecoder extends BaseDecoder<string> {
  readonly #maxLength: number;
  readonly #fatal: boolean;
  readonly #keepEmpty: boolean;
  readonly #unterminated: Unterminated;

  constructor(options: LineOptions) {
    super();
    this.#maxLength = positiveInteger("maxLength", options.maxLength, DEFAULT_MAX_LENGTH);
    this.#fatal = options.fatal ?? false;
    this.#keepEmpty = options.keepEmpty ?? true;
    this.#unterminated = oneOf("unterminated", options.unterminated, UNTERMINATED);
  }

  measure(bytes: Uint8Array, count: number): number {
    let end = 0;
    while (count > 0) {
      const feed = bytes.indexOf(LF, end);
      if (feed === -1) return bytes.length;
      if (this.#keepEmpty || contentEnd(bytes, end, feed) > end) count--;
      end = feed + 1;
    }
    return end;
  }

  protected feed(chunk: Uint8Array, out: string[]): void {
    const end = chunk.lastIndexOf(LF) + 1;
    const start = end > 0 && this.held.length > 0 ? this.#complete(chunk, out) : 0;
    if (start < end) this.#block(start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end), out);
    if (end < chunk.length) this.#hold(chunk, end);
  }

  protected flush(out: string[]): void {
    if (this.#unterminated === "error") throw frameError("ERR_FRAME_TRUNCATED", "The stream ended inside a line");
    const bytes = this.held.take();
    if (this.#unterminated === "drop") return;
    const end = contentEnd(bytes, 0, bytes.length);
    if (end > this.#maxLength) throw this.#tooLong();
    if (end > 0 || this.#keepEmpty) out.push(toText(bytes.subarray(0, end), this.#fatal));
  }

  /** Ends the held line with the first LF of `chunk`; returns where the next line begins. */
  #complete(chunk: Uint8Array, out: string[]): number {
    const end = chunk.indexOf(LF) + 1;
    if (this.held.length + end > this.#maxLength + 2) throw this.#tooLong();
    this.held.append(chunk, 0, end);
    this.#block(this.held.take(), out);
    return end;
  }

  /** Decodes whole lines. */
  #block(block: Uint8Array, out: string[]): void {
    const fit = block.length <= this.#maxLength ? block.length : this.#fitting(block);
    if (fit === block.length) return this.#decodeBlock(block, out);
    if (fit > 0) this.#decodeBlock(block.subarray(0, fit), out);
    throw this.#tooLong();
  }

  #decodeBlock(block: Uint8Array, out: string[]): void {
    let text: string;
    try {
      text = toText(block, this.#fatal);
    } catch (error) {
      this.#decodeEach(block, out);
      throw error;
    }
    this.#split(text, out);
  }

  #split(text: string, out: string[]): void {
    let start = 0;
    for (let feed = text.indexOf("\n"); feed !== -1; feed = text.indexOf("\n", start)) {
      const end = feed > start && text.charCodeAt(feed - 1) === CR ? feed - 1 : feed;
      if (end > start || this.#keepEmpty) out.push(text.slice(start, end));
      start = feed + 1;
    }
  }

  /** Line by line, up to the one that is no UTF-8: those before it are delivered. */
  #decodeEach(block: Uint8Array, out: string[]): void {
    let start = 0;
    while (start < block.length) {
      const end = block.indexOf(LF, start) + 1;
      this.#split(toText(block.subarray(start, end), true), out);
      start = end;
    }
  }

  /** Length of the lines before the first that is too long. */
  #fitting(block: Uint8Array): number {
    let start = 0;
    while (start < block.length) {
      const feed = block.indexOf(LF, start);
      if (contentEnd(block, start, feed) - start > this.#maxLength) return start;
      start = feed + 1;
    }
    return start;
  }

  #hold(chunk: Uint8Array, start: number): void {
    const length = this.held.length + chunk.length - start;
    // A CR at the end may belong to the terminator.
    const content = chunk[chunk.length - 1] === CR ? length - 1 : length;
    if (content > this.#maxLength) throw this.#tooLong();
    this.held.append(chunk, start, chunk.length);
  }

  #tooLong(): Error {
    return frameError("ERR_FRAME_TOO_LONG", `A line is longer than ${this.#maxLength} bytes`);
  }
}

/** Where the content of a line ends whose LF is at `feed`: before a CR. */
function contentEnd(bytes: Uint8Array, start: number, feed: number): number {
  return feed > start && bytes[feed - 1] === CR ? feed - 1 : feed;
}

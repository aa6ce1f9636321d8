/**
 * UTF-8 text in frames and in streams; a code point is never split.
 *
 * @module
 */
import { checkNames, type Names } from "../names.ts";
import { frameError } from "./base_decoder.ts";
import type { Decoder } from "./decoder.ts";
import { MappedDecoder } from "./mapped_decoder.ts";

/** How bytes become text. */
export interface TextOptions {
  /** Refuses invalid UTF-8 with `ERR_FRAME_MALFORMED` instead of replacing it by U+FFFD. @default false */
  readonly fatal?: boolean;
}

// Whole frames only: the stream mode of TextDecoder is several times slower on Node. A byte order mark is data here.
const LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });
const FATAL = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });
const ENCODER = new TextEncoder();

/** Bytes as text. @throws {FrameError} `ERR_FRAME_MALFORMED`: `fatal` is set and the bytes are not UTF-8. */
export function toText(bytes: Uint8Array, fatal: boolean): string {
  if (!fatal) return LENIENT.decode(bytes);
  try {
    return FATAL.decode(bytes);
  } catch (cause) {
    throw frameError("ERR_FRAME_MALFORMED", "The text is not valid UTF-8", { cause });
  }
}

/** A frame's bytes; text becomes UTF-8. */
export function toBytes(frame: Uint8Array | string): Uint8Array {
  return typeof frame === "string" ? ENCODER.encode(frame) : frame;
}

/** Names of `TextOptions`. */
export const TEXT_NAMES: Names<TextOptions> = { fatal: true };

/**
 * Makes a decoder of text out of one of bytes.
 *
 * @example
 * ```ts
 * const decoder = textDecoder(lengthPrefixDecoder({ size: 2 }), { fatal: true });
 * ```
 */
export function textDecoder(frames: Decoder<Uint8Array>, options: TextOptions = {}): Decoder<string> {
  checkNames("textDecoder()", options, TEXT_NAMES);
  const fatal = options.fatal ?? false;
  return new MappedDecoder(frames, (bytes) => toText(bytes, fatal));
}

/**
 * Decodes a stream of UTF-8 chunk by chunk, for text without frames: bytes of an incomplete code point wait for the
 * rest. Joined, the texts are those of the whole stream.
 *
 * @example
 * ```ts
 * const utf8 = new Utf8Decoder();
 * utf8.decode(new Uint8Array([0xe2, 0x82])); // ""
 * utf8.decode(new Uint8Array([0xac])); // "€"
 * ```
 */
export class Utf8Decoder {
  readonly #fatal: boolean;
  #held: Uint8Array = new Uint8Array(0);

  /** Begins at the start of a stream. @param options `fatal` refuses invalid UTF-8. */
  constructor(options: TextOptions = {}) {
    checkNames("Utf8Decoder()", options, TEXT_NAMES);
    this.#fatal = options.fatal ?? false;
  }

  /** The text that is complete with `chunk`. @throws {FrameError} `ERR_FRAME_MALFORMED`, with `fatal`. */
  decode(chunk: Uint8Array): string {
    const bytes = this.#held.length === 0 ? chunk : join(this.#held, chunk);
    const end = bytes.length - incompleteTail(bytes);
    this.#held = bytes.slice(end);
    return toText(bytes.subarray(0, end), this.#fatal);
  }

  /** The text of what is held at the end. @throws {FrameError} `ERR_FRAME_MALFORMED`, with `fatal`. */
  finish(): string {
    const bytes = this.#held;
    this.#held = new Uint8Array(0);
    return toText(bytes, this.#fatal);
  }
}

/** `first` and `second` in one array. */
function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

/** How many bytes at the end begin a code point that is not complete (RFC 3629, section 3). */
function incompleteTail(bytes: Uint8Array): number {
  const most = Math.min(3, bytes.length);
  for (let tail = 1; tail <= most; tail++) {
    const byte = bytes[bytes.length - tail];
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return tail < sequenceLength(byte) ? tail : 0;
  }
  return 0;
}

/** Length of the sequence that a lead byte announces. */
function sequenceLength(lead: number): number {
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

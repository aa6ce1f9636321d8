/**
 * Frames that begin with their length.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { checkNames, type Names } from "../names.ts";
import { BaseDecoder, frameError } from "./base_decoder.ts";
import type { Codec, Decoder, Encoder } from "./decoder.ts";
import { DEFAULT_MAX_LENGTH, oneOf, positiveInteger } from "./option_checks.ts";
import { toBytes } from "./text.ts";

/** Longest LEB128 form of a 64-bit number, in bytes (Go: `binary.MaxVarintLen64`). */
const MAX_VARINT_LENGTH = 10;

/** Options of length-prefixed frames. */
export interface LengthPrefixOptions {
  /** Bytes of the length, or `"varint"` for unsigned LEB128 as in Protocol Buffers. @default 4 */
  readonly size?: 1 | 2 | 4 | 8 | "varint";
  /** Order of the length's bytes. @default "big" */
  readonly endian?: "big" | "little";
  /**
   * Longest frame, in bytes, without the prefix. A longer one is refused with `ERR_FRAME_TOO_LONG` as soon as its
   * length is known. @default 65536
   */
  readonly maxLength?: number;
}

const NAMES: Names<LengthPrefixOptions> = { size: true, endian: true, maxLength: true };

/** Reads a prefix and tells how long it is. */
interface Prefix {
  /** Bytes of the prefix that begins at `start`; 0 if it is not complete. @throws {FrameError} It is malformed. */
  measure(bytes: Uint8Array, start: number): number;
  /** The number in the complete prefix of `size` bytes at `start`; beyond 2^53 it is not exact. */
  read(bytes: Uint8Array, start: number, size: number): number;
  /** The prefix for a length. */
  write(length: number): Uint8Array;
  /** The largest length it can say. */
  readonly most: number;
}

/**
 * Decodes frames that begin with their length; views of the chunk where a frame lies wholly within one.
 *
 * @throws {OptionError} An option can't be used.
 * @example
 * ```ts
 * const frames: Uint8Array[] = [];
 * lengthPrefixDecoder({ size: 2 }).decode(new Uint8Array([0, 1, 65, 0, 0]), frames); // [65] and []
 * ```
 */
export function lengthPrefixDecoder(options: LengthPrefixOptions = {}): Decoder<Uint8Array> {
  return new LengthPrefixDecoder(options);
}

/** Encodes frames that begin with their length. */
export function lengthPrefixEncoder(options: LengthPrefixOptions = {}): Encoder<Uint8Array | string> {
  const prefix = prefixOf(options);
  const maxLength = Math.min(prefix.most, positiveInteger("maxLength", options.maxLength, DEFAULT_MAX_LENGTH));
  return { encode: (frame) => encodePrefixed(toBytes(frame), prefix, maxLength) };
}

/** Length-prefixed frames in both directions. */
export function lengthPrefixCodec(options: LengthPrefixOptions = {}): Codec<Uint8Array, Uint8Array | string> {
  return { decoder: lengthPrefixDecoder(options), encoder: lengthPrefixEncoder(options) };
}

function encodePrefixed(frame: Uint8Array, prefix: Prefix, maxLength: number): Uint8Array {
  if (frame.length > maxLength) {
    throw new OptionError(
      "frame",
      `A frame of ${frame.length} bytes is longer than ${maxLength}: raise maxLength at both ends, or send less`,
    );
  }
  const head = prefix.write(frame.length);
  const bytes = new Uint8Array(head.length + frame.length);
  bytes.set(head);
  bytes.set(frame, head.length);
  return bytes;
}

function prefixOf(options: LengthPrefixOptions): Prefix {
  checkNames("lengthPrefixCodec()", options, NAMES);
  const size = oneOf<1 | 2 | 4 | 8 | "varint">("size", options.size ?? 4, [1, 2, 4, 8, "varint"]);
  const endian = oneOf("endian", options.endian, ["big", "little"] as const);
  return size === "varint" ? VARINT : fixedPrefix(size, endian === "little");
}

/** An unsigned integer of `size` bytes. */
function fixedPrefix(size: number, little: boolean): Prefix {
  const at = (index: number) => little ? size - 1 - index : index;
  return {
    most: Math.min(256 ** size - 1, Number.MAX_SAFE_INTEGER),
    measure: (bytes, start) => bytes.length - start >= size ? size : 0,
    read(bytes, start) {
      let length = 0;
      for (let index = 0; index < size; index++) length = length * 256 + bytes[start + at(index)];
      return length;
    },
    write(length) {
      const bytes = new Uint8Array(size);
      for (let index = size - 1; index >= 0; index--, length = Math.floor(length / 256)) {
        bytes[at(index)] = length % 256;
      }
      return bytes;
    },
  };
}

/** Unsigned LEB128: seven bits a byte, the low ones first, the top bit set on all but the last. */
const VARINT: Prefix = {
  most: Number.MAX_SAFE_INTEGER,
  measure(bytes, start) {
    const end = Math.min(bytes.length, start + MAX_VARINT_LENGTH);
    for (let at = start; at < end; at++) {
      if (bytes[at] < 0x80) return at - start + 1;
    }
    if (end - start < MAX_VARINT_LENGTH) return 0;
    throw frameError("ERR_FRAME_MALFORMED", `A varint is longer than ${MAX_VARINT_LENGTH} bytes`);
  },
  read(bytes, start, size) {
    let length = 0;
    for (let index = size - 1; index >= 0; index--) length = length * 128 + (bytes[start + index] & 0x7f);
    return length;
  },
  write(length) {
    const bytes: number[] = [];
    for (; length >= 0x80; length = Math.floor(length / 128)) bytes.push(length % 128 | 0x80);
    bytes.push(length);
    return Uint8Array.from(bytes);
  },
};

class LengthPrefixDecoder extends BaseDecoder<Uint8Array> {
  readonly #prefix: Prefix;
  readonly #maxLength: number;
  /** Bytes of the held frame's prefix and of the whole; 0 while the prefix is not complete. Set by `#hold`. */
  #head = 0;
  #total = 0;

  constructor(options: LengthPrefixOptions) {
    super();
    this.#prefix = prefixOf(options);
    this.#maxLength = positiveInteger("maxLength", options.maxLength, DEFAULT_MAX_LENGTH);
  }

  measure(bytes: Uint8Array, count: number): number {
    let end = 0;
    for (; count > 0; count--) {
      const head = this.#prefix.measure(bytes, end);
      end += head + this.#prefix.read(bytes, end, head);
    }
    return end;
  }

  protected feed(chunk: Uint8Array, out: Uint8Array[]): void {
    let start = this.held.length > 0 ? this.#complete(chunk, out) : 0;
    while (start < chunk.length) {
      const head = this.#prefix.measure(chunk, start);
      const end = head === 0 ? Infinity : start + head + this.#length(chunk, start, head);
      if (end > chunk.length) return this.#hold(chunk, start, head, end - start);
      out.push(chunk.subarray(start + head, end));
      start = end;
    }
  }

  protected flush(): void {
    throw frameError("ERR_FRAME_TRUNCATED", "The stream ended inside a frame");
  }

  /** Takes what the held frame lacks from `chunk`; returns where the next one begins. */
  #complete(chunk: Uint8Array, out: Uint8Array[]): number {
    let start = 0;
    while (this.#total === 0) {
      if (start === chunk.length) return start;
      this.held.append(chunk, start, ++start);
      this.#readHead();
    }
    const end = Math.min(chunk.length, start + this.#total - this.held.length);
    this.held.append(chunk, start, end, this.#total);
    if (this.held.length === this.#total) out.push(this.held.take().subarray(this.#head));
    return end;
  }

  #readHead(): void {
    const bytes = this.held.view();
    this.#head = this.#prefix.measure(bytes, 0);
    if (this.#head > 0) this.#total = this.#head + this.#length(bytes, 0, this.#head);
  }

  /** Holds the beginning of a frame. Its memory grows with what arrives, not with what the peer announces. */
  #hold(chunk: Uint8Array, start: number, head: number, total: number): void {
    this.#head = head;
    this.#total = head === 0 ? 0 : total;
    this.held.append(chunk, start, chunk.length, total);
  }

  #length(bytes: Uint8Array, start: number, head: number): number {
    const length = this.#prefix.read(bytes, start, head);
    if (length <= this.#maxLength) return length;
    throw frameError("ERR_FRAME_TOO_LONG", `A frame of ${length} bytes is longer than ${this.#maxLength}`);
  }
}

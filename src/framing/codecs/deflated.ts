/**
 * Frames that are compressed one by one.
 *
 * @module
 */
import { OptionError, UnsupportedError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import type { Deflater, Inflater, Platform } from "../../platform.ts";
import { count, integer } from "../../validate.ts";
import { frameError } from "../base_decoder.ts";
import { DEFAULT_MAX_LENGTH, positiveInteger } from "../option_checks.ts";
import { checkPayload, type Payload } from "./payload.ts";

/** Options of `deflated`. */
export interface DeflatedOptions {
  /** Who compresses: `await defaultAdapter()`, or `server.adapter`. */
  readonly adapter: Pick<Platform, "deflater" | "inflater">;
  /** Longest payload in bytes before it is compressed, in both directions: what inflates to more is refused. @default 65536 */
  readonly maxLength?: number;
  /** Payloads below so many bytes are sent as they are. @default 256 */
  readonly threshold?: number;
  /** From 0, fast, to 9, small. @default 6 */
  readonly level?: number;
}

const NAMES: Names<DeflatedOptions> = { adapter: true, maxLength: true, threshold: true, level: true };

/** Below it deflate wins little, and its blocks cost some bytes. */
const DEFAULT_THRESHOLD = 256;

/** First byte of a frame: what follows is the payload, or its length in four bytes and a deflate stream. */
const PLAIN = 0;
const DEFLATED = 1;

/** Bytes before the stream: that, and the length, of which the first byte is the highest. */
const HEAD = 5;

/** What a flush leaves out at its end, and an empty last block (RFC 1951 §3.2.6): any inflater knows that it is over. */
const TAIL: Uint8Array = Uint8Array.of(0x00, 0x00, 0xff, 0xff, 0x03, 0x00);

/**
 * Compresses what a payload makes of a value, where that makes it shorter. A frame is the byte 0 and the payload, or the
 * byte 1, the payload's length in four bytes, and a raw deflate stream of its own (RFC 1951).
 *
 * @throws {OptionError} The payload or an option can't be used.
 * @throws {UnsupportedError} The adapter has no compressors.
 * @example
 * ```ts
 * const packed = deflated(json(), { adapter: await defaultAdapter() });
 * const messages = framed(conn, lengthPrefix(packed));
 * ```
 */
export function deflated<In, Out>(payload: Payload<In, Out>, options: DeflatedOptions): Payload<In, Out> {
  checkPayload(payload);
  checkNames("deflated()", options, NAMES);
  const packer = new Packer(options);
  return {
    encode: (value) => packer.pack(payload.encode(value)),
    decode: (bytes) => payload.decode(packer.unpack(bytes)),
  };
}

class Packer {
  readonly #maxLength: number;
  readonly #threshold: number;
  readonly #deflater: Deflater;
  readonly #inflater: Inflater;

  constructor(options: DeflatedOptions) {
    const { adapter } = options;
    if (typeof adapter !== "object" || adapter === null) {
      throw new OptionError("adapter", `adapter must be one, such as await defaultAdapter(), got ${String(adapter)}`);
    }
    const { deflater, inflater } = adapter;
    if (deflater === undefined || inflater === undefined) {
      throw new UnsupportedError("The adapter has no compressors: leave deflated() out");
    }
    this.#maxLength = positiveInteger("maxLength", options.maxLength, DEFAULT_MAX_LENGTH);
    this.#threshold = count("threshold", options.threshold, DEFAULT_THRESHOLD, 0);
    const level = integer("level", options.level, 6, 0, 9);
    this.#deflater = deflater({ windowBits: 15, level, memLevel: 8 });
    this.#inflater = inflater({ windowBits: 15 });
  }

  pack(payload: Uint8Array): Uint8Array {
    const { length } = payload;
    if (length > this.#maxLength) {
      throw new OptionError(
        "frame",
        `A payload of ${length} bytes is longer than ${this.#maxLength}: raise maxLength at both ends, or send less`,
      );
    }
    if (length < this.#threshold) return plain(payload);
    const stream = this.#deflater.push(payload);
    // What frames share is not remembered, so that the memory is given back, and a frame can be read alone.
    this.#deflater.reset();
    if (HEAD + stream.length + TAIL.length >= length) return plain(payload);
    const frame = new Uint8Array(HEAD + stream.length + TAIL.length);
    frame[0] = DEFLATED;
    new DataView(frame.buffer).setUint32(1, length);
    frame.set(stream, HEAD);
    frame.set(TAIL, HEAD + stream.length);
    return frame;
  }

  unpack(frame: Uint8Array): Uint8Array {
    if (frame[0] === PLAIN) return this.#checked(frame.subarray(1));
    if (frame[0] !== DEFLATED || frame.length < HEAD) {
      throw frameError("ERR_FRAME_MALFORMED", "A frame doesn't say how it is compressed");
    }
    const length = new DataView(frame.buffer, frame.byteOffset).getUint32(1);
    if (length > this.#maxLength) throw tooLong(length, this.#maxLength);
    const payload = this.#inflate(frame.subarray(HEAD), length);
    if (payload.length === length) return payload;
    throw frameError("ERR_FRAME_MALFORMED", `A frame has ${payload.length} bytes in it and announces ${length}`);
  }

  #inflate(stream: Uint8Array, length: number): Uint8Array {
    try {
      const payload = this.#inflater.push(stream, length);
      this.#inflater.reset();
      return payload;
    } catch (cause) {
      // It remembers nothing after an error, and another connection's frame may be the next.
      if (cause instanceof RangeError) {
        throw frameError("ERR_FRAME_MALFORMED", `A frame has more than the ${length} bytes in it that it announces`, {
          cause,
        });
      }
      throw frameError("ERR_FRAME_MALFORMED", "A frame can't be inflated", { cause });
    }
  }

  #checked(payload: Uint8Array): Uint8Array {
    if (payload.length <= this.#maxLength) return payload;
    throw tooLong(payload.length, this.#maxLength);
  }
}

function plain(payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(1 + payload.length);
  frame[0] = PLAIN;
  frame.set(payload, 1);
  return frame;
}

function tooLong(length: number, most: number): Error {
  return frameError("ERR_FRAME_TOO_LONG", `A payload of ${length} bytes is longer than ${most}`);
}

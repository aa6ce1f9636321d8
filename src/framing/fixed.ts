/**
 * Frames of one size.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { BaseDecoder, frameError } from "./base_decoder.ts";
import type { Codec, Decoder, Encoder } from "./decoder.ts";
import { positiveInteger } from "./option_checks.ts";
import { toBytes } from "./text.ts";

/**
 * Decodes frames of `size` bytes; a stream that ends inside one is refused with `ERR_FRAME_TRUNCATED`.
 *
 * @throws {OptionError} `size` is no integer of at least 1.
 */
export function fixedDecoder(size: number): Decoder<Uint8Array> {
  return new FixedDecoder(positiveInteger("size", size, NaN));
}

/** Encodes frames of `size` bytes: checks the size, and copies nothing. */
export function fixedEncoder(size: number): Encoder<Uint8Array | string> {
  positiveInteger("size", size, NaN);
  return {
    encode(frame) {
      const bytes = toBytes(frame);
      if (bytes.length === size) return bytes;
      throw new OptionError("frame", `A frame must have ${size} bytes, got ${bytes.length}`);
    },
  };
}

/** Frames of one size in both directions. */
export function fixedCodec(size: number): Codec<Uint8Array, Uint8Array | string> {
  return { decoder: fixedDecoder(size), encoder: fixedEncoder(size) };
}

class FixedDecoder extends BaseDecoder<Uint8Array> {
  readonly #size: number;

  constructor(size: number) {
    super();
    this.#size = size;
  }

  measure(_bytes: Uint8Array, count: number): number {
    return count * this.#size;
  }

  protected feed(chunk: Uint8Array, out: Uint8Array[]): void {
    let start = this.held.length > 0 ? this.#complete(chunk, out) : 0;
    for (; start + this.#size <= chunk.length; start += this.#size) {
      out.push(chunk.subarray(start, start + this.#size));
    }
    if (start < chunk.length) this.held.append(chunk, start, chunk.length, this.#size);
  }

  protected flush(): void {
    throw frameError("ERR_FRAME_TRUNCATED", `The stream ended inside a frame of ${this.#size} bytes`);
  }

  #complete(chunk: Uint8Array, out: Uint8Array[]): number {
    const end = Math.min(chunk.length, this.#size - this.held.length);
    this.held.append(chunk, 0, end, this.#size);
    if (this.held.length === this.#size) out.push(this.held.take());
    return end;
  }
}

/**
 * Deflate message by message, on public functions of zlib: correct on every runtime, but slower and weaker.
 *
 * @module
 */
import { concat } from "../../../src/bytes.ts";
import type { DeflateOptions, Deflater, Inflater } from "../../../src/platform.ts";
import { FLUSHED, MAX_ENDS, tooManyEnds, type ZlibModule } from "./stream.ts";

/** Compresses each message for itself: as a raw stream's dictionary Deno takes none. */
export class PublicDeflater implements Deflater {
  readonly #zlib: ZlibModule;
  readonly #options: DeflateOptions;

  constructor(zlib: ZlibModule, options: DeflateOptions) {
    this.#zlib = zlib;
    this.#options = options;
  }

  push(data: Uint8Array): Uint8Array {
    const { windowBits, level, memLevel } = this.#options;
    const finishFlush = this.#zlib.constants.Z_SYNC_FLUSH;
    const flushed = this.#zlib.deflateRawSync(data, { windowBits, level, memLevel, finishFlush });
    return new Uint8Array(flushed.subarray(0, -FLUSHED.length));
  }

  reset(): void {}

  close(): void {}
}

/** What `inflateRawSync` gives with `info: true`. */
interface Inflated {
  readonly buffer: Uint8Array;
  readonly engine: { readonly bytesWritten: number };
}

/** Inflates a stream that begins with what may be referred to, as a block that is not compressed. */
export class PublicInflater implements Inflater {
  readonly #zlib: ZlibModule;
  readonly #windowBits: number;
  #history: Uint8Array = new Uint8Array(0);

  constructor(zlib: ZlibModule, windowBits: number) {
    this.#zlib = zlib;
    this.#windowBits = windowBits;
  }

  push(data: Uint8Array, limit: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    let room = limit;
    for (let at = 0; at < data.length;) {
      const [read, piece] = this.#inflate(data.subarray(at), room);
      if (pieces.push(piece) > MAX_ENDS + 1) throw tooManyEnds();
      room -= piece.length;
      at += read;
    }
    return pieces.length === 1 ? pieces[0] : concat(pieces, limit - room);
  }

  reset(): void {
    this.#history = new Uint8Array(0);
  }

  close(): void {
    this.reset();
  }

  /** Up to the end, or to the end of a block with BFINAL. */
  #inflate(data: Uint8Array, limit: number): readonly [read: number, piece: Uint8Array] {
    const before = this.#history.length;
    const prefix = before === 0 ? new Uint8Array(0) : storedBlock(this.#history);
    const input = concat([prefix, data, FLUSHED]);
    // The module's types know only the form without `info`.
    const { buffer, engine } = this.#zlib.inflateRawSync(input, {
      windowBits: this.#windowBits,
      finishFlush: this.#zlib.constants.Z_SYNC_FLUSH,
      maxOutputLength: before + limit + 1,
      info: true,
    }) as unknown as Inflated;
    if (buffer.length - before > limit) throw new RangeError(`Inflated data is longer than ${limit} bytes`);
    const hasEnded = engine.bytesWritten < input.length;
    this.#history = hasEnded ? new Uint8Array(0) : new Uint8Array(buffer.subarray(-(1 << this.#windowBits)));
    return [Math.min(engine.bytesWritten - prefix.length, data.length), new Uint8Array(buffer.subarray(before))];
  }
}

/** RFC 1951 §3.2.4; a window of 32 KiB fits into one block. */
function storedBlock(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  const header = [0x00, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff];
  return concat([Uint8Array.from(header), bytes]);
}

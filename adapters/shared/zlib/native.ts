/**
 * Deflate with a kept context, on streams of zlib.
 *
 * @module
 */
import type { DeflateOptions, Deflater, Inflater } from "../../../src/platform.ts";
import { FLUSHED, MAX_ENDS, MIN_CHUNK, tooManyEnds, type ZlibModule, ZlibStream } from "./stream.ts";

/** What a message becomes: in the shared place first, then in pieces that double what there is. */
export class Output {
  readonly #limit: number;
  readonly #pieces: Uint8Array[] = [];
  /** Length of the pieces. */
  #full = 0;
  #piece: Uint8Array;
  #used = 0;

  constructor(scratch: Uint8Array, limit: number) {
    this.#piece = scratch;
    this.#limit = limit;
  }

  /** Adds all that the stream makes of the input; returns where in the input the stream ended. */
  fill(stream: Pick<ZlibStream, "step">, input: Uint8Array, from: number): number {
    for (;;) {
      const [read, written] = stream.step(input, from, this.#piece, this.#used);
      this.#used = written;
      if (this.#full + written > this.#limit) {
        throw new RangeError(`Inflated data is longer than ${this.#limit} bytes`);
      }
      if (written < this.#piece.length) return read;
      from = read;
      this.#next();
    }
  }

  /** All but the last `less` bytes. */
  take(less: number): Uint8Array {
    const length = this.#full + this.#used - less;
    if (this.#full === 0) return this.#piece.slice(0, length);
    const whole = new Uint8Array(length);
    let at = 0;
    for (const piece of [...this.#pieces, this.#piece.subarray(0, this.#used)]) {
      whole.set(piece.subarray(0, length - at), at);
      at += piece.length;
      if (at >= length) break;
    }
    return whole;
  }

  #next(): void {
    this.#pieces.push(this.#piece);
    this.#full += this.#piece.length;
    this.#used = 0;
    // One byte beyond the limit shows that it is passed.
    this.#piece = new Uint8Array(Math.min(this.#full, this.#limit - this.#full + 1));
  }
}

/** Compresses at once, remembering what was before. */
export class NativeDeflater implements Deflater {
  readonly #stream: ZlibStream;
  readonly #scratch: Uint8Array;

  constructor(zlib: ZlibModule, { windowBits, level, memLevel }: DeflateOptions, scratch: Uint8Array) {
    this.#stream = new ZlibStream(zlib.createDeflateRaw({ windowBits, level, memLevel, chunkSize: MIN_CHUNK }));
    this.#scratch = scratch;
  }

  push(data: Uint8Array): Uint8Array {
    const output = new Output(this.#scratch, Infinity);
    output.fill(this.#stream, data, 0);
    return output.take(FLUSHED.length);
  }

  reset(): void {
    this.#stream.reset();
  }

  close(): void {
    this.#stream.close();
  }
}

/** Inflates at once, remembering what was before. */
export class NativeInflater implements Inflater {
  readonly #stream: ZlibStream;
  readonly #scratch: Uint8Array;

  constructor(zlib: ZlibModule, windowBits: number, scratch: Uint8Array) {
    this.#stream = new ZlibStream(zlib.createInflateRaw({ windowBits, chunkSize: MIN_CHUNK }));
    this.#scratch = scratch;
  }

  push(data: Uint8Array, limit: number): Uint8Array {
    const output = new Output(this.#scratch, limit);
    let ends = 0;
    // A block with BFINAL ends zlib's stream, but not the message (RFC 7692 §7.2.3.4).
    for (let at = 0; (at = output.fill(this.#stream, data, at)) < data.length;) {
      if (++ends > MAX_ENDS) throw tooManyEnds();
      this.#stream.reset();
    }
    // A stream that ended with its message takes nothing of this, and the next message finds it so.
    output.fill(this.#stream, FLUSHED, 0);
    return output.take(0);
  }

  reset(): void {
    this.#stream.reset();
  }

  close(): void {
    this.#stream.close();
  }
}

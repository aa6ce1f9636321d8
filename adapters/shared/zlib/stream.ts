/**
 * A zlib stream driven step by step through the handle below it.
 *
 * @module
 */
import type * as zlib from "node:zlib";

/** `node:zlib`, as it is loaded. */
export type ZlibModule = typeof zlib;

/** What ends a message in the stream, and is not sent (RFC 7692 §7.2.1). */
export const FLUSHED: Uint8Array = Uint8Array.of(0x00, 0x00, 0xff, 0xff);

/** Blocks with BFINAL in one message: one of 1 MiB could have half a million, and each costs a reset. */
export const MAX_ENDS = 1024;

/** A message has too many of them. */
export function tooManyEnds(): Error {
  return new Error(`Compressed data ends more than ${MAX_ENDS} times, send fewer blocks with BFINAL`);
}

/** What is used of a stream; not public, but the same on the three runtimes, and what sync packers have used for years. */
interface Innards {
  readonly _handle: Handle;
  /** After a step: room left, input left. */
  readonly _writeState: Uint32Array;
}

interface Handle {
  onerror: (message: string) => void;
  writeSync(
    flush: number,
    input: Uint8Array,
    from: number,
    length: number,
    output: Uint8Array,
    at: number,
    room: number,
  ): void;
  reset(): void;
  close(): void;
}

/** The smallest that a stream's own output may be; it is not used. */
export const MIN_CHUNK = 64;

/** zlib's own number for "give out all there is". */
const SYNC_FLUSH = 2;

/** Steps, where nobody but the caller hears of errors. */
export class ZlibStream {
  /** Keeps the stream's memory alive. */
  readonly #stream: Innards;
  readonly #handle: Handle;
  #error: string | null = null;
  #open = true;

  /** @throws {TypeError} This runtime's streams are made differently. */
  constructor(stream: object) {
    this.#stream = stream as Innards;
    this.#handle = this.#stream._handle;
    const { writeSync, reset, close } = this.#handle;
    const isKnown = [writeSync, reset, close].every((fn) => typeof fn === "function");
    if (!isKnown || this.#stream._writeState?.length !== 2) throw new TypeError("Streams of zlib have changed");
    // The stream's own would emit an event that nobody waits for.
    this.#handle.onerror = (message) => void (this.#error = message);
  }

  /**
   * Takes input until it is used up, the output is full or the stream has ended.
   *
   * @param input Read from `from` on. @param output Filled from `at` on.
   * @returns Where in `input` and in `output` it came to.
   */
  step(input: Uint8Array, from: number, output: Uint8Array, at: number): readonly [read: number, written: number] {
    // Node ends the whole process when the handle is closed, or gets anything but bytes.
    if (!this.#open || !(input instanceof Uint8Array)) throw new TypeError("Only bytes, and only before close()");
    this.#handle.writeSync(SYNC_FLUSH, input, from, input.length - from, output, at, output.length - at);
    if (this.#error !== null) throw new Error(`Compressed data is corrupt: ${this.#error}`);
    const [room, left] = this.#stream._writeState;
    return [input.length - left, output.length - room];
  }

  reset(): void {
    if (this.#open) this.#handle.reset();
  }

  close(): void {
    if (this.#open) this.#handle.close();
    this.#open = false;
  }
}

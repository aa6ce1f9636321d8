/**
 * The sans-IO encoder of frames (RFC 6455 §5).
 *
 * @module
 */
import { MAX_REASON_BYTES } from "../farewell.ts";
import {
  BINARY,
  CLOSE,
  FIN,
  headerSize,
  MASKED,
  MAX_HEADER,
  MAX_SHORT,
  type Role,
  RSV1,
  TEXT,
  writeHeader,
} from "./header.ts";
import { KeySource, mask, wordsOf, writeKey } from "./mask.ts";
import { Slab } from "./slab.ts";

/** What frames are written to: a `Connection`, for one. */
export interface FrameSink {
  /** Takes bytes, in order; fulfils below the high-water mark, when the caller may use their memory again. */
  write(bytes: Uint8Array): Promise<void>;
  /** The same for bytes that nobody changes any more. */
  writeOwn(bytes: Uint8Array): Promise<void>;
}

/** Up to here a loop over characters is faster than a native encoder, on every runtime. */
const LOOP_TEXT = 32;

/** Texts up to here are encoded into the slab, which needs room for three bytes per UTF-16 unit. */
const SLAB_TEXT = 1024;

/** Payloads up to here are copied behind their head, larger ones are written as they are. */
const SLAB_BYTES = 4096;

const GATHERED: Promise<void> = Promise.resolve();

const utf8 = new TextEncoder();

/**
 * Writes frames for any number of connections. What it is given is copied if it is small or must be masked, and
 * otherwise written as the caller's.
 *
 * @example
 * ```ts ignore
 * const encoder = new FrameEncoder("server");
 * await encoder.text(conn, "hello");
 * ```
 */
export class FrameEncoder {
  readonly #slab: Slab = new Slab();
  readonly #keys: KeySource | null;
  /** Whose frames are gathered in the slab, and where they begin. */
  #gathering: FrameSink | null = null;
  #from = 0;

  /** Builds an encoder for our role: a server's frames are not masked, a client's are. */
  constructor(role: Role) {
    this.#keys = role === "client" ? new KeySource() : null;
  }

  /** From here to `uncork()` small frames to this sink gather, to be written as one; false if another's do. */
  cork(to: FrameSink): boolean {
    if (this.#gathering !== null) return false;
    this.#gathering = to;
    this.#from = this.#slab.at;
    return true;
  }

  /** Writes what was gathered. */
  uncork(): void {
    this.#writeGathered();
    this.#gathering = null;
  }

  /** Sends a text as one message. */
  text(to: FrameSink, text: string): Promise<void> {
    if (text.length > SLAB_TEXT) {
      const bytes = utf8.encode(text);
      return this.#large(to, FIN | TEXT, bytes, true);
    }
    const slab = this.#slab;
    this.#reserve(MAX_HEADER + 3 * text.length);
    const from = slab.at + this.#headSize(text.length);
    const end = from + this.#writeText(text, from);
    return this.#emit(to, this.#finish(FIN | TEXT, from, end));
  }

  /** Sends bytes as one message. */
  binary(to: FrameSink, data: Uint8Array): Promise<void> {
    return this.#payload(to, FIN | BINARY, data);
  }

  /** Sends a message that permessage-deflate has compressed (RFC 7692 §6). */
  compressed(to: FrameSink, opcode: 1 | 2, deflated: Uint8Array): Promise<void> {
    // A compressor gives bytes of their own.
    return this.#payload(to, FIN | RSV1 | opcode, deflated, true);
  }

  /** Sends a control frame, of at most 125 bytes. */
  control(to: FrameSink, opcode: 8 | 9 | 10, payload: Uint8Array): Promise<void> {
    if (payload.length > MAX_SHORT) {
      throw new RangeError(`A control frame has ${payload.length} bytes of payload: use at most ${MAX_SHORT}`);
    }
    return this.#payload(to, FIN | opcode, payload);
  }

  /** Sends a Close, with no payload if `code` is null; a reason that is too long is cut at a character's edge. */
  close(to: FrameSink, code: number | null, reason: string): Promise<void> {
    if (code === null) return this.control(to, CLOSE, new Uint8Array(0));
    const payload = new Uint8Array(2 + MAX_REASON_BYTES);
    payload[0] = code >>> 8;
    payload[1] = code;
    const { written } = utf8.encodeInto(reason, payload.subarray(2));
    return this.control(to, CLOSE, payload.subarray(0, 2 + written));
  }

  #headSize(length: number): number {
    return headerSize(length) + (this.#keys === null ? 0 : 4);
  }

  /** Writes text into the slab; returns its bytes. */
  #writeText(text: string, from: number): number {
    const { bytes } = this.#slab;
    if (text.length <= LOOP_TEXT) {
      let i = 0;
      for (; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (unit >= 0x80) break;
        bytes[from + i] = unit;
      }
      if (i === text.length) return i;
    }
    return utf8.encodeInto(text, bytes.subarray(from)).written;
  }

  #payload(to: FrameSink, first: number, payload: Uint8Array, own: boolean = false): Promise<void> {
    const size = payload.length;
    if (size > SLAB_BYTES) {
      if (this.#keys === null) return this.#large(to, first, payload, own);
      return this.#large(to, first, new Uint8Array(payload), true);
    }
    this.#reserve(MAX_HEADER + size);
    const slab = this.#slab;
    const from = slab.at + this.#headSize(size);
    slab.bytes.set(payload, from);
    return this.#emit(to, this.#finish(first, from, from + size));
  }

  /** Makes room in the slab. */
  #reserve(size: number): void {
    if (this.#slab.has(size)) return;
    this.#writeGathered();
    this.#slab.renew();
    this.#from = 0;
  }

  #writeGathered(): void {
    const { at } = this.#slab;
    if (this.#gathering === null || at === this.#from) return;
    void this.#gathering.writeOwn(this.#slab.bytes.subarray(this.#from, at));
    this.#from = at;
  }

  /** Gathers or writes the frame `start..end` of the slab. */
  #emit(to: FrameSink, end: number): Promise<void> {
    const slab = this.#slab;
    if (to === this.#gathering) {
      slab.at = end;
      return GATHERED;
    }
    this.#writeGathered();
    this.#from = end;
    return to.writeOwn(slab.take(end));
  }

  /** Puts a head before the payload `from..end` in the slab, and masks it; returns where the frame ends. */
  #finish(first: number, from: number, end: number): number {
    const slab = this.#slab;
    const keys = this.#keys;
    const length = end - from;
    const start = from - this.#headSize(length);
    if (start !== slab.at) return this.#finishBehind(first, from, end);
    const at = writeHeader(slab.bytes, start, first, keys === null ? 0 : MASKED, length);
    if (keys !== null) {
      const key = keys.next();
      writeKey(slab.bytes, at, key);
      mask(slab.bytes, slab.words, from, end, key);
    }
    return end;
  }

  /** The text has become so long that its head has: it moves back. */
  #finishBehind(first: number, from: number, end: number): number {
    const { bytes, at } = this.#slab;
    const moved = at + this.#headSize(end - from);
    bytes.copyWithin(moved, from, end);
    return this.#finish(first, moved, moved + end - from);
  }

  /** Head and payload as two writes; a client masks the payload, which is its `own`, in place. */
  #large(to: FrameSink, first: number, payload: Uint8Array, own: boolean): Promise<void> {
    const keys = this.#keys;
    this.#reserve(MAX_HEADER);
    const slab = this.#slab;
    let end = writeHeader(slab.bytes, slab.at, first, keys === null ? 0 : MASKED, payload.length);
    if (keys !== null) {
      const key = keys.next();
      end = writeKey(slab.bytes, end, key);
      mask(payload, wordsOf(payload), 0, payload.length, key);
    }
    void this.#emit(to, end);
    if (to === this.#gathering) this.#writeGathered();
    return own ? to.writeOwn(payload) : to.write(payload);
  }
}

/** One whole unmasked frame, as bytes of its own, to be sent to many. */
export function frameBytes(opcode: 1 | 2, payload: Uint8Array, rsv1: boolean): Uint8Array {
  const head = headerSize(payload.length);
  const bytes = new Uint8Array(head + payload.length);
  writeHeader(bytes, 0, FIN | (rsv1 ? RSV1 : 0) | opcode, 0, payload.length);
  bytes.set(payload, head);
  return bytes;
}

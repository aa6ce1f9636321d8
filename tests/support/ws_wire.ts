/**
 * Frames of RFC 6455 as tests write and read them. It shares nothing with the codec that it judges: the builder makes
 * any frame, right or wrong, and the readers forgive nothing.
 *
 * @module
 */

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

const FIN = 0x80;
const RSV1 = 0x40;
const RSV2 = 0x20;
const RSV3 = 0x10;
const MASKED = 0x80;
/** Bytes in front of a payload, at most. */
const MAX_HEAD = 14;
/** What a reader takes, so that a wrong length can't take the memory of a test. */
const MAX_PAYLOAD = 64 << 20;

/** A frame to build. */
export interface FrameSpec {
  readonly opcode: number;
  /** @default empty */
  readonly payload?: Uint8Array;
  /** @default true */
  readonly fin?: boolean;
  readonly rsv1?: boolean;
  readonly rsv2?: boolean;
  readonly rsv3?: boolean;
  /** Four bytes; null for none. @default as it must be for the side that sends it */
  readonly mask?: Uint8Array | null;
  /** Bits of the length's form, though it may not be the shortest. @default the shortest */
  readonly form?: 7 | 16 | 64;
  /** The length to declare. @default the payload's */
  readonly declared?: bigint;
}

/** A frame that was read, unmasked. */
export interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly rsv1: boolean;
  readonly masked: boolean;
  readonly payload: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** The bytes of a frame. */
export function frame(spec: FrameSpec): Uint8Array {
  const { opcode, payload = NOTHING, fin = true, rsv1, rsv2, rsv3, mask = null } = spec;
  const length = spec.declared ?? BigInt(payload.length);
  const form = spec.form ?? (length < 126n ? 7 : length < 65536n ? 16 : 64);
  const extended = form === 7 ? 0 : form / 8;
  const at = 2 + extended + (mask === null ? 0 : 4);
  const bytes = new Uint8Array(at + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = (fin ? FIN : 0) | (rsv1 ? RSV1 : 0) | (rsv2 ? RSV2 : 0) | (rsv3 ? RSV3 : 0) | opcode;
  bytes[1] = (mask === null ? 0 : MASKED) | (form === 7 ? Number(length) : form === 16 ? 126 : 127);
  if (form === 16) view.setUint16(2, Number(length));
  if (form === 64) view.setBigUint64(2, length);
  bytes.set(payload, at);
  if (mask !== null) {
    bytes.set(mask, 2 + extended);
    applyMask(bytes, at, mask);
  }
  return bytes;
}

function applyMask(bytes: Uint8Array, from: number, key: Uint8Array): void {
  for (let i = from; i < bytes.length; i++) bytes[i] ^= key[i - from & 3];
}

/** The payload of a Close. */
export function closePayload(code: number, reason: string | Uint8Array = ""): Uint8Array {
  const words = typeof reason === "string" ? new TextEncoder().encode(reason) : reason;
  const payload = new Uint8Array(2 + words.length);
  new DataView(payload.buffer).setUint16(0, code);
  payload.set(words, 2);
  return payload;
}

/** What a side may send. */
export interface ReaderOptions {
  /** Frames must be masked: they come from a client. */
  readonly masked: boolean;
  /** RSV1 has a meaning: permessage-deflate was agreed on. */
  readonly deflate?: boolean;
}

/** Takes bytes as they come, gives whole frames; throws at the first that is not as it must be. */
export class FrameReader {
  readonly #options: ReaderOptions;
  readonly #onFrame: (frame: Frame) => void;
  readonly #head = new Uint8Array(MAX_HEAD);
  #headLength = 0;
  #payload: Uint8Array | null = null;
  #filled = 0;
  /** A message has begun, and its last frame is not here. */
  #within = false;
  #closed = false;

  constructor(options: ReaderOptions, onFrame: (frame: Frame) => void) {
    this.#options = options;
    this.#onFrame = onFrame;
  }

  /** Bytes of a frame are here, and not all of them. */
  get partial(): boolean {
    return this.#headLength > 0;
  }

  feed(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length || this.#isWhole()) {
      if (this.#isWhole()) this.#finish();
      else at += this.#payload === null ? this.#takeHead(chunk[at]) : this.#takePayload(chunk.subarray(at));
    }
  }

  #isWhole(): boolean {
    return this.#payload !== null && this.#filled === this.#payload.length;
  }

  #takeHead(byte: number): number {
    if (this.#closed) throw new Error("bytes after a Close");
    this.#head[this.#headLength++] = byte;
    if (this.#headLength >= 2 && this.#headLength === headLength(this.#head)) {
      const length = payloadLength(this.#head);
      this.#check(length);
      this.#payload = new Uint8Array(length);
      this.#filled = 0;
    }
    return 1;
  }

  #takePayload(rest: Uint8Array): number {
    const payload = this.#payload!;
    const piece = rest.subarray(0, payload.length - this.#filled);
    payload.set(piece, this.#filled);
    this.#filled += piece.length;
    return piece.length;
  }

  #check(length: number): void {
    const [first, second] = this.#head;
    const opcode = first & 15;
    const isControl = opcode >= CLOSE;
    const wrong = (what: string) => {
      throw new Error(`${what} in frame head ${[...this.#head.subarray(0, this.#headLength)]}`);
    };
    if (![CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode)) wrong(`opcode ${opcode}`);
    if ((first & (RSV2 | RSV3)) !== 0) wrong("a reserved bit");
    const mayDeflate = this.#options.deflate === true && (opcode === TEXT || opcode === BINARY);
    if ((first & RSV1) !== 0 && !mayDeflate) wrong("RSV1");
    if ((second & MASKED) !== 0 !== this.#options.masked) wrong(this.#options.masked ? "no mask" : "a mask");
    if (isControl && (length > 125 || (first & FIN) === 0)) wrong("a long or fragmented control frame");
    const form = second & 127;
    if ((form === 126 && length < 126) || (form === 127 && length < 65536)) wrong("a length that could be shorter");
    if (length > MAX_PAYLOAD) wrong(`${length} bytes`);
    if (!isControl && this.#within !== (opcode === CONTINUATION)) wrong("fragments out of order");
  }

  #finish(): void {
    const [first, second] = this.#head;
    const payload = this.#payload!;
    if ((second & MASKED) !== 0) applyMask(payload, 0, this.#head.slice(this.#headLength - 4, this.#headLength));
    const opcode = first & 15;
    const fin = (first & FIN) !== 0;
    if (opcode < CLOSE) this.#within = !fin;
    this.#closed = opcode === CLOSE;
    this.#headLength = 0;
    this.#payload = null;
    this.#onFrame({ opcode, fin, rsv1: (first & RSV1) !== 0, masked: (second & MASKED) !== 0, payload });
  }
}

function headLength(head: Uint8Array): number {
  const form = head[1] & 127;
  return 2 + (form === 126 ? 2 : form === 127 ? 8 : 0) + ((head[1] & MASKED) !== 0 ? 4 : 0);
}

function payloadLength(head: Uint8Array): number {
  const view = new DataView(head.buffer);
  const form = head[1] & 127;
  return form === 126 ? view.getUint16(2) : form === 127 ? Number(view.getBigUint64(2)) : form;
}

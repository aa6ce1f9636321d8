/**
 * Frames of RFC 6455 as a client writes and reads them: just what the proof needs, apart from the codec that it may judge.
 *
 * @module
 */
import { join } from "./talk.ts";

/** RFC 6455 §5.2. */
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A Close without a code (RFC 6455 §7.1.5). */
export const NO_CODE = 1005;

const FIN = 0x80;
const MASKED = 0x80;

/** A whole frame from the server. */
export interface ServerFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: Uint8Array;
}

/** The bytes of a client's frame, masked with a random key. */
export function clientFrame(
  opcode: number,
  payload: Uint8Array,
  random: () => number,
  fin: boolean = true,
): Uint8Array {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const bytes = new Uint8Array(2 + extended + 4 + length);
  const view = new DataView(bytes.buffer);
  bytes[0] = (fin ? FIN : 0) | opcode;
  bytes[1] = MASKED | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) view.setUint16(2, length);
  if (extended === 8) view.setBigUint64(2, BigInt(length));
  const key = 2 + extended;
  for (let i = 0; i < 4; i++) bytes[key + i] = Math.floor(random() * 256);
  for (let i = 0; i < length; i++) bytes[key + 4 + i] = payload[i] ^ bytes[key + (i & 3)];
  return bytes;
}

/** The code of a Close's payload. */
export function codeOf(payload: Uint8Array): number {
  return payload.length < 2 ? NO_CODE : payload[0] * 256 + payload[1];
}

/** Takes a server's bytes as they come and gives whole frames. */
export class FrameReader {
  #waiting: Uint8Array[] = [];
  #size = 0;
  /** Bytes that the next frame has; 2 until its length is known. */
  #needed = 2;

  /** Bytes of a frame that is not whole. */
  get buffered(): number {
    return this.#size;
  }

  /** Takes bytes; calls `found` for each frame that they complete. */
  feed(chunk: Uint8Array, found: (frame: ServerFrame) => void): void {
    this.#waiting.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= this.#needed) {
      let bytes = join(this.#waiting);
      this.#needed = frameLength(bytes);
      if (bytes.length >= this.#needed) {
        found(frameAt(bytes, this.#needed));
        bytes = bytes.subarray(this.#needed);
        this.#needed = 2;
      }
      this.#waiting = bytes.length === 0 ? [] : [bytes];
      this.#size = bytes.length;
    }
  }
}

/** Length of the frame that begins here, or of as much of its head as tells more. */
function frameLength(bytes: Uint8Array): number {
  const form = bytes[1] & 0x7f;
  const head = headLength(form, bytes[1]);
  if (form < 126) return head + form;
  if (bytes.length < head) return head;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return head + (form === 126 ? view.getUint16(2) : Number(view.getBigUint64(2)));
}

/** A mask is wrong from a server, but it has its place. */
function headLength(form: number, second: number): number {
  return 2 + (form === 126 ? 2 : form === 127 ? 8 : 0) + ((second & MASKED) === 0 ? 0 : 4);
}

function frameAt(bytes: Uint8Array, length: number): ServerFrame {
  const head = headLength(bytes[1] & 0x7f, bytes[1]);
  return { opcode: bytes[0] & 15, fin: (bytes[0] & FIN) !== 0, payload: bytes.subarray(head, length) };
}

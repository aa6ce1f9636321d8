/**
 * The head of a frame (RFC 6455 §5.2): what its bits mean, and how it is written.
 *
 * @module
 */

/** Our own role: a server takes masked frames only and sends unmasked ones, a client the other way round. */
export type Role = "server" | "client";

/** Goes on with a fragmented message. */
export const CONTINUATION = 0;
/** Begins a message of text. */
export const TEXT = 1;
/** Begins a message of bytes. */
export const BINARY = 2;
/** Ends the connection. */
export const CLOSE = 8;
/** Wants a pong. */
export const PING = 9;
/** Answers a ping. */
export const PONG = 10;

/** The last frame of its message. */
export const FIN = 0x80;
/** Compressed, where permessage-deflate was agreed on (RFC 7692 §6). */
export const RSV1 = 0x40;
/** The three bits that only an extension gives a meaning. */
export const RESERVED = 0x70;
/** Set in the second byte of a masked frame. */
export const MASKED = 0x80;

/** The longest payload of a control frame, and of any frame whose length is in its second byte. */
export const MAX_SHORT = 125;
/** Says that the length is in the next two bytes. */
export const LENGTH_16 = 126;
/** Says that the length is in the next eight bytes. */
export const LENGTH_64 = 127;
/** The longest payload whose length takes two bytes. */
export const MAX_16 = 0xffff;
/** No head is longer. */
export const MAX_HEADER = 14;

const TWO_32 = 0x1_0000_0000;

/** Bytes that a head takes: without the key of a masked frame. */
export function headerSize(length: number): number {
  return length <= MAX_SHORT ? 2 : length <= MAX_16 ? 4 : 10;
}

/** Writes a head without a key; returns where it ends. `mask` is {@linkcode MASKED} or 0. */
export function writeHeader(bytes: Uint8Array, at: number, first: number, mask: number, length: number): number {
  bytes[at] = first;
  if (length <= MAX_SHORT) {
    bytes[at + 1] = mask | length;
    return at + 2;
  }
  if (length <= MAX_16) {
    bytes[at + 1] = mask | LENGTH_16;
    bytes[at + 2] = length >>> 8;
    bytes[at + 3] = length;
    return at + 4;
  }
  bytes[at + 1] = mask | LENGTH_64;
  writeUint32(bytes, at + 2, Math.floor(length / TWO_32));
  writeUint32(bytes, at + 6, length >>> 0);
  return at + 10;
}

/** Four bytes as a number, the most significant first. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** Eight bytes as a number; above 2^53 it is close, which is enough for a limit. */
export function readUint64(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) * TWO_32 + readUint32(bytes, at + 4);
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

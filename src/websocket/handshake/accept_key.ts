/**
 * The key of a handshake and the proof that its receiver speaks WebSocket (RFC 6455 §1.3).
 *
 * @module
 */
import { sha1 } from "../../sha1.ts";

/** RFC 6455 §4.2.2: what no other protocol would append. */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const encoder = new TextEncoder();

/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Whether `key` can be a `Sec-WebSocket-Key`: base64 of 16 bytes. */
export function isKey(key: string): boolean {
  return KEY.test(key);
}

/** A `Sec-WebSocket-Key`: 16 random bytes in base64. */
export function randomKey(): string {
  return base64(crypto.getRandomValues(new Uint8Array(16)));
}

/** The `Sec-WebSocket-Accept` that answers a key. */
export function acceptKey(key: string): string {
  return base64(sha1(encoder.encode(key + GUID)));
}

function base64(bytes: Uint8Array): string {
  // To spread them would make an object of each byte.
  return btoa(String.fromCharCode.apply(null, bytes as unknown as number[]));
}

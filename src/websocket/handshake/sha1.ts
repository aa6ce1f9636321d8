/**
 * SHA-1 (RFC 3174), synchronous: the web's `crypto.subtle` costs a promise for sixty bytes. For the handshake, whose
 * use of it is no matter of security (RFC 6455 §10.8); nothing else should use it.
 *
 * @module
 */

const BLOCK = 64;
const ROUNDS = 80;
/** Of each twenty rounds (RFC 3174 §5). */
const CONSTANTS: Int32Array = Int32Array.of(0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6);

/** The digest of `message`, 20 bytes. */
export function sha1(message: Uint8Array): Uint8Array {
  const padded = pad(message);
  const state = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
  const words = new Int32Array(ROUNDS);
  for (let at = 0; at < padded.byteLength; at += BLOCK) {
    expand(words, padded, at);
    mix(state, words);
  }
  const digest = new DataView(new ArrayBuffer(20));
  for (let i = 0; i < 5; i++) digest.setInt32(i * 4, state[i]);
  return new Uint8Array(digest.buffer);
}

/** The message, a 1 bit, zeros, and the message's length in bits (RFC 3174 §4). */
function pad(message: Uint8Array): DataView {
  const bytes = new Uint8Array(Math.ceil((message.length + 9) / BLOCK) * BLOCK);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setUint32(bytes.length - 8, Math.floor(message.length / 0x2000_0000));
  view.setUint32(bytes.length - 4, message.length << 3);
  return view;
}

function expand(words: Int32Array, block: DataView, at: number): void {
  for (let i = 0; i < 16; i++) words[i] = block.getInt32(at + i * 4);
  for (let i = 16; i < ROUNDS; i++) {
    const word = words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16];
    words[i] = (word << 1) | (word >>> 31);
  }
}

function mix(state: Int32Array, words: Int32Array): void {
  let a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
  for (let i = 0; i < ROUNDS; i++) {
    const part = (i / 20) | 0;
    const next = ((a << 5) | (a >>> 27)) + e + words[i] + choose(part, b, c, d) + CONSTANTS[part];
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
}

/** The function of each twenty rounds (RFC 3174 §5). */
function choose(part: number, b: number, c: number, d: number): number {
  if (part === 0) return (b & c) | (~b & d);
  return part === 2 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
}

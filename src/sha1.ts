/**
 * SHA-1 (RFC 3174), synchronous: the web's `crypto.subtle` costs a promise for sixty bytes. For the
 * WebSocket handshake, whose use of it is no matter of security (RFC 6455 §10.8), and for the names that Redis gives to
 * scripts; nothing else should use it.
 *
 * @module
 */

const BLOCK = 64;
const ROUNDS = 80;
/** Of each twenty rounds (RFC 3174 §5). */
const CONSTANTS: Int32Array = Int32Array.of(0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6);

/** What follows a message: a 1 bit, zeros, and 8 bytes of its length (RFC 3174 §4). */
const PADDING = 9;

/** For one digest at a time, and of no meaning behind it: a handshake each would be much for the collector. */
const state = new Int32Array(5);
const words = new Int32Array(ROUNDS);

/** The digest of `message`, 20 bytes. */
export function sha1(message: Uint8Array): Uint8Array {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  state[4] = 0xc3d2e1f0;
  const size = Math.ceil((message.length + PADDING) / BLOCK) * BLOCK;
  for (let at = 0; at < size; at += BLOCK) {
    expand(message, at);
    if (at + BLOCK === size) {
      words[14] = Math.floor(message.length / 0x2000_0000);
      words[15] = message.length << 3;
    }
    spread();
    mix();
  }
  const digest = new Uint8Array(20);
  for (let i = 0; i < 20; i++) digest[i] = state[i >> 2] >>> (24 - 8 * (i & 3));
  return digest;
}

/** The block at `at` of the message, a 1 bit and zeros. */
function expand(message: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const from = at + i * 4;
    words[i] = (byteAt(message, from) << 24) | (byteAt(message, from + 1) << 16) |
      (byteAt(message, from + 2) << 8) | byteAt(message, from + 3);
  }
}

function byteAt(message: Uint8Array, at: number): number {
  if (at < message.length) return message[at];
  return at === message.length ? 0x80 : 0;
}

function spread(): void {
  for (let i = 16; i < ROUNDS; i++) {
    const word = words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16];
    words[i] = (word << 1) | (word >>> 31);
  }
}

function mix(): void {
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

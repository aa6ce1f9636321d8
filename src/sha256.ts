/**
 * SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104), synchronous: for sixty bytes the web's `crypto.subtle` takes a task
 * of another thread and 27 µs of this one, this 5 (Node 20), and thousands of clients come back at once (issue 15).
 *
 * @module
 */

const BLOCK = 64;
const ROUNDS = 64;
const DIGEST = 32;
/** What follows a message: a 1 bit, zeros, and 8 bytes of its length (FIPS 180-4 §5.1.1). */
const PADDING = 9;
/** What the key is mixed with, inside and outside (RFC 2104 §2). */
const INNER = 0x36;
const OUTER = 0x5c;

/** Of the 64 rounds: fractions of the cube roots of the first primes (FIPS 180-4 §4.2.2). */
// deno-fmt-ignore
const CONSTANTS: Int32Array = Int32Array.of(
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
);
/** What a digest begins with: fractions of their square roots (FIPS 180-4 §5.3.3). */
// deno-fmt-ignore
const START: Int32Array = Int32Array.of(
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
);

/** For one digest at a time: nothing is waited for in between. */
const words = new Int32Array(ROUNDS);
const last = new Uint8Array(2 * BLOCK);

/** The digest of `message`, 32 bytes. */
export function sha256(message: Uint8Array): Uint8Array {
  const state = START.slice();
  digestInto(state, message, 0);
  return bytesOf(state);
}

/** Signs with one key. */
export class HmacSha256 {
  readonly #inner: Int32Array;
  readonly #outer: Int32Array;

  /** @param key As many bytes as there are. */
  constructor(key: Uint8Array) {
    const short = key.length > BLOCK ? sha256(key) : key;
    this.#inner = begun(short, INNER);
    this.#outer = begun(short, OUTER);
  }

  /** The code of `message`, 32 bytes. */
  sign(message: Uint8Array): Uint8Array {
    const inner = this.#inner.slice();
    digestInto(inner, message, BLOCK);
    const outer = this.#outer.slice();
    digestInto(outer, bytesOf(inner), BLOCK);
    return bytesOf(outer);
  }
}

/** A digest that begins with the key: what stands there is the same for all messages. */
function begun(key: Uint8Array, mixed: number): Int32Array {
  const state = START.slice();
  const block = new Uint8Array(BLOCK).fill(mixed);
  for (let i = 0; i < key.length; i++) block[i] ^= key[i];
  mix(state, block, 0);
  return state;
}

/** Takes a message and its end. @param before Bytes that `state` has already: whole blocks. */
function digestInto(state: Int32Array, message: Uint8Array, before: number): void {
  const whole = message.length - message.length % BLOCK;
  for (let at = 0; at < whole; at += BLOCK) mix(state, message, at);
  const left = message.length - whole;
  const size = left + PADDING <= BLOCK ? BLOCK : 2 * BLOCK;
  last.fill(0, left);
  for (let i = 0; i < left; i++) last[i] = message[whole + i];
  last[left] = 0x80;
  writeLength(size, before + message.length);
  for (let at = 0; at < size; at += BLOCK) mix(state, last, at);
}

/** Of the whole, in bits. */
function writeLength(size: number, bytes: number): void {
  let high = Math.floor(bytes / 0x2000_0000);
  let low = (bytes << 3) >>> 0;
  for (let i = 1; i <= 4; i++) {
    last[size - i] = low & 255;
    last[size - 4 - i] = high & 255;
    low >>>= 8;
    high >>>= 8;
  }
}

/** One block (FIPS 180-4 §6.2.2). */
function mix(state: Int32Array, bytes: Uint8Array, at: number): void {
  expand(bytes, at);
  let a = state[0], b = state[1], c = state[2], d = state[3];
  let e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < ROUNDS; i++) {
    const turnedE = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const first = h + turnedE + (e & f ^ ~e & g) + CONSTANTS[i] + words[i] | 0;
    const turnedA = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const second = turnedA + (a & b ^ a & c ^ b & c) | 0;
    h = g;
    g = f;
    f = e;
    e = d + first | 0;
    d = c;
    c = b;
    b = a;
    a = first + second | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}

function expand(bytes: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const from = at + i * 4;
    words[i] = bytes[from] << 24 | bytes[from + 1] << 16 | bytes[from + 2] << 8 | bytes[from + 3];
  }
  for (let i = 16; i < ROUNDS; i++) {
    const early = words[i - 15], late = words[i - 2];
    const first = (early >>> 7 | early << 25) ^ (early >>> 18 | early << 14) ^ early >>> 3;
    const second = (late >>> 17 | late << 15) ^ (late >>> 19 | late << 13) ^ late >>> 10;
    words[i] = words[i - 16] + first + words[i - 7] + second | 0;
  }
}

function bytesOf(state: Int32Array): Uint8Array {
  const bytes = new Uint8Array(DIGEST);
  for (let i = 0; i < DIGEST; i++) bytes[i] = state[i >> 2] >>> (24 - 8 * (i & 3));
  return bytes;
}

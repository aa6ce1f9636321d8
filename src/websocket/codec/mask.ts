/**
 * Masking (RFC 6455 §5.3). A key is a 32-bit integer whose lowest byte is the first on the wire, on every machine.
 *
 * @module
 */

/** Below this a loop over bytes is done before a view of words is made. */
const WORDS_FROM = 128;

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** Keys drawn at once: `getRandomValues` costs about a microsecond however little is asked of it. */
const KEYS = 256;

/** The key that stands at `at`. */
export function readKey(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Writes a key; returns where it ends. */
export function writeKey(bytes: Uint8Array, at: number, key: number): number {
  bytes[at] = key;
  bytes[at + 1] = key >>> 8;
  bytes[at + 2] = key >>> 16;
  bytes[at + 3] = key >>> 24;
  return at + 4;
}

/** The key for what comes `by` bytes later. */
export function rotateKey(key: number, by: number): number {
  const bits = (by & 3) * 8;
  return (key >>> bits) | (key << (32 - bits));
}

/** Words over the whole buffer of some bytes, to mask by; null where bytes alone are as fast, or in the wrong order. */
export function wordsOf(bytes: Uint8Array): Int32Array | null {
  if (bytes.length < WORDS_FROM || !LITTLE_ENDIAN) return null;
  return new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2);
}

/** Masks or unmasks `bytes[start..end)` in place. */
export function mask(bytes: Uint8Array, words: Int32Array | null, start: number, end: number, key: number): void {
  if (key === 0) return;
  if (words === null) return maskBytes(bytes, start, end, key);
  const base = bytes.byteOffset;
  const aligned = Math.min(end, ((start + base + 3) & ~3) - base);
  if (aligned > start) maskBytes(bytes, start, aligned, key);
  const wordKey = rotateKey(key, aligned - start);
  const last = (end + base) >> 2;
  let word = (aligned + base) >> 2;
  // Four at once: the loop's own cost is as much as the work.
  for (; word + 4 <= last; word += 4) {
    words[word] ^= wordKey;
    words[word + 1] ^= wordKey;
    words[word + 2] ^= wordKey;
    words[word + 3] ^= wordKey;
  }
  for (; word < last; word++) words[word] ^= wordKey;
  const rest = Math.max(aligned, last * 4 - base);
  if (rest < end) maskBytes(bytes, rest, end, wordKey);
}

function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): void {
  const key1 = key >>> 8;
  const key2 = key >>> 16;
  const key3 = key >>> 24;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    bytes[i] ^= key;
    bytes[i + 1] ^= key1;
    bytes[i + 2] ^= key2;
    bytes[i + 3] ^= key3;
  }
  if (i < end) bytes[i++] ^= key;
  if (i < end) bytes[i++] ^= key1;
  if (i < end) bytes[i] ^= key2;
}

/** Keys that nobody can foresee, drawn in blocks. */
export class KeySource {
  readonly #keys: Int32Array<ArrayBuffer> = new Int32Array(KEYS);
  #used: number = KEYS;

  /** A key that was never given before. */
  next(): number {
    if (this.#used === KEYS) {
      crypto.getRandomValues(this.#keys);
      this.#used = 0;
    }
    return this.#keys[this.#used++];
  }
}

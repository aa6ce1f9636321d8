/**
 * Bytes compared with bytes: the most of a load client's own work.
 *
 * @module
 */

/** From here on words are faster than bytes: two views have to be made first. */
const WORDS_FROM = 64;
/** The same for words at odd places. */
const ODD_FROM = 256;
/** Bytes of a step at odd places: four words. */
const STEP = 16;

/** Whether `length` bytes of `a` from `aAt` on are those of `b` from `bAt` on; both must have as many. */
export function sameBytes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): boolean {
  let i = 0;
  if (length >= WORDS_FROM) {
    const isEven = ((a.byteOffset + aAt | b.byteOffset + bAt) & 3) === 0;
    if (isEven) i = sameWords(a, aAt, b, bAt, length);
    else if (length >= ODD_FROM) i = sameSteps(a, aAt, b, bAt, length);
    if (i === -1) return false;
  }
  for (; i < length; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}

/** How many bytes were compared; -1 if they differ. */
function sameWords(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): number {
  const words = length >> 2;
  const x = new Int32Array(a.buffer, a.byteOffset + aAt, words);
  const y = new Int32Array(b.buffer, b.byteOffset + bAt, words);
  for (let i = 0; i < words; i++) if (x[i] !== y[i]) return -1;
  return words * 4;
}

function sameSteps(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, length: number): number {
  const x = new DataView(a.buffer, a.byteOffset + aAt, length);
  const y = new DataView(b.buffer, b.byteOffset + bAt, length);
  let i = 0;
  for (; i + STEP <= length; i += STEP) {
    const differs = x.getInt32(i) ^ y.getInt32(i) | x.getInt32(i + 4) ^ y.getInt32(i + 4) |
      x.getInt32(i + 8) ^ y.getInt32(i + 8) | x.getInt32(i + 12) ^ y.getInt32(i + 12);
    if (differs !== 0) return -1;
  }
  return i;
}

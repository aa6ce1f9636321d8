/**
 * Random numbers that repeat.
 *
 * @module
 */

/** A generator of numbers in [0, 1) from a seed and what it is for (mulberry32). */
export function diceFor(seed: number, ...purpose: readonly number[]): () => number {
  let state = purpose.reduce((mixed, number) => Math.imul(mixed ^ number, 0x9e3779b1) ^ (mixed >>> 15), seed) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

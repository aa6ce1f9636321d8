/**
 * Random choices that repeat: each connection has its own, whatever the others do.
 *
 * @module
 */

/** Numbers from 0 up to 1 (mulberry32). */
export type Random = () => number;

const GOLDEN = 0x9e3779b9;

/** A generator for one purpose of one connection. */
export function randomOf(seed: number, connection: number, purpose: number): Random {
  let state = mix(mix(mix(seed) + connection) + purpose);
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A seed for those who gave none. */
export function freshSeed(): number {
  return Math.floor(Math.random() * 4_294_967_296);
}

/** Neighbouring numbers become numbers far apart (the finish of MurmurHash3). */
function mix(value: number): number {
  let hash = (value + GOLDEN) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

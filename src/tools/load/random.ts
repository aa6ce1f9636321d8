/**
 * Choices that a seed repeats.
 *
 * @module
 */
import type { LoadRange } from "./load_api.ts";

/** The next number, from 0 up to and without 1. */
export type Random = () => number;

/** Greatest seed: 32 bits. */
export const MAX_SEED = 0xffff_ffff;

/** A sequence that depends on the seed alone (mulberry32: fast, and even enough to choose sizes and pauses). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Any value of the range, fractions too. */
export function within({ min, max }: LoadRange, random: Random): number {
  return min + (max - min) * random();
}

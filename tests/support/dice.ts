/**
 * Chance that repeats: rolls of a seed, and rounds for many seeds.
 *
 * @module
 */
import process from "node:process";

/** A repeatable stream of random numbers, apart from the network's own: each call gives one below its argument. */
export function dice(seed: number): (below: number) => number {
  let state = seed * 2654435761 >>> 0;
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917 >>> 0;
    return state % below;
  };
}

/**
 * Plays a round for each seed from 1 on; a failure names its seed. Where only a share is asked for, each so-many-th: the
 * day says which, so that all have their turn.
 */
export function eachSeed(runs: number, round: (seed: number) => Promise<unknown>): Promise<void> {
  const { first, step } = shareOf(runs);
  return seeds(first, runs, step, round);
}

/** The same for all of them, whatever is asked for. */
export function allSeeds(runs: number, round: (seed: number) => Promise<unknown>): Promise<void> {
  return seeds(1, runs, 1, round);
}

async function seeds(first: number, last: number, step: number, round: (seed: number) => Promise<unknown>) {
  for (let seed = first; seed <= last; seed += step) {
    try {
      await round(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** What the runner of the tests asks for: `DAY/PARTS`, one of so many parts; everything if it doesn't. */
function shareOf(runs: number): { first: number; step: number } {
  const [day, parts] = (process.env.SLUICE_TEST_SHARE ?? "0/1").split("/").map(Number);
  const step = Math.min(parts, runs);
  return { first: 1 + day % step, step };
}

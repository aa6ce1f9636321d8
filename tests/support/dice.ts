/** A repeatable stream of random numbers, apart from the network's own: each call gives one below its argument. */
export function dice(seed: number): (below: number) => number {
  let state = seed * 2654435761 >>> 0;
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917 >>> 0;
    return state % below;
  };
}

/** Plays a round for each seed from 1 on; a failure names its seed. */
export async function eachSeed(runs: number, round: (seed: number) => Promise<unknown>): Promise<void> {
  for (let seed = 1; seed <= runs; seed++) {
    try {
      await round(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/**
 * A load that grows, or shrinks, in steps of equal length.
 *
 * @module
 */
import type { LoadRamp } from "./load_api.ts";

/** One step: its load, and when it begins and ends, in ms since the start. */
export interface RampStage {
  readonly load: number;
  readonly from: number;
  readonly to: number;
}

/** All steps in order; the last one has no end: the load stays there until the whole is over. */
export function rampStages(ramp: Required<LoadRamp>): readonly RampStage[] {
  const { from, to, over, steps, unit } = ramp;
  const loadAt = (index: number) => steps === 1 ? to : from + (index * (to - from)) / (steps - 1);
  return Array.from({ length: steps }, (_, index) => ({
    load: unit === "clients" ? Math.round(loadAt(index)) : loadAt(index),
    from: (index * over) / steps,
    to: index === steps - 1 ? Infinity : ((index + 1) * over) / steps,
  }));
}

/** Knows the step of a moment; moments must not go back. */
export class RampClock {
  readonly #stages: readonly RampStage[];
  #index = 0;

  /** Stands at the first step. */
  constructor(stages: readonly RampStage[]) {
    this.#stages = stages;
  }

  /** The step at `elapsed` ms since the start. */
  at(elapsed: number): RampStage {
    while (elapsed >= this.#stages[this.#index].to) this.#index++;
    return this.#stages[this.#index];
  }
}

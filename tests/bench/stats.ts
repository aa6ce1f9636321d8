/**
 * Medians, and ratios of what ran side by side.
 *
 * @module
 */

/** The middle of what was measured, and its extremes. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return { median, min: sorted[0], max: sorted[sorted.length - 1] };
}

export function median(values: readonly number[]): number {
  return spread(values).median;
}

/** Ratios round by round: what disturbs the machine disturbs both of a round. */
export function ratios(above: readonly number[], below: readonly number[]): Spread {
  return spread(above.map((value, i) => value / below[i]));
}

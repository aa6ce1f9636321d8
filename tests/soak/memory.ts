/** Whether memory stays where it is. */
import type { Present } from "../programs/websocket_routes.ts";

const MB = 1e6;
/** What a quarter's median may be above an earlier one's: a share, and bytes on top. */
const SHARE = 0.1;
const FLOOR = 8 * MB;

/** A median of the second quarter and of the last. */
export interface Trend {
  readonly before: number;
  readonly after: number;
  readonly flat: boolean;
}

/** The trend of one measure; the first quarter is for warming up. */
export function trendOf(samples: readonly Present[], measure: (sample: Present) => number): Trend {
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  const before = median(samples.slice(quarter, 2 * quarter).map(measure));
  const after = median(samples.slice(-quarter).map(measure));
  return { before, after, flat: after <= before * (1 + SHARE) + FLOOR };
}

/** `rss 93.1 MB, then 94.0 MB: flat`. */
export function showTrend(name: string, { before, after, flat }: Trend): string {
  return `${name} ${megabytes(before)}, then ${megabytes(after)}: ${flat ? "flat" : "NOT flat"}`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / MB).toFixed(1)} MB`;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

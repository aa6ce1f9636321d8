/**
 * Scales: where a value stands between the ends of an axis, and which round values the axis names.
 *
 * @module
 */

/** Steps for what is counted in tens. */
const DECIMAL: readonly number[] = [1, 2, 5];

/** Seconds and minutes go by 60. */
const TIME_STEPS: readonly number[] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800];

/** A log axis over more decades than this names no 2 and 5. */
const MANY_DECADES = 1.7;

/** More decades than this can't all be named. */
const MOST_DECADES = 6;

/** Nothing here is measured as finely: what is less than this is nothing. */
const LEAST = 1e-12;

/** A log axis with nothing to show. */
const EMPTY_LOG: readonly [number, number] = [1, 10];

/** One axis. */
export interface Scale {
  /** Value at its beginning. */
  readonly min: number;
  /** Value at its end. */
  readonly max: number;
  /** Values that it names, in order. */
  readonly ticks: readonly number[];
  /** Where a value stands: 0 at the beginning, 1 at the end; values beyond are held there. */
  at(value: number): number;
}

/** An axis from 0 (or lower) to a round value that all values fit under, with about `count` steps. */
export function linearScale(values: readonly number[], count = 5): Scale {
  const { least, most } = extent(values);
  const [low, high] = [Math.min(0, least), Math.max(0, most)];
  const step = niceStep((high - low > LEAST ? high - low : 1) / count);
  const first = Math.floor(low / step + TINY);
  // Nothing but zeros still needs an axis with a height.
  const last = Math.max(Math.ceil(high / step - TINY), first + 1);
  return between(first * step, last * step, steps(first, last, step));
}

/** An axis of bytes: its steps are round in the unit that suits them. */
export function byteScale(values: readonly number[], count = 4): Scale {
  const { most } = extent(values);
  const unit = most >= 1024 ? 1024 ** Math.floor(Math.log(most) / Math.log(1024) + TINY) : 1;
  const inUnits = linearScale(values.map((value) => value / unit), count);
  return between(inUnits.min * unit, inUnits.max * unit, inUnits.ticks.map((tick) => tick * unit));
}

/** An axis on which equal ratios are equal distances; values that are not above 0 stand at its beginning. */
export function logScale(values: readonly number[]): Scale {
  const { least, most } = extent(values.filter((value) => value > LEAST));
  const found = Number.isFinite(least);
  const min = found ? niceBelow(least) : EMPTY_LOG[0];
  const high = found ? niceAbove(most) : EMPTY_LOG[1];
  const max = high > min ? high : niceAbove(high * 1.5);
  const [from, to] = [Math.log10(min), Math.log10(max)];
  const at = (value: number) => value > min ? clamp((Math.log10(value) - from) / (to - from)) : 0;
  return { min, max, ticks: logTicks(min, max), at };
}

/** An axis of a run that took `duration` ms: it ends with the run, and names round times. */
export function timeScale(duration: number, count = 6): Scale {
  const max = duration > 0 && Number.isFinite(duration) ? duration : 1000;
  const rough = max / count;
  const step = rough < 1000
    ? niceStep(rough)
    : 1000 * (TIME_STEPS.find((each) => each * 1000 >= rough) ?? Math.ceil(rough / DAY) * DAY / 1000);
  return between(0, max, steps(0, Math.floor(max / step + TINY), step));
}

/** An axis of loads from the first to the last, so that the steps of a ramp fill it. */
export function loadScale(values: readonly number[], count = 6): Scale {
  const { least, most } = extent(values);
  if (!Number.isFinite(least)) return linearScale([], count);
  if (most - least < LEAST) return linearScale(values, count);
  const step = niceStep((most - least) / count);
  return between(least, most, steps(Math.ceil(least / step - TINY), Math.floor(most / step + TINY), step));
}

/**
 * The axis of percentiles: each nine takes the same room, as the last ones matter most. What comes behind the last nine
 * that is told apart, up to 100, stands at the end.
 */
export function percentileScale(percentiles: readonly number[]): Scale {
  const { most } = extent(percentiles.filter((percentile) => percentile < 100).map(nines));
  const last = Number.isFinite(most) ? Math.min(Math.max(Math.ceil(most - TINY), 2), 7) : 2;
  const end = last + 0.5;
  const named = Array.from({ length: last }, (_, i) => 100 - 100 / 10 ** (i + 1)).map(roundOff);
  const at = (percentile: number) => percentile >= 100 ? 1 : clamp(nines(percentile) / end);
  return { min: 0, max: 100, ticks: [0, 50, ...named, 100], at };
}

/** The next of 1, 2, 5, 10, 20, 50 … at or above a value. */
export function niceStep(rough: number): number {
  return rough > 0 && Number.isFinite(rough) ? niceAbove(rough) : 1;
}

/** Rounding errors of divisions by a step. */
const TINY = 1e-9;

const DAY = 86_400_000;

function between(min: number, max: number, ticks: readonly number[]): Scale {
  return { min, max, ticks, at: (value) => clamp((value - min) / (max - min)) };
}

function steps(first: number, last: number, step: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => roundOff((first + i) * step));
}

function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + TINY);
  const factor = [...DECIMAL, 10].find((each) => each * power >= value * (1 - TINY)) ?? 10;
  return roundOff(factor * power);
}

function niceBelow(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + TINY);
  const factor = DECIMAL.findLast((each) => each * power <= value * (1 + TINY)) ?? 1;
  return roundOff(factor * power);
}

function logTicks(min: number, max: number): number[] {
  const [from, to] = [Math.floor(Math.log10(min) + TINY), Math.ceil(Math.log10(max) - TINY)];
  const factors = Math.log10(max / min) > MANY_DECADES ? [1] : DECIMAL;
  const every = Math.ceil((to - from) / MOST_DECADES);
  const ticks: number[] = [];
  for (let power = from; power <= to; power += every) {
    for (const factor of factors) ticks.push(roundOff(factor * 10 ** power));
  }
  return ticks.filter((tick) => tick >= min * (1 - TINY) && tick <= max * (1 + TINY));
}

function nines(percentile: number): number {
  return -Math.log10(1 - Math.max(percentile, 0) / 100);
}

function extent(values: readonly number[]): { least: number; most: number } {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return { least, most };
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}

/** Without the tail of a product such as 3 × 0.1. */
function roundOff(value: number): number {
  return Number(value.toPrecision(12));
}

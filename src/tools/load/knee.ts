/**
 * The knee of a ramp: the load past which latency leaves the linear part.
 *
 * The method: a straight line is fitted by least squares to the median latencies of the first steps, of 3 at least. The
 * first step from which on *every* median lies above the line's 95 % prediction interval, above 1.5 × what the line
 * foretells, and at the last step above 2 × that, is past the knee; the knee is the step before it. So one slow step is
 * no knee, noise widens the interval, and latency that grows in line with the load (as that of a closed loop on a busy
 * server does) has none. Medians, because one slow request in a step must not decide.
 *
 * @module
 */
import type { Knee, RampStep } from "./load_api.ts";

/** A line through fewer steps foretells nothing. */
const LEAST_STEPS = 3;
/** A step is past the knee if its latency is above so many times what the line foretells. */
const MARGIN = 1.5;
/** And the last step of all above so many times that. */
const LAST_MARGIN = 2;
/** Quantiles of Student's t for 95 % (two-sided), by degrees of freedom from 1 on; beyond, the normal distribution's. */
const T95: readonly number[] = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23];
const NORMAL95 = 1.96;

/** Finds the knee, or null if latency stays in line with the load. */
export function findKnee(steps: readonly RampStep[], unit: "clients" | "rate"): Knee | null {
  // A step without an answer has no latency.
  const points = steps.filter(({ rate }) => rate > 0).sort((a, b) => a.load - b.load);
  for (let split = LEAST_STEPS; split < points.length; split++) {
    const line = fit(points.slice(0, split));
    if (!points.slice(split).every((point) => isAbove(line, point, MARGIN))) continue;
    if (!isAbove(line, points[points.length - 1], LAST_MARGIN)) continue;
    return { load: points[split - 1].load, words: words(points[split - 1], points[split], line, unit) };
  }
  return null;
}

interface Line {
  /** What it foretells for a load, in ms. */
  at(load: number): number;
  /** Half the width of its prediction interval there, in ms. */
  spread(load: number): number;
}

/** Least squares; latency never falls with the load, so neither does the line. */
function fit(points: readonly RampStep[]): Line {
  const count = points.length;
  const meanX = mean(points.map(({ load }) => load));
  const meanY = mean(points.map(({ p50 }) => p50));
  const sxx = sum(points.map(({ load }) => (load - meanX) ** 2));
  const sxy = sum(points.map(({ load, p50 }) => (load - meanX) * (p50 - meanY)));
  const slope = sxx === 0 ? 0 : Math.max(0, sxy / sxx);
  const at = (load: number) => meanY + slope * (load - meanX);
  const squares = sum(points.map(({ load, p50 }) => (p50 - at(load)) ** 2));
  const error = Math.sqrt(squares / (count - 2));
  const t = T95[count - 3] ?? NORMAL95;
  const spread = (load: number) => t * error * Math.sqrt(1 + 1 / count + (sxx === 0 ? 0 : (load - meanX) ** 2 / sxx));
  return { at, spread };
}

function isAbove(line: Line, { load, p50 }: RampStep, margin: number): boolean {
  return p50 > line.at(load) * margin && p50 > line.at(load) + line.spread(load);
}

function words(last: RampStep, past: RampStep, line: Line, unit: "clients" | "rate"): string {
  const what = unit === "clients" ? "clients" : "requests/s";
  const foretold = `${ms(line.at(past.load))} if it grew in line with the load`;
  const rate = `the rate goes from ${round(last.rate)} to ${round(past.rate)} answers a second`;
  return `The knee is at ${round(last.load)} ${what}: up to there half of the answers come within ${ms(last.p50)}; ` +
    `at ${round(past.load)} it takes ${ms(past.p50)}, and would be ${foretold}, while ${rate}`;
}

function ms(value: number): string {
  return `${Number(value.toPrecision(3))} ms`;
}

function round(value: number): string {
  return String(value >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

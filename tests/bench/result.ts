/**
 * One line of the benchmark's table.
 *
 * @module
 */
import { type Bound, meets } from "./bounds.ts";
import type { Sample } from "./load/jobs.ts";
import type { BenchRuntime } from "./runtimes.ts";
import { median, ratios, type Spread } from "./stats.ts";

/** A comparison. */
export interface Result {
  readonly row: string;
  readonly runtime: BenchRuntime;
  /** What of ours was measured. */
  readonly ours: string;
  readonly against: string;
  readonly bound: Bound;
  readonly ratio: Spread;
  /** The ratio of rates per second of the server's processor time; null where rates were not measured. */
  readonly cpuRatio: Spread | null;
  /** Which of both ratios decides, with the reason. */
  readonly judgedBy: "ratio" | "cpuRatio";
  readonly met: boolean | null;
  readonly unit: string;
  readonly oursValue: number;
  readonly againstValue: number;
  /** Share of its core that the load process had, under the server that kept it busier. */
  readonly loadBusy?: number;
  readonly warning?: string;
}

/** What a result is about. */
export type Subject = Pick<Result, "row" | "runtime" | "ours" | "against" | "bound" | "unit">;

/** Below this share of its core a server was not at its limit. */
const SATURATED = 0.9;
/** Below this share of the rate that was asked for a server did not keep up. */
const KEPT_UP = 0.95;
/** Above this share of its core the load process was. */
const LOAD_BOUND = 0.95;

/** Why a row can't be measured here. */
export class LeftOut extends Error {}

/** What was not measured. */
export interface Missing {
  readonly row: string;
  readonly runtime: BenchRuntime;
  readonly reason: string;
  /** It should have been possible. */
  readonly failed: boolean;
}

/** Compares plain numbers, round by round. */
export function compareValues(subject: Subject, ours: readonly number[], against: readonly number[]): Result {
  const ratio = ratios(ours, against);
  return {
    ...subject,
    ratio,
    cpuRatio: null,
    judgedBy: "ratio",
    met: meets(subject.bound, ratio.median),
    oursValue: median(ours),
    againstValue: median(against),
  };
}

/**
 * Compares latencies at a fixed rate. A peer that does not do what it could do at its peak did not have its core to
 * itself: then nothing is said of either.
 */
export function compareLatencies(
  subject: Subject,
  ours: readonly Sample[],
  against: readonly Sample[],
  perSecond: number,
): Result {
  const p99 = (sample: Sample) => sample.p99!;
  const rate = (samples: readonly Sample[]) => Math.round(median(samples.map((sample) => sample.rate)));
  const unit = `${subject.unit} at ${perSecond} requests/s; answered ${rate(ours)} and ${rate(against)}`;
  const plain = compareValues({ ...subject, unit }, ours.map(p99), against.map(p99));
  if (rate(against) >= perSecond * KEPT_UP) return plain;
  return { ...plain, met: null, warning: "core shared: not judged" };
}

/** Compares rates. Where a server did not have its core to itself, or had nothing to do, processor time decides. */
export function compareRates(subject: Subject, ours: readonly Sample[], against: readonly Sample[]): Result {
  const rate = (sample: Sample) => sample.rate;
  const perCpu = (sample: Sample) => sample.rate / sample.serverBusy;
  const plain = compareValues(subject, ours.map(rate), against.map(rate));
  const cpuRatio = ratios(ours.map(perCpu), against.map(perCpu));
  const warning = warningFor([...ours, ...against]);
  const judgedBy = warning === undefined ? "ratio" : "cpuRatio";
  const met = meets(subject.bound, judgedBy === "ratio" ? plain.ratio.median : cpuRatio.median);
  const loadBusy = Math.max(...[ours, against].map((samples) => median(samples.map((sample) => sample.loadBusy))));
  return { ...plain, cpuRatio, judgedBy, met, loadBusy, ...(warning === undefined ? {} : { warning }) };
}

function warningFor(samples: readonly Sample[]): string | undefined {
  const idle = samples.filter((sample) => sample.serverBusy < SATURATED);
  if (idle.length * 4 < samples.length) return undefined;
  const bound = idle.filter((sample) => sample.loadBusy > LOAD_BOUND);
  return `${bound.length * 2 > idle.length ? "load-bound" : "core shared"}: judged per cpu`;
}

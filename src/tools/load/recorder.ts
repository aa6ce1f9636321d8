/**
 * Counts answers and faults, and keeps latencies as a log histogram.
 *
 * @module
 */
import { build, type Histogram } from "hdr-histogram-js";
import type { FaultClass, FaultSample, LatencyPercentile, LatencySummary } from "./load_api.ts";

/** Latencies are kept in whole microseconds. */
const MICROSECONDS = 1000;
/** Longest latency that is told apart, in µs: a day. */
const HIGHEST = 86_400_000_000;
/** 0.1 % of a value: what a report is read with. */
const FINE_DIGITS = 3;
/** 1 % of a value: there are hundreds of slots, each with a histogram of its own. */
const COARSE_DIGITS = 2;
/** How many faults the report keeps the words of. */
const MAX_SAMPLES = 20;
/** Points of the distribution each time the share that is left halves, as HdrHistogram's own output has. */
const POINTS_PER_HALF = 5;

/** Latencies of some span of time. */
export class Latencies {
  readonly #histogram: Histogram;

  /** Begins empty; `fine` for figures that stand in a summary. */
  constructor(fine: boolean) {
    this.#histogram = build({
      lowestDiscernibleValue: 1,
      highestTrackableValue: HIGHEST,
      numberOfSignificantValueDigits: fine ? FINE_DIGITS : COARSE_DIGITS,
      bitBucketSize: 32,
      useWebAssembly: false,
    });
  }

  /** How many there are. */
  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Adds one, in ms. */
  record(ms: number): void {
    this.#histogram.recordValue(Math.min(HIGHEST, Math.max(0, Math.round(ms * MICROSECONDS))));
  }

  /** Adds all of another. */
  add(other: Latencies): void {
    if (other.count > 0) this.#histogram.add(other.#histogram);
  }

  /** So many percent are at most this long, in ms; 0 if there are none. */
  percentile(percent: number): number {
    if (this.count === 0) return 0;
    const { maxValue } = this.#histogram;
    return Math.min(this.#histogram.getValueAtPercentile(percent), maxValue) / MICROSECONDS;
  }

  /** Forgets all. */
  reset(): void {
    this.#histogram.reset();
  }
}

/** Answers and faults of some span of time. */
export class Tally {
  readonly latencies: Latencies;
  answered = 0;
  faults = 0;

  /** Begins empty. */
  constructor(fine: boolean = false) {
    this.latencies = new Latencies(fine);
  }

  /** Adds all of another. */
  add(other: Tally): void {
    this.answered += other.answered;
    this.faults += other.faults;
    this.latencies.add(other.latencies);
  }

  /** Forgets all. */
  reset(): void {
    this.answered = 0;
    this.faults = 0;
    this.latencies.reset();
  }
}

/** Everything that is counted, of the whole load. */
export class Recorder {
  readonly faults: Record<FaultClass, number> = { refused: 0, reset: 0, truncated: 0, timeout: 0, wrong: 0 };
  readonly samples: FaultSample[] = [];
  readonly #total: Tally = new Tally(true);
  /** What has come since the last `fold`; each answer is recorded here alone, and added to the rest in bulk. */
  readonly #fresh: Tally = new Tally(true);
  #min = Infinity;
  #max = 0;
  #sum = 0;

  /** Right answers so far. */
  get answered(): number {
    return this.#total.answered + this.#fresh.answered;
  }

  /** Faults so far. */
  get faultCount(): number {
    return this.#total.faults + this.#fresh.faults;
  }

  /** A right answer after `latency` ms. */
  answer(latency: number): void {
    const fresh = this.#fresh;
    fresh.answered++;
    fresh.latencies.record(latency);
    this.#sum += latency;
    if (latency < this.#min) this.#min = latency;
    if (latency > this.#max) this.#max = latency;
  }

  /** A fault, `at` ms since the start. */
  fault(fault: FaultClass, detail: string, at: number): void {
    this.#fresh.faults++;
    this.faults[fault]++;
    if (this.samples.length < MAX_SAMPLES) this.samples.push({ fault, detail, at });
  }

  /** Adds what has come since the last call to the whole and to these. */
  fold(...tallies: readonly Tally[]): void {
    const fresh = this.#fresh;
    if (fresh.answered === 0 && fresh.faults === 0) return;
    this.#total.add(fresh);
    for (const tally of tallies) tally.add(fresh);
    fresh.reset();
  }

  /** The figures of what was folded. */
  summary(): LatencySummary {
    const { latencies, answered } = this.#total;
    if (answered === 0) return { min: 0, mean: 0, p50: 0, p75: 0, p90: 0, p99: 0, p999: 0, max: 0 };
    // A bucket's value may lie a little beyond what was ever recorded.
    const at = (percent: number) => Math.max(this.#min, Math.min(this.#max, latencies.percentile(percent)));
    return {
      min: this.#min,
      mean: this.#sum / answered,
      p50: at(50),
      p75: at(75),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
      max: this.#max,
    };
  }

  /** The distribution of what was folded: denser towards 100 %, to where one answer is left. */
  percentiles(): LatencyPercentile[] {
    const { latencies, answered } = this.#total;
    if (answered === 0) return [];
    const points: LatencyPercentile[] = [];
    for (let step = 0; 2 ** (step / POINTS_PER_HALF) <= answered; step++) {
      const percentile = 100 * (1 - 2 ** (-step / POINTS_PER_HALF));
      const count = Math.max(1, Math.ceil((percentile / 100) * answered));
      points.push({ percentile, ms: Math.min(this.#max, latencies.percentile(percentile)), count });
    }
    points.push({ percentile: 100, ms: this.#max, count: answered });
    return points;
  }
}

/**
 * The values of metrics at one moment, and what those of several processes are together.
 *
 * @module
 */

/** What a metric's values are: a sum that only grows, a value of this moment, or how values are spread. */
export type MetricKind = "counter" | "gauge" | "histogram";

/**
 * What the values of several workers are together, of a gauge: their sum, the highest, the lowest, or nothing that makes
 * sense, so that each is told of for itself.
 */
export type Across = "sum" | "max" | "min" | "worker";

/** One metric. */
export interface MetricDefinition {
  /** Its name, as OpenTelemetry spells it. */
  readonly name: string;
  /** What its values are. */
  readonly kind: MetricKind;
  /** Its unit (UCUM): `s`, `By`, `1` for a share, `{request}` for a number of them. */
  readonly unit: string;
  /** What it says. */
  readonly help: string;
  /** Its labels, as OpenTelemetry spells them. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets, ascending, in its unit. */
  readonly buckets?: readonly number[];
  /** Of a gauge: what the values of several workers are together. @default "sum" */
  readonly across?: Across;
}

/** How values are spread. */
export interface Spread {
  /** How many are in each bucket, and behind them how many are above all. */
  readonly counts: readonly number[];
  /** Of all values. */
  readonly sum: number;
}

/** One series. */
export interface SeriesSnapshot {
  /** Its labels' values, in the order of the definition's labels; empty for none. Null for what was one too many. */
  readonly labels: readonly string[] | null;
  /** Its value; of a histogram, how its values are spread. */
  readonly value: number | Spread;
}

/** One metric at one moment. */
export interface FamilySnapshot {
  /** What it is. */
  readonly definition: MetricDefinition;
  /** Its series. */
  readonly series: readonly SeriesSnapshot[];
}

/** Series of one metric where nobody says otherwise: OpenTelemetry's own limit. */
export const MAX_SERIES = 2000;

/** The label of what each worker tells for itself. */
const WORKER = "sluice.worker";

/** What two values of one series are together; of nothing (NaN) and one, that one. */
export function together({ kind, across }: MetricDefinition, one: number, other: number): number {
  if (Number.isNaN(one)) return other;
  if (kind === "gauge" && across === "max") return Math.max(one, other);
  if (kind === "gauge" && across === "min") return Math.min(one, other);
  return one + other;
}

/** One metric of several processes. */
interface Sum {
  readonly definition: MetricDefinition;
  readonly series: Map<string, SeriesSnapshot>;
}

/** Adds up what several processes tell. */
export class MetricSum {
  readonly #families: Map<string, Sum> = new Map();

  /** All of it. */
  get families(): FamilySnapshot[] {
    return Array.from(this.#families.values(), ({ definition, series }) => ({
      definition,
      series: [...series.values()],
    }));
  }

  /** Adds what a process tells. @param worker By which it is known where values can't be added up. */
  add(families: readonly FamilySnapshot[], worker: string): void {
    for (const { definition, series } of families) {
      // What is a sum already names its workers: it is not named by whom it came.
      const isSingle = definition.kind === "gauge" && definition.across === "worker" && !isSingled(definition);
      const sum = this.#sumOf(isSingle ? singled(definition) : definition);
      for (const { labels, value } of series) {
        // What JSON can't say is not there.
        if (value === null) continue;
        this.#put(sum, isSingle && labels !== null ? [...labels, worker] : labels, value);
      }
    }
  }

  /** Adds what stays of a process that is gone: what it has counted. */
  retire(families: readonly FamilySnapshot[]): void {
    this.add(families.filter(({ definition }) => definition.kind !== "gauge"), "");
  }

  #sumOf(definition: MetricDefinition): Sum {
    let sum = this.#families.get(definition.name);
    if (sum === undefined) this.#families.set(definition.name, sum = { definition, series: new Map() });
    return sum;
  }

  #put({ definition, series }: Sum, labels: readonly string[] | null, value: number | Spread): void {
    let key = labels === null ? null : labels.join("\0");
    if (key === null || (!series.has(key) && series.size >= MAX_SERIES)) key = OVERFLOW_KEY;
    const known = series.get(key);
    const kept = key === OVERFLOW_KEY ? null : labels;
    series.set(key, { labels: kept, value: known === undefined ? value : summed(definition, known.value, value) });
  }
}

/** No label's value has it. */
const OVERFLOW_KEY = "\0overflow\0";

function isSingled({ labels }: MetricDefinition): boolean {
  return labels.at(-1) === WORKER;
}

function singled(definition: MetricDefinition): MetricDefinition {
  return { ...definition, labels: [...definition.labels, WORKER] };
}

function summed(definition: MetricDefinition, one: number | Spread, other: number | Spread): number | Spread {
  if (typeof one === "number" && typeof other === "number") return together(definition, one, other);
  const [first, second] = [one as Spread, other as Spread];
  return { counts: first.counts.map((count, i) => count + (second.counts[i] ?? 0)), sum: first.sum + second.sum };
}

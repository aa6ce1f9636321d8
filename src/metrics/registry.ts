/**
 * All metrics of one `Metrics`: those that are counted as things happen, and those that are looked up when asked for.
 *
 * @module
 */
import { type FamilySnapshot, type MetricDefinition, together } from "../metric_snapshot.ts";
import { gotNumber } from "../names.ts";
import { Cell, Family, HistogramCell, type Tap, type Taps } from "./family.ts";

/** Gives a value that is looked up; what has the same labels is added up. */
export type Emit = (definition: MetricDefinition, value: number | null, ...labels: readonly string[]) => void;

/** Looks values up. */
export type Collector = (emit: Emit) => void;

/** Keeps families. */
export class Registry {
  readonly #most: number;
  readonly #kept: Map<MetricDefinition, Family> = new Map();
  readonly #collectors: Set<Collector> = new Set();
  readonly #taps: Taps = { list: [], overflowed: 0 };
  readonly #failed: (error: unknown) => void;
  /** Those whose values were none, and were told of. */
  readonly #wrong: Set<MetricDefinition> = new Set();

  /** @param most Series of one metric. @param failed Hears what a collector throws. */
  constructor(most: number, failed: (error: unknown) => void) {
    this.#most = most;
    this.#failed = failed;
  }

  /** Values whose series was one too many. */
  get overflowed(): number {
    return this.#taps.overflowed;
  }

  /** A counter or a gauge that is kept here. */
  values(definition: MetricDefinition): Family<Cell> {
    return this.#family(definition, () => new Cell()) as Family<Cell>;
  }

  /** A histogram. */
  histogram(definition: MetricDefinition): Family<HistogramCell> {
    const make = (labels: readonly string[] | null): HistogramCell =>
      new HistogramCell(definition.buckets!, this.#taps, (value) => {
        for (const tap of this.#taps.list) tap(definition, labels, value);
      });
    return this.#family(definition, make) as Family<HistogramCell>;
  }

  /** Asks it each time. The function that this gives ends it. */
  collect(collector: Collector): () => void {
    this.#collectors.add(collector);
    return () => void this.#collectors.delete(collector);
  }

  /** Hears each value of a histogram from now on. The function that this gives ends it. */
  tap(tap: Tap): () => void {
    this.#taps.list = [...this.#taps.list, tap];
    return () => void (this.#taps.list = this.#taps.list.filter((one) => one !== tap));
  }

  /** What is kept under a name of OpenTelemetry's. */
  find(name: string): MetricDefinition | undefined {
    return [...this.#kept.keys()].find((definition) => definition.name === name);
  }

  /** All values now; what nobody has counted yet is not there. */
  snapshot(): FamilySnapshot[] {
    const looked: Map<MetricDefinition, Family<Cell>> = new Map();
    const emit: Emit = (definition, value, ...labels) => {
      if (value === null) return;
      if (typeof value !== "number") return this.#refuse(definition, value);
      let family = looked.get(definition);
      if (family === undefined) {
        family = new Family(definition, this.#most, this.#taps, () => new Cell(NaN));
        looked.set(definition, family);
      }
      const cell = family.of(labels);
      cell.value = together(definition, cell.value, value);
    };
    for (const collector of this.#collectors) {
      try {
        collector(emit);
      } catch (error) {
        this.#failed(error);
      }
    }
    const families = [...this.#kept.values(), ...looked.values()].map((family) => family.snapshot());
    return families.filter(({ series }) => series.length > 0);
  }

  /** Costs its own series, and one record. */
  #refuse(definition: MetricDefinition, value: unknown): void {
    // Nobody else waits for it.
    if (value instanceof Promise) value.catch(() => {});
    if (this.#wrong.has(definition)) return;
    this.#wrong.add(definition);
    const got = value instanceof Promise ? "a promise" : gotNumber(value);
    this.#failed(new TypeError(`${definition.name} holds numbers, give one at once, got ${got}`));
  }

  #family(definition: MetricDefinition, make: (labels: readonly string[] | null) => Cell | HistogramCell): Family {
    let family = this.#kept.get(definition);
    if (family === undefined) {
      family = new Family(definition, this.#most, this.#taps, make);
      this.#kept.set(definition, family);
    }
    return family;
  }
}

/**
 * One metric and its series: never more than there is room for.
 *
 * @module
 */
import type { FamilySnapshot, MetricDefinition, Spread } from "../metric_snapshot.ts";

/** Longest value of a label: more tells nobody anything, and is kept for ever. */
const MAX_VALUE = 256;

/** Hears each value of a histogram: what bridges hand on. */
export type Tap = (definition: MetricDefinition, labels: readonly string[] | null, value: number) => void;

/** Where taps are. */
export interface Taps {
  list: readonly Tap[];
  /** Values whose series was one too many. */
  overflowed: number;
}

/** One value: a sum, or what it is at this moment. */
export class Cell {
  value: number;

  constructor(value: number = 0) {
    this.value = value;
  }

  add(amount: number): void {
    this.value += amount;
  }
}

/** How values are spread. */
export class HistogramCell {
  readonly #bounds: readonly number[];
  readonly #counts: Float64Array;
  readonly #tell: (value: number) => void;
  readonly #taps: Taps;
  #sum = 0;

  constructor(bounds: readonly number[], taps: Taps, tell: (value: number) => void) {
    this.#bounds = bounds;
    this.#counts = new Float64Array(bounds.length + 1);
    this.#taps = taps;
    this.#tell = tell;
  }

  /** Counts a value. */
  record(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > bounds[at]) at++;
    this.#counts[at]++;
    this.#sum += value;
    if (this.#taps.list.length > 0) this.#tell(value);
  }

  get value(): Spread {
    return { counts: [...this.#counts], sum: this.#sum };
  }
}

/** The series of one metric, by their labels' values. */
export class Family<C extends Cell | HistogramCell = Cell | HistogramCell> {
  readonly definition: MetricDefinition;
  readonly #make: (labels: readonly string[] | null) => C;
  readonly #most: number;
  readonly #taps: Taps;
  readonly #series: Map<string, { readonly labels: readonly string[]; readonly cell: C }> = new Map();
  #overflow: C | null = null;

  /** @param most Series; what comes beyond is one more. */
  constructor(definition: MetricDefinition, most: number, taps: Taps, make: (labels: readonly string[] | null) => C) {
    this.definition = definition;
    this.#most = most;
    this.#taps = taps;
    this.#make = make;
  }

  /** Whether there is room for one more. */
  get isFull(): boolean {
    return this.#series.size >= this.#most;
  }

  /** The series of these values, in the order of the definition's labels; that of what is too much if there is no room. */
  of(values: readonly string[]): C {
    const labels = values.map(cut);
    const key = labels.join("\0");
    const known = this.#series.get(key);
    if (known !== undefined) return known.cell;
    if (this.isFull) {
      this.#taps.overflowed++;
      return this.#overflow ??= this.#make(null);
    }
    const cell = this.#make(labels);
    this.#series.set(key, { labels, cell });
    return cell;
  }

  snapshot(): FamilySnapshot {
    const series: { labels: readonly string[] | null; value: number | Spread }[] = [];
    for (const { labels, cell } of this.#series.values()) series.push({ labels, value: cell.value });
    if (this.#overflow !== null) series.push({ labels: null, value: this.#overflow.value });
    return { definition: this.definition, series };
  }
}

/** A NUL divides values in a key, and a half of a pair is no text: as bytes all of them would be one. */
const UNFIT = /[\0\ud800-\udfff]/u;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function cut(value: string): string {
  if (value.length <= MAX_VALUE) return UNFIT.test(value) ? copied(value) : value;
  return copied(value.slice(0, MAX_VALUE));
}

/** A part of a text keeps all of it in memory, as long as it is no copy. */
function copied(value: string): string {
  return decoder.decode(encoder.encode(value)).replaceAll("\0", "\ufffd");
}

/**
 * Counters, gauges and histograms of a program's own.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import type { Across, MetricDefinition, MetricKind } from "../metric_snapshot.ts";
import { checkNames, gotNumber, type Names } from "../names.ts";
import { DEFINITIONS, DURATION_BUCKETS } from "./definitions.ts";
import type { Cell, Family, HistogramCell } from "./family.ts";
import { promName, spellingsOf, underscored } from "./spelling.ts";

/** Values of labels, by their names. */
export type Labels = Readonly<Record<string, string | number | boolean>>;

/** What a metric of a program's own is. */
export interface InstrumentOptions {
  /** What it says, in a sentence. */
  readonly help: string;
  /**
   * Its unit (UCUM): `s` for seconds, `By` for bytes, `1` for a share, `{order}` for a number of them.
   * @default none
   */
  readonly unit?: string;
  /** Names of its labels. Each combination of their values is a series: only few values each. @default none */
  readonly labels?: readonly string[];
}

/** The same for a gauge. */
export interface GaugeOptions extends InstrumentOptions {
  /** Looked up whenever metrics are asked for, instead of `set()`; of a gauge without labels. @default none */
  readonly value?: () => number;
  /** What the values of several workers of a supervisor are together. @default "sum" */
  readonly across?: Across;
}

/** The same for a histogram. */
export interface HistogramOptions extends InstrumentOptions {
  /** Upper bounds of its buckets, ascending. @default those of OpenTelemetry for durations in seconds, 0.005 to 10 */
  readonly buckets?: readonly number[];
}

/** Counts what happens. */
export interface MetricCounter {
  /** Adds. @param amount Default 1. @throws {OptionError} It is no number from 0 on, or a label is unknown. */
  add(amount?: number, labels?: Labels): void;
}

/** Holds what is at this moment. */
export interface MetricGauge {
  /** Says what it is now. @throws {OptionError} It is no number, or a label is unknown. */
  set(value: number, labels?: Labels): void;
  /** The same, by how much it changes. */
  add(amount: number, labels?: Labels): void;
}

/** Holds how values are spread. */
export interface MetricHistogram {
  /** Counts a value. @throws {OptionError} It is no number, or a label is unknown. */
  record(value: number, labels?: Labels): void;
}

const COMMON: Names<InstrumentOptions> = { help: true, unit: true, labels: true };
const GAUGE_NAMES: Names<GaugeOptions> = { ...COMMON, value: true, across: true };
const HISTOGRAM_NAMES: Names<HistogramOptions> = { ...COMMON, buckets: true };

/** What options each may have. */
const INSTRUMENT_NAMES: Readonly<Record<MetricKind, Readonly<Record<string, true>>>> = {
  counter: COMMON,
  gauge: GAUGE_NAMES,
  histogram: HISTOGRAM_NAMES,
};

/** Names that our own have. */
const OURS: ReadonlySet<string> = new Set(DEFINITIONS.flatMap((one) => [one.name, ...spellingsOf(one)]));
const NAME = /^[a-zA-Z_][\w.]*$/;
/** Labels that the formats have for themselves. */
const TAKEN: readonly string[] = ["le", "quantile", "sluice_worker", "otel_metric_overflow"];
const ACROSS: readonly Across[] = ["sum", "max", "min", "worker"];
const MAX_BUCKETS = 64;

/**
 * Checks a metric of a program's own.
 *
 * @param taken Whether one of this program's own has a name already, as `spellingsOf()` gives it.
 * @throws {OptionError} Its name, or an option, can't be used.
 */
export function defined(
  kind: MetricKind,
  name: string,
  options: GaugeOptions & HistogramOptions,
  taken: (spelling: string) => boolean,
): MetricDefinition {
  checkNames(`${kind}()`, options, INSTRUMENT_NAMES[kind]);
  const { help, unit = "", labels = [], across = "sum" } = options;
  if (typeof name !== "string" || !NAME.test(name)) {
    throw new OptionError(
      "name",
      `name must be letters, digits, _ and ., as "shop.orders", got ${JSON.stringify(name)}`,
    );
  }
  if (typeof help !== "string" || help === "") {
    throw new OptionError("help", `help must be a sentence that says what ${name} is, got ${JSON.stringify(help)}`);
  }
  if (typeof unit !== "string") throw new OptionError("unit", `unit must be text such as "s", got ${String(unit)}`);
  if (!ACROSS.includes(across)) {
    throw new OptionError("across", `across must be one of ${ACROSS.join(", ")}, got ${JSON.stringify(across)}`);
  }
  checkLabels(labels);
  const buckets = kind === "histogram" ? bucketsOf(options.buckets ?? DURATION_BUCKETS) : undefined;
  const definition = { name, kind, unit, help, labels: [...labels], buckets, across };
  const known = [promName(definition), name, ...spellingsOf(definition)].find((one) => OURS.has(one) || taken(one));
  if (known !== undefined) throw new OptionError("name", `There is a metric ${known} already, name it otherwise`);
  return definition;
}

function checkLabels(labels: readonly string[]): void {
  if (!Array.isArray(labels)) throw new OptionError("labels", `labels must be a list of names, got ${String(labels)}`);
  for (const label of labels) {
    const isName = typeof label === "string" && NAME.test(label) && !label.startsWith("__");
    if (!isName || TAKEN.includes(underscored(label))) {
      throw new OptionError("labels", `labels must be names such as "kind", got ${JSON.stringify(label)}`);
    }
  }
  if (new Set(labels.map(underscored)).size < labels.length) {
    throw new OptionError("labels", `labels must differ from each other, got ${labels.join(", ")}`);
  }
}

function bucketsOf(buckets: readonly number[]): readonly number[] {
  const isList = Array.isArray(buckets) && buckets.length > 0 && buckets.length <= MAX_BUCKETS;
  if (!isList || !buckets.every((bound, i) => Number.isFinite(bound) && (i === 0 || bound > buckets[i - 1]))) {
    const rule = `1 to ${MAX_BUCKETS} numbers, each larger than the one before`;
    throw new OptionError("buckets", `buckets must be ${rule}, got ${JSON.stringify(buckets)}`);
  }
  return [...buckets];
}

/** A counter. */
export function counterOf(family: Family<Cell>): MetricCounter {
  return {
    add(amount = 1, labels) {
      const { name } = family.definition;
      if (typeof amount !== "number" || !(amount >= 0) || amount === Infinity) {
        throw new OptionError("amount", `${name} can only grow, by a number from 0 on, got ${gotNumber(amount)}`);
      }
      family.of(valuesOf(family, labels)).value += amount;
    },
  };
}

/** A gauge. */
export function gaugeOf(family: Family<Cell>): MetricGauge {
  const cellOf = (value: number, labels: Labels | undefined): Cell => {
    checkNumber(family, value);
    return family.of(valuesOf(family, labels));
  };
  return {
    set: (value, labels) => void (cellOf(value, labels).value = value),
    add: (amount, labels) => void (cellOf(amount, labels).value += amount),
  };
}

/** A histogram. */
export function histogramOf(family: Family<HistogramCell>): MetricHistogram {
  return {
    record(value, labels) {
      checkNumber(family, value);
      family.of(valuesOf(family, labels)).record(value);
    },
  };
}

function checkNumber({ definition: { name } }: Family, value: number): void {
  if (typeof value === "number" && !Number.isNaN(value)) return;
  throw new OptionError("value", `${name} holds numbers, got ${gotNumber(value)}`);
}

const NONE: Labels = {};

function valuesOf({ definition: { name, labels } }: Family, given: Labels = NONE): readonly string[] {
  for (const label in given) {
    if (labels.includes(label)) continue;
    const known = labels.length === 0 ? "none" : labels.join(", ");
    throw new OptionError("labels", `${name} has no label ${label}, it has ${known}`);
  }
  return labels.map((label) => {
    const value = Object.hasOwn(given, label) ? given[label] : undefined;
    return value === undefined ? "" : String(value);
  });
}

/**
 * Hands metrics on to OpenTelemetry, by the user's own `@opentelemetry/api`.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import type { FamilySnapshot, MetricDefinition } from "../metric_snapshot.ts";
import { DEFINITIONS } from "./definitions.ts";
import type { Metrics } from "./metrics.ts";
import { OVERFLOW } from "./spelling.ts";

/** Attributes of a value. */
export type Attributes = Record<string, string | number | boolean>;

/** What is used of an instrument that is asked for its values. */
export interface ObservableInstrument {
  /** Adds who is asked. */
  addCallback(callback: ObservableCallback): void;
  /** Takes it away. */
  removeCallback(callback: ObservableCallback): void;
}

/** Gives an instrument its values. */
export type ObservableCallback = (result: { observe(value: number, attributes?: Attributes): void }) => Promise<void>;

/** What an instrument is. */
export interface InstrumentDescription {
  /** What it says. */
  readonly description: string;
  /** Its unit (UCUM). */
  readonly unit: string;
  /** How a histogram should be kept. */
  readonly advice?: { explicitBucketBoundaries: number[] };
}

/** What is used of a meter of OpenTelemetry. */
export interface OpenTelemetryMeter {
  /** For counters. */
  createObservableCounter(name: string, options: InstrumentDescription): ObservableInstrument;
  /** For gauges whose values add up. */
  createObservableUpDownCounter(name: string, options: InstrumentDescription): ObservableInstrument;
  /** For other gauges. */
  createObservableGauge(name: string, options: InstrumentDescription): ObservableInstrument;
  /** For histograms. */
  createHistogram(
    name: string,
    options: InstrumentDescription,
  ): { record(value: number, attributes?: Attributes): void };
}

/** What is used of `@opentelemetry/api`. */
export interface OpenTelemetryApi {
  /** Where its meters are. */
  readonly metrics: { getMeter(name: string): OpenTelemetryMeter };
}

/** Labels whose values are numbers. */
const NUMBERS: readonly string[] = ["http.response.status_code", "websocket.close.code"];

/** By this name OpenTelemetry knows where the metrics come from. */
const SCOPE = "@sluice/sluice";

/**
 * Hands metrics on to OpenTelemetry, under the same names, units and attributes: counters and gauges are looked up when
 * its reader collects, and histograms get each value from now on. Set OpenTelemetry up before, or nobody hears of them.
 * The function that it gives ends it.
 *
 * @param api `@opentelemetry/api`, as the program has it.
 * @throws {OptionError} One of the two is none.
 * @example
 * ```ts
 * import * as api from "@opentelemetry/api";
 *
 * const end = bridgeOpenTelemetry(new Metrics({ servers: [server] }), api);
 * ```
 */
export function bridgeOpenTelemetry(metrics: Metrics, api: OpenTelemetryApi): () => void {
  if (typeof metrics?.tap !== "function") {
    throw new OptionError("metrics", `bridgeOpenTelemetry() takes Metrics first, got ${String(metrics)}`);
  }
  if (typeof api?.metrics?.getMeter !== "function") {
    throw new OptionError("api", "bridgeOpenTelemetry() takes @opentelemetry/api second: import * as api from it");
  }
  return new Bridge(metrics, api.metrics.getMeter(SCOPE)).end;
}

class Bridge {
  readonly #metrics: Metrics;
  readonly #meter: OpenTelemetryMeter;
  readonly #histograms: Map<string, { record(value: number, attributes?: Attributes): void }> = new Map();
  readonly #observed: Map<string, () => void> = new Map();
  /** A series' labels are always the same array. */
  readonly #attributes: WeakMap<readonly string[], Attributes> = new WeakMap();
  readonly #untap: () => void;
  /** All instruments are asked in one collection: what they tell is of one moment. */
  #current: Promise<ReadonlyMap<string, FamilySnapshot>> | null = null;

  constructor(metrics: Metrics, meter: OpenTelemetryMeter) {
    this.#metrics = metrics;
    this.#meter = meter;
    for (const definition of DEFINITIONS) if (definition.kind !== "histogram") this.#observe(definition);
    this.#untap = metrics.tap((definition, labels, value) =>
      this.#histogramOf(definition).record(value, this.#attributesOf(definition, labels))
    );
    for (const { definition } of metrics.ownSnapshot()) this.#observe(definition);
  }

  readonly end = (): void => {
    this.#untap();
    for (const unobserve of this.#observed.values()) unobserve();
    this.#observed.clear();
  };

  #observe(definition: MetricDefinition): void {
    const { name, kind } = definition;
    if (kind === "histogram" || this.#observed.has(name)) return;
    const instrument = this.#make(definition);
    const callback: ObservableCallback = async (result) => {
      const family = (await this.#collect()).get(name);
      for (const { labels, value } of family?.series ?? []) {
        result.observe(value as number, attributesOf(family!.definition, labels));
      }
    };
    instrument.addCallback(callback);
    this.#observed.set(name, () => instrument.removeCallback(callback));
  }

  #make(definition: MetricDefinition): ObservableInstrument {
    const { name, kind, across = "sum" } = definition;
    const described = descriptionOf(definition);
    if (kind === "counter") return this.#meter.createObservableCounter(name, described);
    return across === "sum"
      ? this.#meter.createObservableUpDownCounter(name, described)
      : this.#meter.createObservableGauge(name, described);
  }

  #collect(): Promise<ReadonlyMap<string, FamilySnapshot>> {
    if (this.#current === null) {
      this.#current = this.#look();
      const forget = (): void => void (this.#current = null);
      this.#current.then(forget, forget);
    }
    return this.#current;
  }

  async #look(): Promise<ReadonlyMap<string, FamilySnapshot>> {
    const families = await this.#metrics.snapshot();
    // What the program has made since is told from the next collection on.
    for (const { definition } of families) this.#observe(definition);
    return new Map(families.map((family) => [family.definition.name, family]));
  }

  #histogramOf(definition: MetricDefinition): { record(value: number, attributes?: Attributes): void } {
    let histogram = this.#histograms.get(definition.name);
    if (histogram === undefined) {
      histogram = this.#meter.createHistogram(definition.name, descriptionOf(definition));
      this.#histograms.set(definition.name, histogram);
    }
    return histogram;
  }

  #attributesOf(definition: MetricDefinition, labels: readonly string[] | null): Attributes {
    if (labels === null) return attributesOf(definition, null);
    let attributes = this.#attributes.get(labels);
    if (attributes === undefined) this.#attributes.set(labels, attributes = attributesOf(definition, labels));
    return attributes;
  }
}

function descriptionOf({ help, unit, buckets }: MetricDefinition): InstrumentDescription {
  const advice = buckets === undefined ? {} : { advice: { explicitBucketBoundaries: [...buckets] } };
  return { description: help, unit, ...advice };
}

/** What is empty is not there. */
function attributesOf(definition: MetricDefinition, labels: readonly string[] | null): Attributes {
  if (labels === null) return { [OVERFLOW]: true };
  const attributes: Attributes = {};
  for (const [i, name] of definition.labels.entries()) {
    if (labels[i] !== "") attributes[name] = NUMBERS.includes(name) ? Number(labels[i]) : labels[i];
  }
  return attributes;
}

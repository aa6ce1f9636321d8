/**
 * How Prometheus spells what OpenTelemetry names
 * (https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
 *
 * @module
 */
import type { MetricDefinition } from "../metric_snapshot.ts";

/** By which OpenTelemetry's libraries mark the values whose series was one too many. */
export const OVERFLOW = "otel.metric.overflow";

/** Units that stand behind a name. */
const UNITS: Readonly<Record<string, string>> = { s: "seconds", By: "bytes", "1": "ratio" };

/** A name or a label: `http.request.method` is `http_request_method`. */
export function underscored(name: string): string {
  return name.replaceAll(/[^a-zA-Z0-9_]/g, "_");
}

/** The unit of a metric, as a word; empty for what is counted, and for what is yes or no. */
export function unitOf({ unit, kind }: Pick<MetricDefinition, "unit" | "kind">): string {
  // A gauge of 1 and 0 is no share of anything.
  if (unit === "1" && kind === "gauge") return "";
  return UNITS[unit] ?? "";
}

/** Its family: the name without `_total`. */
export function familyName(definition: Pick<MetricDefinition, "name" | "unit" | "kind">): string {
  const name = underscored(definition.name);
  const unit = unitOf(definition);
  return unit === "" || name.endsWith(`_${unit}`) ? name : `${name}_${unit}`;
}

/** Its name in queries; of a histogram that of its parts without their endings. */
export function promName(definition: Pick<MetricDefinition, "name" | "unit" | "kind">): string {
  return definition.kind === "counter" ? `${familyName(definition)}_total` : familyName(definition);
}

/** All names that are its own, in either format: two metrics that share one make a text that nobody takes. */
export function promNames(definition: Pick<MetricDefinition, "name" | "unit" | "kind">): readonly string[] {
  const family = familyName(definition);
  if (definition.kind === "gauge") return [family];
  const endings = definition.kind === "counter" ? ["_total", "_created"] : ["_bucket", "_count", "_sum", "_created"];
  return [family, ...endings.map((ending) => family + ending)];
}

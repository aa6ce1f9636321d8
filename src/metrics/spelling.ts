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
  const spelled = underscored(definition.name);
  const name = definition.kind === "counter" ? spelled.replace(/_total$/, "") : spelled;
  const unit = unitOf(definition);
  return unit === "" || name.endsWith(`_${unit}`) ? name : `${name}_${unit}`;
}

/** Its name in queries; of a histogram that of its parts without their endings. */
export function promName(definition: Pick<MetricDefinition, "name" | "unit" | "kind">): string {
  return definition.kind === "counter" ? `${familyName(definition)}_total` : familyName(definition);
}

/** All names that it has in either format: no other metric may have one of them. */
export function spellingsOf(definition: Pick<MetricDefinition, "name" | "unit" | "kind">): string[] {
  const name = familyName(definition);
  if (definition.kind === "counter") return [name, `${name}_total`, `${name}_created`];
  return definition.kind === "gauge"
    ? [name]
    : [name, ...["_bucket", "_sum", "_count", "_created"].map((part) => name + part)];
}

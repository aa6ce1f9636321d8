/**
 * Metrics as text: Prometheus' format 0.0.4, and OpenMetrics 1.0.0.
 *
 * @module
 */
import type { FamilySnapshot, MetricDefinition, SeriesSnapshot, Spread } from "../metric_snapshot.ts";
import { familyName, OVERFLOW, promName, underscored, unitOf } from "./spelling.ts";

/** In which of the two. */
export type TextFormat = "prometheus" | "openmetrics";

/** How each is announced. */
export const CONTENT_TYPES: Readonly<Record<TextFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

const OPENMETRICS = "application/openmetrics-text";

/** What an Accept field asks for (RFC 9110 §12.5.1): OpenMetrics where it is asked for and nothing is wanted more. */
export function formatFor(accept: string | null): TextFormat {
  if (accept === null) return "prometheus";
  let [open, plain] = [0, 0];
  for (const item of accept.split(",")) {
    const [type, ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const weight = weightIn(parameters);
    if (type === OPENMETRICS) open = Math.max(open, weight);
    else if (type === "text/plain") plain = Math.max(plain, weight);
  }
  return open > 0 && open >= plain ? "openmetrics" : "prometheus";
}

function weightIn(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith("q="));
  const weight = given === undefined ? 1 : Number(given.slice(2));
  return weight >= 0 && weight <= 1 ? weight : 0;
}

/** All of it. */
export function formatMetrics(families: readonly FamilySnapshot[], format: TextFormat): string {
  return families.map((family) => formatFamily(family, format)).join("") + endOf(format);
}

/** What stands at the end. */
export function endOf(format: TextFormat): string {
  return format === "openmetrics" ? "# EOF\n" : "";
}

/** One metric. */
export function formatFamily({ definition, series }: FamilySnapshot, format: TextFormat): string {
  const isOpen = format === "openmetrics";
  const name = isOpen ? familyName(definition) : promName(definition);
  const lines = [`# HELP ${name} ${escapedHelp(definition.help, isOpen)}\n# TYPE ${name} ${definition.kind}\n`];
  const unit = unitOf(definition);
  if (isOpen && unit !== "" && name.endsWith(`_${unit}`)) lines.push(`# UNIT ${name} ${unit}\n`);
  const names = definition.labels.map(underscored);
  for (const each of series) lines.push(formatSeries(definition, names, each, isOpen));
  return lines.join("");
}

function formatSeries(
  definition: MetricDefinition,
  names: readonly string[],
  { labels, value }: SeriesSnapshot,
  isOpen: boolean,
): string {
  const pairs = pairsOf(names, labels);
  if (typeof value === "number") return `${promName(definition)}${braced(pairs)} ${formatNumber(value)}\n`;
  return formatSpread(promName(definition), definition.buckets!, pairs, value, isOpen);
}

function formatSpread(
  name: string,
  bounds: readonly number[],
  pairs: string,
  { counts, sum }: Spread,
  isOpen: boolean,
): string {
  const before = pairs === "" ? "" : `${pairs},`;
  let text = "";
  let count = 0;
  for (let i = 0; i < bounds.length; i++) {
    count += counts[i];
    text += `${name}_bucket{${before}le="${formatBound(bounds[i], isOpen)}"} ${count}\n`;
  }
  count += counts[bounds.length];
  return text + `${name}_bucket{${before}le="+Inf"} ${count}\n` +
    `${name}_sum${braced(pairs)} ${formatNumber(sum)}\n${name}_count${braced(pairs)} ${count}\n`;
}

/** What is empty is not there: a label without a value is none. */
function pairsOf(names: readonly string[], values: readonly string[] | null): string {
  if (values === null) return `${underscored(OVERFLOW)}="true"`;
  let text = "";
  for (let i = 0; i < names.length; i++) {
    if (values[i] === "") continue;
    text += `${text === "" ? "" : ","}${names[i]}="${escaped(values[i])}"`;
  }
  return text;
}

function braced(pairs: string): string {
  return pairs === "" ? "" : `{${pairs}}`;
}

function escaped(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n") : value;
}

function escapedHelp(text: string, isOpen: boolean): string {
  const plain = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return isOpen ? plain.replaceAll('"', '\\"') : plain;
}

function formatNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

/** OpenMetrics wants each bound always spelled alike, with a point. */
function formatBound(bound: number, isOpen: boolean): string {
  return isOpen && Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

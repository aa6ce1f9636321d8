/**
 * The tables of the manuals that come from doc comments: options with their defaults, and the names of an entry.
 *
 * A table stands between marks in a manual; paths are seen from the manual:
 *
 *     <!-- options ServeOptions options.ts -->
 *     <!-- names mod.ts -->
 *     <!-- end -->
 *
 * Those of metrics and alerts come from their definitions: `<!-- metrics HTTP -->`, `<!-- alerts all -->`.
 *
 * @module
 */
import { posix } from "node:path";
import { GROUPS } from "../../src/metrics/definitions.ts";
import { ALERTS } from "../../src/metrics/deploy/mod.ts";
import { promName, underscored } from "../../src/metrics/spelling.ts";
import type { MetricDefinition } from "../../src/metric_snapshot.ts";
import type { Manual } from "../support/manuals.ts";
import { exportsOf, type Field, fieldsOf } from "./declarations.ts";

const MARKED = /(<!-- (options|names|metrics|alerts) (\S+)(?: (\S+))? -->)\n[\s\S]*?(<!-- end -->)/g;

/** A default that is code, not words. */
const LITERAL =
  /^(-?\d[\d_.]*|true|false|null|Infinity|"[^"]*"|\[.*\]|\{.*\}|\w+\(\)|Math\.random|globalThis|byDefault|lameDuck)$/;

/** The manual's text with its tables as the sources have them now. */
export function renewed({ path, text }: Manual): string {
  const here = (file: string) => posix.join(posix.dirname(path), file);
  return text.replace(MARKED, (_, begin: string, what: string, first: string, second: string, end: string) => {
    const rows = what === "options"
      ? optionRows(fieldsOf(here(second), first))
      : what === "names"
      ? nameRows(here(first), path)
      : what === "metrics"
      ? metricRows(GROUPS[first as keyof typeof GROUPS])
      : alertRows();
    return `${begin}\n\n${table(rows)}\n\n${end}`;
  });
}

/** Options of its tables that may be left out, and of which nothing says what they are then. */
export function undefaulted({ path, text }: Manual): string[] {
  return [...text.matchAll(MARKED)].flatMap(([, , what, name, file]) => {
    if (what !== "options") return [];
    const fields = fieldsOf(posix.join(posix.dirname(path), file), name);
    return fields.filter(({ isOptional, fallback }) => isOptional && fallback === "").map((field) =>
      `${name}.${field.name}`
    );
  });
}

/** Which manual speaks of what: the top entry's names belong to the rooms that they come from. */
export function roomOf(from: string): string {
  if (/^src\/(context\/|sync\.ts)/.test(from)) return "src/context/README.md";
  return from.startsWith("src/framing/") ? "src/framing/README.md" : "src/server/README.md";
}

function optionRows(fields: readonly Field[]): string[][] {
  const rows = fields.map(({ name, isOptional, fallback, summary }) => {
    if (!isOptional && fallback === "") return [`\`${name}\``, "required", summary];
    const [literal, rest] = splitDefault(fallback);
    return [`\`${name}\``, LITERAL.test(literal) ? `\`${literal}\`${rest}` : fallback, summary];
  });
  return [["option", "default", "what it does"], ...rows];
}

/** `250, a quarter of grace at most`: a value, and words about it. */
function splitDefault(fallback: string): [literal: string, rest: string] {
  if (LITERAL.test(fallback)) return [fallback, ""];
  const at = fallback.search(/[,;:] | \(/);
  return at < 0 ? [fallback, ""] : [fallback.slice(0, at), fallback.slice(at)];
}

function nameRows(entry: string, manual: string): string[][] {
  const all = exportsOf(entry);
  const own = entry === "mod.ts" ? all.filter(({ from }) => roomOf(from) === manual) : all;
  const rows = own.map(({ name, kind, summary }) => [`\`${name}${kind === "function" ? "()" : ""}\``, kind, summary]);
  return [["name", "kind", "what it is"], ...rows];
}

function metricRows(group: Readonly<Record<string, MetricDefinition>>): string[][] {
  const rows = Object.values(group).map((definition) => {
    const labels = definition.labels.map((label) => `\`${underscored(label)}\``).join(", ");
    return [`\`${promName(definition)}\``, definition.kind, labels, definition.help];
  });
  return [["metric", "kind", "labels", "what it says"], ...rows];
}

function alertRows(): string[][] {
  const rows = ALERTS.map(({ name, severity, summary, advice }) => [`\`${name}\``, severity, summary, advice]);
  return [["alert", "severity", "what is the case", "what to do"], ...rows];
}

/** As the formatter has it: columns of one width. */
function table(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = cells[0].map((_, i) => Math.max(3, ...cells.map((row) => [...row[i]].length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => cell + " ".repeat(widths[i] - [...cell].length)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join("\n");
}

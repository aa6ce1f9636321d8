/**
 * What a load found, as people read it in a terminal.
 *
 * @module
 */
import type { FaultClass, LoadEnd, LoadReport } from "../../load/mod.ts";
import { bytes, count, figure, plural, time } from "./numbers.ts";

/** The classes of faults in words. */
const FAULTS: readonly (readonly [fault: FaultClass, word: string])[] = [
  ["refused", "refused"],
  ["reset", "reset"],
  ["truncated", "truncated"],
  ["timeout", "timed out"],
  ["wrong", "wrong"],
];

const ENDS: Readonly<Record<LoadEnd, string>> = {
  duration: "",
  count: "",
  cancelled: ", interrupted",
  unreachable: ", nobody could connect",
};

/** Kinds of faults of which one example is shown. */
const MAX_EXAMPLES = 5;

type Row = readonly [name: string, value: string];

/** All faults together. */
export function faultCount({ faults }: LoadReport): number {
  return FAULTS.reduce((sum, [fault]) => sum + faults[fault], 0);
}

/** A report as aligned lines. */
export function formatLoad(report: LoadReport): string {
  const rows: Row[] = [
    ["target", `${report.target} (${report.kind}, from ${report.runtime})`],
    ["took", time(report.duration) + ENDS[report.ended]],
    ["requests", formatRequests(report)],
    ["rate", `${figure(report.rate)} right answers/s`],
    ["bytes", `${bytes(report.bytes.sent)} sent, ${bytes(report.bytes.received)} received`],
    ["connections", formatConnections(report)],
    ...latencyRows(report),
    ["faults", formatFaults(report)],
    ...examples(report).map((example): Row => ["", example]),
    ...rampRows(report),
    ...serverRows(report),
    ["seed", String(report.seed)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join("\n");
}

/** The faults that happened, or none. */
export function formatFaults({ faults }: LoadReport): string {
  const parts = FAULTS.filter(([fault]) => faults[fault] > 0).map(([fault, word]) => `${count(faults[fault])} ${word}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}

function formatRequests({ requests: { sent, answered, failed, unanswered, unsent } }: LoadReport): string {
  const parts = [`${count(sent)} sent`, `${count(answered)} answered right`, `${count(failed)} failed`];
  if (unanswered > 0) parts.push(`${count(unanswered)} under way at the end`);
  if (unsent > 0) parts.push(`${count(unsent)} due and not sent in time`);
  return parts.join(", ");
}

function formatConnections({ connections: { opened, closedByServer, failed } }: LoadReport): string {
  return `${count(opened)} made, ${count(closedByServer)} ended by the server, ${plural(failed, "attempt")} failed`;
}

function latencyRows({ latency, requests, corrected }: LoadReport): Row[] {
  if (requests.answered === 0) return [];
  const { min, mean, p50, p75, p90, p99, p999, max } = latency;
  const from = corrected ? "when a request was due" : "when a request was sent";
  return [
    ["latency", `${time(min)} least, ${time(mean)} mean, ${time(max)} most, from ${from}`],
    ["", `p50 ${time(p50)}, p75 ${time(p75)}, p90 ${time(p90)}, p99 ${time(p99)}, p99.9 ${time(p999)}`],
  ];
}

/** The first of each kind. */
function examples({ samples }: LoadReport): string[] {
  const seen = new Map<string, string>();
  for (const { fault, detail, at } of samples) {
    const kind = fault + detail.replace(/"(\\.|[^"\\])*"|\d+/g, "");
    if (!seen.has(kind)) seen.set(kind, `${fault} after ${time(Math.max(0, at))}: ${detail}`);
  }
  return [...seen.values()].slice(0, MAX_EXAMPLES);
}

function rampRows({ ramp }: LoadReport): Row[] {
  if (ramp === undefined) return [];
  const unit = ramp.unit === "clients" ? "clients" : "requests/s";
  const cells = ramp.steps.map((step) => [
    count(step.load),
    figure(step.rate),
    time(step.p50),
    time(step.p99),
    count(step.faults),
  ]);
  const lines = align([[unit, "answers/s", "p50", "p99", "faults"], ...cells]);
  const knee = ramp.knee?.words ?? "No knee: latency stays in line with the load";
  return [...lines.map((line, index): Row => [index === 0 ? "ramp" : "", line]), ["knee", knee]];
}

function align(table: readonly (readonly string[])[]): string[] {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  return table.map((row) => row.map((cell, column) => cell.padStart(widths[column])).join("  "));
}

function serverRows({ server }: LoadReport): Row[] {
  if (server === undefined || server.samples.length === 0) return [];
  const { pid, samples } = server;
  const mean = samples.reduce((sum, { cpu }) => sum + cpu, 0) / samples.length;
  const rss = Math.max(...samples.map((sample) => sample.rss));
  const descriptors = Math.max(...samples.map((sample) => sample.descriptors));
  const cpu = `${figure(mean * 100)} % of a core`;
  return [["server", `process ${pid}: ${cpu}, at most ${bytes(rss)} and ${plural(descriptors, "descriptor")}`]];
}

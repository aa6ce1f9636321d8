/**
 * The options of a load run in words.
 *
 * @module
 */
import type { LoadRamp, LoadRange, LoadReport } from "../load/load_api.ts";
import { formatCount, formatMs, formatNumber, plural } from "./format.ts";
import { loadUnit } from "./load_words.ts";
import { markup, type Piece, shortened } from "./markup.ts";

/** Longest value that is shown whole. */
const LONGEST_VALUE = 2000;

/** Name and value of everything that the run was asked for. */
export function optionRows(report: LoadReport): (readonly [name: string, value: Piece])[] {
  const options = Object.entries(report.options).filter(([name]) => matters(name, report));
  return [
    ["target", report.target],
    ["seed", String(report.seed)],
    ...options.map(([name, value]): [string, Piece] => [NAMES[name] ?? name, valueWords(name, value)]),
    ["took", formatMs(report.duration)],
    ["latency", report.corrected ? "from when a request was due" : "from when a request was sent"],
  ];
}

/** Options that mean something to HTTP alone. */
const HTTP_ONLY: ReadonlySet<string> = new Set(["method", "body"]);

/** What it means that an option was not given. */
const WITHOUT: Readonly<Record<string, string>> = {
  duration: "until all are sent",
  count: "no limit",
  rate: "as answers come",
  size: "no body",
};

function matters(name: string, { kind, target }: LoadReport): boolean {
  if (name === "headers") return kind !== "tcp";
  if (name === "tlsInsecure") return /^(https|wss):/.test(target);
  return kind === "http" || !HTTP_ONLY.has(name);
}

const NAMES: Readonly<Record<string, string>> = {
  duration: "requests are sent for",
  count: "requests in all",
  rate: "requests a second",
  think: "think time",
  pipeline: "in flight for each client",
  size: "size of a message",
  tlsInsecure: "certificate",
  proxyProtocol: "PROXY header",
  timeout: "longest wait for an answer",
  check: "answers are checked by",
};

const DURATIONS: ReadonlySet<string> = new Set(["duration", "timeout"]);

const CHECKS: Readonly<Record<string, string>> = {
  echo: "echo: the answer holds what was sent",
  same: "same: every answer is like the first one",
  whole: "whole: the answer is complete, and no error",
};

function valueWords(name: string, value: unknown): Piece {
  if (value === null) return WITHOUT[name] ?? "none";
  if (name === "ramp") return rampWords(value as Required<LoadRamp>);
  if (name === "check") return CHECKS[String(value)] ?? String(value);
  if (name === "tlsInsecure") return value === true ? "not verified" : "verified";
  if (name === "headers") return headerLines(value as readonly (readonly [string, string])[]);
  if (name === "think" || name === "size") return rangeWords(name, value as LoadRange);
  if (typeof value === "number") return DURATIONS.has(name) ? formatMs(value) : formatNumber(value);
  return shortened(typeof value === "string" ? value : JSON.stringify(value) ?? "", LONGEST_VALUE);
}

function rampWords({ from, to, over, steps, unit }: Required<LoadRamp>): string {
  const loads = `${formatNumber(from)} to ${formatNumber(to)} ${loadUnit(unit)}`;
  return `${loads} over ${formatMs(over)} in ${plural(steps, "step")}`;
}

function rangeWords(name: string, { min, max }: LoadRange): string {
  const write = name === "think" ? formatMs : (bytes: number) => `${formatCount(bytes)} bytes`;
  return min === max ? write(min) : `${write(min)} to ${write(max)}`;
}

function headerLines(fields: readonly (readonly [string, string])[]): Piece {
  if (fields.length === 0) return "none";
  return fields.map(([name, value]) => markup`<code>${name}: ${shortened(value, LONGEST_VALUE)}</code><br>`);
}

/**
 * The results, for people and as JSON.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import type { Bound } from "./bounds.ts";
import type { Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import type { Missing, Result } from "./result.ts";
import type { Spread } from "./stats.ts";

const HEAD = [
  "row",
  "runtime",
  "ours",
  "against",
  "ratio",
  "min-max",
  "per cpu",
  "bound",
  "",
  "ours",
  "against",
  "note",
];
const WIDTHS = [9, 7, 41, 23, 7, 13, 7, 6, 5, 9, 9, 0];

export function printHead(): void {
  console.log(lineOf(HEAD));
}

export function printResult(result: Result): void {
  console.log(resultLine(result));
}

export function printMissing(missing: Missing): void {
  console.log(missingLine(missing));
}

/** What was met, and all that was not. */
export function printSummary(results: readonly Result[], missing: readonly Missing[]): void {
  for (const line of summaryLines(results, missing)) console.log(line);
}

/** A comparison as a line of the table. */
export function resultLine(result: Result): string {
  const { ratio, cpuRatio } = result;
  return lineOf([
    result.row,
    result.runtime,
    result.ours,
    result.against,
    digits(ratio.median),
    range(ratio),
    cpuRatio === null ? "" : digits(cpuRatio.median),
    boundText(result.bound),
    verdict(result),
    compact(result.oursValue),
    compact(result.againstValue),
    noteText(result),
  ]);
}

/** What stands in the table for a row without figures. */
export function missingLine({ row, runtime, reason, failed }: Missing): string {
  return lineOf([row, runtime, `${failed ? "FAILED" : "left out"}: ${reason}`]);
}

/** The rows that fall short, those that were not measured, and how many were met. */
export function summaryLines(results: readonly Result[], missing: readonly Missing[]): string[] {
  const short = results.filter((result) => result.met === false);
  const met = results.filter((result) => result.met === true);
  const open = results.filter((result) => result.met === null && result.bound !== null);
  const information = results.length - met.length - short.length - open.length;
  return [
    ...(short.length === 0 ? [] : ["", "Short of their bound:", ...short.map(resultLine)]),
    ...(missing.length === 0 ? [] : ["", "Not measured:", ...missing.map(missingLine)]),
    "",
    `${met.length} met, ${short.length} short, ${open.length} open, ${information} for information, ` +
    `${missing.length} not measured`,
  ];
}

export function writeJson(
  options: BenchOptions,
  machine: Machine,
  results: readonly Result[],
  missing: readonly Missing[],
): void {
  const { notes, pinned, cpu } = machine;
  const { seconds, rounds } = options;
  const content = { date: new Date().toISOString(), cpu, pinned, notes, seconds, rounds, results, missing };
  writeFileSync(options.json, JSON.stringify(content, null, 2) + "\n");
  console.log(`Written to ${options.json}`);
}

function lineOf(cells: readonly string[]): string {
  return cells.map((cell, i) => cell.padEnd(WIDTHS[i])).join(" ").trimEnd();
}

/** `open` is what has a bound and could not be judged. */
function verdict({ bound, met }: Result): string {
  if (met === null) return bound === null ? "info" : "open";
  return met ? "met" : "SHORT";
}

function noteText({ unit, loadBusy, warning }: Result): string {
  const load = loadBusy === undefined ? "" : `; load ${Math.round(loadBusy * 100)} %`;
  return `${unit}${load}${warning === undefined ? "" : `; ${warning}`}`;
}

function boundText(bound: Bound): string {
  if (bound === null) return "";
  return "atLeast" in bound ? `>=${bound.atLeast}` : `<=${bound.atMost}`;
}

function digits(value: number): string {
  return value.toFixed(value >= 10 ? 1 : 2);
}

function range({ min, max }: Spread): string {
  return `${digits(min)}-${digits(max)}`;
}

function compact(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}

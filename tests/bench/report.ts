/**
 * The results, for people and as JSON.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import type { Machine } from "./machine.ts";
import type { BenchOptions } from "./options.ts";
import type { Bound, Result } from "./result.ts";
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
  printCells(HEAD);
}

export function printResult(result: Result): void {
  const { ratio, cpuRatio, met } = result;
  printCells([
    result.row,
    result.runtime,
    result.ours,
    result.against,
    digits(ratio.median),
    range(ratio),
    cpuRatio === null ? "" : digits(cpuRatio.median),
    boundText(result.bound),
    met === null ? "info" : met ? "met" : "SHORT",
    compact(result.oursValue),
    compact(result.againstValue),
    noteText(result),
  ]);
}

export function printSummary(results: readonly Result[]): void {
  const short = results.filter((result) => result.met === false);
  const met = results.filter((result) => result.met === true);
  console.log(
    `\n${met.length} met, ${short.length} short, ${results.length - met.length - short.length} for information`,
  );
}

export function writeJson(options: BenchOptions, machine: Machine, results: readonly Result[]): void {
  const { notes, pinned, cpu } = machine;
  const { seconds, rounds } = options;
  const content = { date: new Date().toISOString(), cpu, pinned, notes, seconds, rounds, results };
  writeFileSync(options.json, JSON.stringify(content, null, 2) + "\n");
  console.log(`Written to ${options.json}`);
}

function printCells(cells: readonly string[]): void {
  console.log(cells.map((cell, i) => cell.padEnd(WIDTHS[i])).join(" ").trimEnd());
}

function noteText({ unit, loadBusy, warning }: Result): string {
  const load = loadBusy === undefined ? "" : `; load ${Math.round(loadBusy * 100)} %`;
  return `${unit}${load}${warning === undefined ? "" : `; ${warning}: judged per cpu`}`;
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

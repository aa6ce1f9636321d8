/**
 * The benchmark: `npm run bench`. Every comparison is made side by side in one run, in turns, with servers on one core
 * and the load on another, and only ratios count. Linux only: it reads /proc.
 *
 * @module
 */
import process from "node:process";
import { inspectMachine, type Machine } from "./machine.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { printHead, printMissing, printResult, printSummary, writeJson } from "./report.ts";
import { LeftOut, type Missing, type Result } from "./result.ts";
import { type RowName, ROWS } from "./rows.ts";
import { type BenchRuntime, kindOf } from "./runtimes.ts";
import { Rig } from "./servers.ts";

const ROWS_WITH_GO: readonly RowName[] = ["raw", "lines", "hello"];

async function measure(row: RowName, runtime: BenchRuntime, machine: Machine, options: BenchOptions) {
  await using rig = new Rig(machine, runtime);
  const found = await ROWS[row].run(rig, kindOf(runtime), options);
  return found.map((result): Result => ({ ...result, runtime }));
}

/** Of a program that ended too early, its name and its last words. */
function inShort({ message }: Error): string {
  const [first, ...others] = message.split("\n");
  const words = others.find((line) => /error/i.test(line));
  return words === undefined ? first : `${first}: ${words.trim()}`;
}

const options = readOptions();
const machine = inspectMachine(options.rows.some((row) => ROWS_WITH_GO.includes(row)));
console.log(`${machine.cpu}; ${options.rounds} rounds of ${options.seconds} s`);
for (const note of machine.notes) console.log(`NOTE ${note}`);

const results: Result[] = [];
const missing: Missing[] = [];
const miss = (one: Missing) => {
  missing.push(one);
  printMissing(one);
};
printHead();
for (const row of options.rows) {
  console.log(`-- ${row}: ${ROWS[row].title}`);
  for (const runtime of options.runtimes) {
    try {
      const found = await measure(row, runtime, machine, options);
      found.forEach(printResult);
      results.push(...found);
      const noGo = machine.go === null && ROWS_WITH_GO.includes(row);
      if (noGo) miss({ row, runtime, reason: "There is no Go to compare with", failed: false });
    } catch (error) {
      miss({ row, runtime, reason: inShort(error as Error), failed: !(error instanceof LeftOut) });
    }
  }
}
printSummary(results, missing);
writeJson(options, machine, results, missing);
if (missing.some(({ failed }) => failed)) process.exitCode = 1;

/**
 * The benchmark: `npm run bench`. Every comparison is made side by side in one run, in turns, with servers on one core
 * and the load on another, and only ratios count. Linux only: it reads /proc.
 *
 * @module
 */
import { inspectMachine } from "./machine.ts";
import { readOptions } from "./options.ts";
import { printHead, printResult, printSummary, writeJson } from "./report.ts";
import type { Result } from "./result.ts";
import { type RowName, ROWS } from "./rows.ts";
import { Rig } from "./servers.ts";

const ROWS_WITH_GO: readonly RowName[] = ["raw", "lines", "hello"];

const options = readOptions();
const machine = inspectMachine(options.rows.some((row) => ROWS_WITH_GO.includes(row)));
console.log(`${machine.cpu}; ${options.rounds} rounds of ${options.seconds} s`);
for (const note of machine.notes) console.log(`NOTE ${note}`);

const results: Result[] = [];
printHead();
for (const row of options.rows) {
  console.log(`-- ${row}: ${ROWS[row].title}`);
  for (const runtime of options.runtimes) {
    await using rig = new Rig(machine);
    const found = await ROWS[row].run(rig, runtime, options);
    found.forEach(printResult);
    results.push(...found);
  }
}
printSummary(results);
writeJson(options, machine, results);

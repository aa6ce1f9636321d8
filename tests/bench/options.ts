/**
 * The command line of the benchmark.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { type RowName, rowNames, ROWS } from "./rows.ts";
import { type BenchRuntime, benchRuntimes } from "./runtimes.ts";

/** What to run. */
export interface BenchOptions {
  readonly rows: readonly RowName[];
  readonly runtimes: readonly BenchRuntime[];
  /** Length of one measurement. */
  readonly seconds: number;
  /** Measurements of each server, in turns. */
  readonly rounds: number;
  /** File for the results. */
  readonly json: string;
}

const USAGE = `usage: npm run bench -- [options]
  --only ROWS       of ${rowNames.join(", ")}; separated by commas, all by default
  --runtime NAMES   of ${benchRuntimes.join(", ")}; all by default
  --seconds S       length of one measurement, 1 by default
  --rounds R        measurements of each server in turns, 5 by default
  --json FILE       where the results go, bench-results.json by default
rows:
${rowNames.map((name) => `  ${name.padEnd(10)}${ROWS[name].title}`).join("\n")}`;

/** Reads the command line; ends the process where it is wrong. */
export function readOptions(): BenchOptions {
  const values = readArguments();
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  return {
    rows: names("only", values.only, rowNames),
    runtimes: names("runtime", values.runtime, benchRuntimes),
    seconds: positive("seconds", values.seconds),
    rounds: Math.ceil(positive("rounds", values.rounds)),
    json: values.json,
  };
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        only: { type: "string" },
        runtime: { type: "string" },
        seconds: { type: "string", default: "1" },
        rounds: { type: "string", default: "5" },
        json: { type: "string", default: "bench-results.json" },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function names<T extends string>(option: string, given: string | undefined, all: readonly T[]): readonly T[] {
  if (given === undefined) return all;
  const wanted = given.split(",");
  for (const name of wanted) if (!all.includes(name as T)) refuse(`--${option}: there is no "${name}"`);
  return all.filter((name) => wanted.includes(name));
}

function positive(option: string, given: string): number {
  const value = Number(given);
  return value > 0 && value < 1000 ? value : refuse(`--${option} must be a number above 0, got "${given}"`);
}

function refuse(message: string): never {
  console.error(`${message}\n${USAGE}`);
  process.exit(2);
}

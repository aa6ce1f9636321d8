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

/** What is wrong with a command line. */
export class UsageError extends Error {}

/** Reads the command line; ends the process where it is wrong, or where help is all that is wanted. */
export function readOptions(): BenchOptions {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options !== null) return options;
    console.log(USAGE);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
}

/** Reads arguments; null if help is wanted. */
export function parseOptions(args: readonly string[]): BenchOptions | null {
  const values = readArguments(args);
  if (values.help) return null;
  return {
    rows: names("only", values.only, rowNames),
    runtimes: names("runtime", values.runtime, benchRuntimes),
    seconds: positive("seconds", values.seconds),
    rounds: Math.ceil(positive("rounds", values.rounds)),
    json: values.json,
  };
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
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
    throw new UsageError((error as Error).message);
  }
}

function names<T extends string>(option: string, given: string | undefined, all: readonly T[]): readonly T[] {
  if (given === undefined) return all;
  const wanted = given.split(",");
  const unknown = wanted.find((name) => !all.includes(name as T));
  if (unknown !== undefined) throw new UsageError(`--${option}: there is no "${unknown}"`);
  return all.filter((name) => wanted.includes(name));
}

function positive(option: string, given: string): number {
  const value = Number(given);
  if (value > 0 && value < 1000) return value;
  throw new UsageError(`--${option} must be a number above 0 and below 1000, got "${given}"`);
}

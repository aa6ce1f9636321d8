/** `sluice verify` as a child process, on the runtime that runs the test. */
import type { LossName, VerifyReport } from "../../src/tools/verify/mod.ts";
import { CLI } from "./demo.ts";
import { commandLine, type Program, root, startProgram } from "./processes.ts";

/** Longest time that one verification may take, in ms. */
const LIMIT = 60_000;

/** A verification that is over. */
export interface Verified {
  readonly code: number | null;
  readonly report: VerifyReport & { readonly seed: number };
  readonly stderr: string;
}

/** Starts `sluice verify` with these arguments for a command. */
export function startVerify(
  args: readonly string[],
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  return startProgram(CLI, { args: ["verify", ...args, "--", ...command], env });
}

/** Runs it to its end. */
export async function verify(args: readonly string[], command: readonly string[]): Promise<Verified> {
  await using program = startVerify([...args, "--json"], command);
  const { code, stdout, stderr } = await program.exited(LIMIT);
  if (!stdout.startsWith("{")) throw new Error(`no report, exit code ${code}: ${stdout}\n${stderr}`);
  return { code, report: JSON.parse(stdout), stderr };
}

/** What was lost, without what is only counted. */
export function lossesOf(report: VerifyReport): Partial<Record<LossName, number>> {
  const { refused: _, afterEnd: __, ...blamed } = report.totals;
  return Object.fromEntries(Object.entries(blamed).filter(([, count]) => count > 0));
}

/** The command line of a program of the tests, on the runtime that runs the test. */
export function programCommand(path: string, ...args: string[]): string[] {
  return commandLine(root + path, { args });
}

/** The command line of `sluice`. */
export function sluiceCommand(...args: string[]): string[] {
  return commandLine(CLI, { args });
}

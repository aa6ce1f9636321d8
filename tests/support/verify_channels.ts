/** `sluice verify --kind channel` as a child process, on the runtime that runs the test. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import type { ChannelReport } from "../../src/tools/verify/mod.ts";
import { countsOf } from "./channel_logs.ts";
import { programCommand, startVerify } from "./verify_cli.ts";

const LIMIT = 90_000;
const SERVER = "tests/programs/channels/server.ts";
const QUICK = ["--kind", "channel", "--clients", "9", "--channels", "2", "--rate", "150"];

/** Everything that a server of the tests does its part of. */
const ALSO = ["--also", "direct,messages,calls,tcp"];

/** What was found, and with which seed. */
export type Found = ChannelReport & { readonly seed: number };

/** A proof to its end. @param command The server's. */
export async function proof(
  args: readonly string[],
  command: readonly string[],
): Promise<{ readonly code: number | null; readonly report: Found; readonly words: string }> {
  await using program = startVerify([...QUICK, ...args, "--json"], command);
  const { code, stdout, stderr } = await program.exited(LIMIT);
  if (!stdout.startsWith("{")) throw new Error(`no report, exit code ${code}: ${stdout}\n${stderr}`);
  const report: Found = JSON.parse(stdout);
  return { code, report, words: [`seed ${report.seed}`, ...report.details].join("\n") };
}

/** A proof that nothing is lost, of the server that keeps its messages as these arguments say. */
export async function provesRight(args: readonly string[], log: readonly string[]): Promise<Found> {
  return await provesCommand([...args, ...ALSO], programCommand(SERVER, ...log));
}

/** The same of any command. */
export async function provesCommand(args: readonly string[], command: readonly string[]): Promise<Found> {
  const { code, report, words } = await proof(args, command);
  assertEquals([countsOf(report), code, report.clean], [{}, 0, true], words);
  assertGreater(report.acknowledged, 100);
  // Three subscribers get all of it.
  if (Object.keys(report.gaps).length === 0) assert(report.delivered >= 3 * report.acknowledged);
  assertGreater(report.presenceChecks, 0);
  const { letters, calls } = report;
  for (const count of [letters.dealt, letters.handed - letters.dealt, calls.answered]) assertGreater(count, 0, words);
  return report;
}

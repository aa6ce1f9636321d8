/**
 * Entries that a file log brings to the disk, against one sync for each.
 *
 * @module
 */
import { type RuntimeName, startProgram } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import { compareValues, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";

const PROGRAM = "tests/programs/log_commit.ts";

interface Round {
  readonly bare: number;
  readonly alone: number;
  readonly together: number;
}

export async function commitRow(_rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const args = [String(effort.seconds), String(effort.rounds)];
  await using program = startProgram(PROGRAM, { runtime, args });
  const { stdout } = await program.exited((effort.seconds * 3 + 10) * effort.rounds * 1_000);
  const rounds = stdout.trim().split("\n").map((line) => JSON.parse(line) as Round);
  const bare = rounds.map((round) => round.bare);
  const subject = { row: "commit", runtime, against: "one sync each", unit: "entries of 256 bytes/s" };
  const together = rounds.map((round) => round.together);
  const alone = rounds.map((round) => round.alone);
  return [
    compareValues({ ...subject, ours: "fileLog, 64 writers", bound: BOUNDS.commit[runtime] }, together, bare),
    compareValues({ ...subject, ours: "fileLog, one writer", bound: null }, alone, bare),
  ];
}

/**
 * Echo of lines against Go, and against a batched echo written by hand.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { type Bound, BOUNDS } from "../bounds.ts";
import { compareRates, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";
import { sameWork } from "./turns.ts";

const MODES = ["line for-await", "line forEach", "line send", "line batches"] as const;

export async function linesRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const ours = await Promise.all(MODES.map((mode) => rig.ours(runtime, mode)));
  const bare = await rig.bare(runtime, "line");
  const go = await rig.go("line");
  const servers = go === null ? [...ours, bare] : [...ours, bare, go];
  const samples = await sameWork(rig, servers, { job: "echo", conns: 16, size: 64, inFlight: 64 }, effort);
  const against = (name: string, at: number, bounds: Partial<Record<string, Bound>>) =>
    MODES.map((mode, i) => {
      const subject = { row: "lines", runtime, ours: mode, against: name, unit: "lines/s" };
      return compareRates({ ...subject, bound: bounds[mode] ?? null }, samples[i], samples[at]);
    });
  const byHand = BOUNDS["lines to bare"][runtime];
  const results = against("bare, batched", MODES.length, { "line for-await": byHand, "line forEach": byHand });
  if (go === null) return results;
  const byGo = {
    "line for-await": BOUNDS["lines to go"][runtime],
    "line forEach": BOUNDS["lines forEach to go"][runtime],
  };
  return [...against("go, Scanner", MODES.length + 1, byGo), ...results];
}

/**
 * Short connections against the same written by hand.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import { compareRates, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";
import { sameWork } from "./turns.ts";

const MODES = ["line for-await", "line forEach"] as const;

export async function rateRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const ours = await Promise.all(MODES.map((mode) => rig.ours(runtime, mode)));
  const bare = await rig.bare(runtime, "line");
  const samples = await sameWork(rig, [...ours, bare], { job: "rate", conns: 32, size: 64 }, effort);
  return MODES.map((mode, i) => {
    const subject = { row: "rate", runtime, ours: mode, against: "bare", unit: "connections/s" };
    return compareRates({ ...subject, bound: BOUNDS.rate[runtime] }, samples[i], samples[MODES.length]);
  });
}

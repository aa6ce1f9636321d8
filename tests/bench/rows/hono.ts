/**
 * One Hono app on Sluice, and on what it is served with otherwise.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import type { HttpJob } from "../load/jobs.ts";
import type { Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";
import { comparePairs, type Pair } from "./pairs.ts";

const JOB: HttpJob = { job: "http", exchange: "hono", conns: 64, inFlight: 1, count: "answers" };
const OTHERS = { node: "hono", deno: "deno", bun: "bun" } as const;

export async function honoRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const ours = await rig.http("ours", runtime, "hono");
  const other = await rig.http(OTHERS[runtime], runtime, "hono");
  // On Node its own server puts another Response in the global's place too.
  const fast = await rig.http("ours", runtime, "hono fast");
  const pairs: Pair[] = [[ours, other, BOUNDS.hono[runtime]], [fast, other, BOUNDS.hono[runtime]]];
  return await comparePairs(rig, { row: "hono", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

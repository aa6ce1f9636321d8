/**
 * The everyday request over HTTP: JSON in, JSON out, against the runtime's own server and srvx.
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

const JOB: HttpJob = { job: "http", exchange: "json", conns: 64, inFlight: 1, count: "answers" };

export async function jsonRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const ours = await rig.http("ours", runtime, "json");
  const own = await rig.http(runtime, runtime, "json");
  const fast = await rig.http("ours", runtime, "json fast");
  const pairs: Pair[] = [[ours, own, BOUNDS.json[runtime]], [fast, own, BOUNDS.json[runtime]]];
  if (runtime === "node") {
    pairs.push([ours, await rig.http(runtime, runtime, "json length"), null]);
    pairs.push([ours, await rig.http("srvx", runtime, "json"), null]);
  }
  return await comparePairs(rig, { row: "json", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

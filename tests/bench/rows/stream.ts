/**
 * Streamed answers over HTTP, against the runtime's own server.
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

const CLIENTS = [1, 4] as const;

export async function streamRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const results: Result[] = [];
  const bound = BOUNDS.stream[runtime];
  for (const conns of CLIENTS) {
    const ours = await rig.http("ours", runtime, "stream");
    const pairs: Pair[] = [[ours, await rig.http(runtime, runtime, "stream"), bound]];
    if (runtime === "node") pairs.push([ours, await rig.http(runtime, runtime, "stream fromWeb"), bound]);
    const job: HttpJob = { job: "http", exchange: "stream", conns, inFlight: 1, count: "MiB" };
    const unit = conns === 1 ? "MiB/s, 1 client" : `MiB/s, ${conns} clients`;
    results.push(...await comparePairs(rig, { row: "stream", runtime, unit, job }, pairs, effort));
  }
  return results;
}

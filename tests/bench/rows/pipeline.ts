/**
 * Pipelined requests over HTTP, against the runtime's own server.
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

const JOB: HttpJob = { job: "http", exchange: "hello", conns: 4, inFlight: 16, count: "answers" };

export async function pipelineRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const reply = await rig.http("ours", runtime, "hello reply");
  const response = await rig.http("ours", runtime, "hello Response");
  const own = await rig.http(runtime, runtime, "hello");
  const pairs: Pair[] = [[reply, own, BOUNDS.pipeline[runtime]], [response, own, null]];
  return await comparePairs(rig, { row: "pipeline", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

/**
 * What counting costs: "hello world" over HTTP with metrics, and without.
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

const JOB: HttpJob = { job: "http", exchange: "hello", conns: 64, inFlight: 1, count: "answers" };

export async function metricsRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const pairs: Pair[] = [];
  for (const mode of ["hello reply", "hello Response fast"]) {
    const counted = await rig.http("ours", runtime, `${mode} metrics`);
    pairs.push([counted, await rig.http("ours", runtime, mode), BOUNDS.metrics[runtime]]);
  }
  return await comparePairs(rig, { row: "metrics", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

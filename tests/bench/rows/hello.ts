/**
 * "hello world" over HTTP, against the runtime's own server, srvx and Go.
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

export async function helloRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const reply = await rig.http("ours", runtime, "hello reply");
  const response = await rig.http("ours", runtime, "hello Response");
  const own = await rig.http(runtime, runtime, "hello");
  const pairs: Pair[] = [
    [reply, own, BOUNDS["hello reply"][runtime]],
    [response, own, BOUNDS["hello Response"][runtime]],
    [await rig.http("ours", runtime, "hello Response fast"), own, BOUNDS["hello Response"][runtime]],
  ];
  if (runtime === "node") {
    pairs.push([reply, await rig.http(runtime, runtime, "hello length"), null]);
    const srvx = await rig.http("srvx", runtime, "hello fast");
    pairs.push([reply, srvx, BOUNDS["hello reply to srvx"].node]);
    pairs.push([response, await rig.http("srvx", runtime, "hello Response"), null]);
  }
  const go = await rig.go("hello");
  if (go !== null) pairs.push([reply, go, BOUNDS["hello reply to go"][runtime]]);
  return await comparePairs(rig, { row: "hello", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

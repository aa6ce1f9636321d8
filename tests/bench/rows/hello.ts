/**
 * "hello world" over HTTP, against the runtime's own server, srvx and Go.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import type { HttpJob } from "../load/jobs.ts";
import type { Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";
import { comparePairs, type Pair } from "./pairs.ts";

const JOB: HttpJob = { job: "http", exchange: "hello", conns: 64, inFlight: 1, count: "answers" };
const OWN = { node: { atLeast: 1.5 }, deno: { atLeast: 0.75 }, bun: { atLeast: 1 } };
const OWN_RESPONSE = { node: { atLeast: 1 }, deno: { atLeast: 0.65 }, bun: { atLeast: 0.85 } };
const SRVX = { atLeast: 1.5 };
const GO = { atLeast: 1.2 };

export async function helloRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const reply = await rig.http("ours", runtime, "hello reply");
  const response = await rig.http("ours", runtime, "hello Response");
  const own = await rig.http(runtime, runtime, "hello");
  const pairs: Pair[] = [[reply, own, OWN[runtime]], [response, own, OWN_RESPONSE[runtime]]];
  if (runtime === "node") {
    // What a Response costs on Node 20 is Node's own, and FastResponse is what to do about it.
    pairs.push([await rig.http("ours", runtime, "hello fast"), own, OWN_RESPONSE.node]);
    pairs.push([reply, await rig.http("srvx", runtime, "hello fast"), SRVX]);
    pairs.push([response, await rig.http("srvx", runtime, "hello Response"), null]);
  }
  const go = await rig.go("hello");
  if (go !== null) pairs.push([reply, go, GO]);
  return await comparePairs(rig, { row: "hello", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

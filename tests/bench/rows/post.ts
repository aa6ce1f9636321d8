/**
 * Echo of a request's body over HTTP, against the runtime's own server.
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

const JOB: HttpJob = { job: "http", exchange: "post", conns: 16, inFlight: 1, count: "answers" };

/**
 * Collected and answered by `reply()`, which is the form to be measured by; the same as a `Response`, which copies it;
 * and passed on as it comes, but for Deno, which closes each connection after that.
 */
export async function postRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const reply = await rig.http("ours", runtime, "post reply");
  const collect = await rig.http("ours", runtime, "post collect");
  const body = await rig.http("ours", runtime, "post body");
  const ownCollect = await rig.http(runtime, runtime, "post collect");
  const pairs: Pair[] = [[reply, ownCollect, BOUNDS.post[runtime]], [collect, ownCollect, null]];
  if (runtime === "deno") pairs.push([body, ownCollect, null]);
  else pairs.push([body, await rig.http(runtime, runtime, "post body"), null]);
  return await comparePairs(rig, { row: "post", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

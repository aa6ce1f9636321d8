/**
 * Echo of a request's body over HTTP, against the runtime's own server.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import type { HttpJob } from "../load/jobs.ts";
import type { Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";
import { comparePairs, type Pair } from "./pairs.ts";

const JOB: HttpJob = { job: "http", exchange: "post", conns: 16, inFlight: 1, count: "answers" };
const BOUND = { atLeast: 1 };

/** Collected and answered whole; and passed on as it comes, but for Deno, which closes each connection after that. */
export async function postRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const collect = await rig.http("ours", runtime, "post collect");
  const body = await rig.http("ours", runtime, "post body");
  const ownCollect = await rig.http(runtime, runtime, "post collect");
  const pairs: Pair[] = [[collect, ownCollect, BOUND]];
  if (runtime === "deno") pairs.push([body, ownCollect, null]);
  else pairs.push([body, await rig.http(runtime, runtime, "post body"), BOUND]);
  return await comparePairs(rig, { row: "post", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

/**
 * A reverse proxy in front of one server, against http-proxy, and undici by hand. The server behind it has the same core:
 * what it costs is in all of the rates.
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

export async function proxyRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const behind = await rig.http("ours", runtime, "hello reply");
  const ours = await rig.proxy("ours", runtime, behind);
  const pairs: Pair[] = [[ours, await rig.proxy("httpproxy", runtime, behind), BOUNDS.proxy[runtime]]];
  // Bun's undici is its own fetch(), and Deno's is npm's: only Node has it in it.
  if (runtime === "node") pairs.push([ours, await rig.proxy("undici", runtime, behind), BOUNDS.proxy.node]);
  return await comparePairs(rig, { row: "proxy", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

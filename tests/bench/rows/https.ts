/**
 * "hello world" over TLS on kept connections, against the runtime's own server.
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

const JOB: HttpJob = { job: "http", exchange: "hello", conns: 64, inFlight: 1, count: "answers", tls: true };

export async function httpsRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const own = await rig.https(runtime, runtime, "hello");
  const reply = await rig.https("ours", runtime, "hello reply");
  const response = await rig.https("ours", runtime, "hello Response");
  const pairs: Pair[] = [[reply, own, BOUNDS.https[runtime]], [response, own, null]];
  return await comparePairs(rig, { row: "https", runtime, unit: "requests/s", job: JOB }, pairs, effort);
}

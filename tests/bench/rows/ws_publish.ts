/**
 * A WebSocket message to thousands, against a loop over all, or what a runtime has for it.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { type Bound, BOUNDS } from "../bounds.ts";
import type { PublishJob } from "../load/jobs.ts";
import type { Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";
import { comparePairs, type PairedWork } from "./pairs.ts";

const JOB: PublishJob = { job: "publish", conns: 5000, size: 128, inFlight: 1 };
/** Messages of a burst, which a server may put into one write to each subscriber. */
const BURST = 8;
const OWN_MODES = { node: "loop", deno: "loop", bun: "publish" };

export async function wsPublishRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  rig.needManyFiles();
  const one = { row: "wspublish", runtime, unit: "deliveries/s", job: JOB };
  const burst = { ...one, unit: `deliveries/s, ${BURST} in flight`, job: { ...JOB, inFlight: BURST } };
  const results = await publish(one, BOUNDS.wspublish[runtime]);
  return [...results, ...await publish(burst, null)];

  async function publish(work: PairedWork, bound: Bound): Promise<Result[]> {
    const ours = await rig.websocket("ours", runtime, "publish");
    const own = await rig.websocket(runtime, runtime, OWN_MODES[runtime]);
    return await comparePairs(rig, work, [[ours, own, bound]], effort);
  }
}

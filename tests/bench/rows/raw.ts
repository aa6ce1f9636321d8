/**
 * Echo of raw bytes against the same written by hand.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { type Bound, BOUNDS } from "../bounds.ts";
import { compareRates, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig, Server } from "../servers.ts";
import { sameWork } from "./turns.ts";

const MODES = ["raw for-await", "raw consume"] as const;

export async function rawRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const ours = await Promise.all(MODES.map((mode) => rig.ours(runtime, mode)));
  const bare = await rig.bare(runtime, "raw");
  const informative = await othersOf(rig, runtime);
  const servers = [...ours, bare, ...informative];
  const samples = await sameWork(rig, servers, { job: "echo", conns: 64, size: 64, inFlight: 1 }, effort);
  const compare = (our: Server, against: Server, bound: Bound) => {
    const subject = { row: "raw", runtime, ours: our.name, against: against.name, bound, unit: "messages/s" };
    return compareRates(subject, samples[servers.indexOf(our)], samples[servers.indexOf(against)]);
  };
  const required = ours.map((our, i) => compare(our, bare, BOUNDS[MODES[i]][runtime]));
  const informed = informative.map((other) => compare(ours[0], other, null));
  if (runtime !== "deno") return [...required, ...informed];
  return [...required, compare(ours[1], informative[0], BOUNDS["raw consume to node:net"][runtime]), ...informed];
}

/** What helps to understand the ratio: the loop's own price, the price of Deno's `node:net`, and Go. */
async function othersOf(rig: Rig, runtime: RuntimeName): Promise<Server[]> {
  const near = runtime === "deno" ? await rig.nodeNet(runtime, "raw") : await rig.bare(runtime, "loop");
  const go = await rig.go("raw");
  return go === null ? [near] : [near, go];
}

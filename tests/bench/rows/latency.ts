/**
 * Latency of HTTP requests that come at a fixed rate, 70 % of what the runtime's own server does at its peak.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import type { HttpJob, SteadyJob } from "../load/jobs.ts";
import { compareLatencies, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";
import { median } from "../stats.ts";
import { inTurns } from "./turns.ts";

const CONNS = 64;
const SHARE = 0.7;
/** As its users write it, for each exchange. */
const MODES = { hello: "hello reply", json: "json fast" } as const;

export async function latencyRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  return [await latency(rig, runtime, "hello", effort), await latency(rig, runtime, "json", effort)];
}

async function latency(
  rig: Rig,
  runtime: RuntimeName,
  exchange: keyof typeof MODES,
  effort: Effort,
): Promise<Result> {
  const own = await rig.http(runtime, runtime, exchange);
  const ours = await rig.http("ours", runtime, MODES[exchange]);
  const work: HttpJob = { job: "http", exchange, conns: CONNS, inFlight: 1, count: "answers" };
  // Each is asked for its peak, so that both are as warm when it counts.
  const [peaks] = await inTurns(rig, [own, ours].map((server) => ({ server, job: work })), effort);
  const perSecond = Math.round(median(peaks.map(({ rate }) => rate)) * SHARE);
  const job: SteadyJob = { job: "steady", exchange, conns: CONNS, perSecond };
  const [ofOurs, ofOwn] = await inTurns(rig, [ours, own].map((server) => ({ server, job })), effort);
  await rig.stop(own);
  await rig.stop(ours);
  const subject = { row: "latency", runtime, ours: ours.name, against: own.name, bound: BOUNDS.latency[runtime] };
  return compareLatencies({ ...subject, unit: "ms, p99" }, ofOurs, ofOwn, perSecond);
}

/**
 * Throughput with many connections against few, of ours and of the same written by hand.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { type Bound, BOUNDS } from "../bounds.ts";
import type { EchoJob } from "../load/jobs.ts";
import { compareRates, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig, Server } from "../servers.ts";
import { inTurns } from "./turns.ts";

export async function growthRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const ours = await rig.ours(runtime, "raw for-await");
  const bare = await rig.bare(runtime, "raw");
  return [await grow(ours, BOUNDS.growth[runtime]), await grow(bare, null)];

  async function grow(server: Server, bound: Bound): Promise<Result> {
    const job = (conns: number): EchoJob => ({ job: "echo", conns, size: 64, inFlight: 1 });
    const turns = [1000, 64].map((conns) => ({ server, job: job(conns) }));
    const [many, few] = await inTurns(rig, turns, effort);
    await rig.stop(server);
    const subject = { row: "growth", runtime, ours: `${server.name} at 1,000`, against: "at 64", bound };
    return compareRates({ ...subject, unit: "messages/s" }, many, few);
  }
}

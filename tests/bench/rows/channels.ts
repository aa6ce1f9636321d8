/**
 * Publishing to channels, against the bare `Hub` and Socket.IO: one channel with 5,000 subscribers, and 5,000 channels
 * with one.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { type Bound, BOUNDS } from "../bounds.ts";
import type { FanoutJob } from "../load/jobs.ts";
import { compareRates, LeftOut, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { ChannelServerName, Rig } from "../servers.ts";
import { inTurns } from "./turns.ts";

const CONNECTIONS = 5000;
const SIZE = 128;
const AGAINST: readonly ChannelServerName[] = ["hub", "socketio"];

export async function channelsRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  rig.needManyFiles();
  const results: Result[] = [];
  for (const spread of [false, true]) {
    for (const against of AGAINST) {
      if (against === "socketio" && runtime !== "node") continue;
      results.push(await compared(rig, runtime, effort, against, spread));
    }
  }
  if (results.length === 0) throw new LeftOut("There is nothing to compare with");
  return results;
}

async function compared(
  rig: Rig,
  runtime: RuntimeName,
  effort: Effort,
  against: ChannelServerName,
  spread: boolean,
): Promise<Result> {
  const servers = [await rig.channels("channels", runtime), await rig.channels(against, runtime)];
  const protocols: readonly FanoutJob["protocol"][] = ["channels", against];
  const job = (i: number): FanoutJob => ({
    job: "fanout",
    protocol: protocols[i],
    conns: CONNECTIONS,
    size: SIZE,
    spread,
  });
  const [ours, others] = await inTurns(rig, servers.map((server, i) => ({ server, job: job(i) })), effort);
  for (const server of servers) await rig.stop(server);
  const bound: Bound = BOUNDS[against === "hub" ? "channels to hub" : "channels to Socket.IO"][runtime];
  const shape = spread ? `${CONNECTIONS} channels, 1 subscriber` : `1 channel, ${CONNECTIONS} subscribers`;
  const subject = { row: "channels", runtime, ours: servers[0].name, against: servers[1].name, bound };
  return compareRates({ ...subject, unit: `deliveries/s, ${shape}` }, ours, others);
}

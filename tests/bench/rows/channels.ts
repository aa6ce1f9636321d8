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
/** Messages at a time in one channel: each is a write to every subscriber; a burst may be put into one. */
const IN_FLIGHT = [1, 8];
const AGAINST: readonly ChannelServerName[] = ["hub", "socketio"];

export async function channelsRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  rig.needManyFiles();
  const results: Result[] = [];
  for (const spread of [false, true]) {
    for (const against of AGAINST) {
      if (against === "socketio" && runtime !== "node") continue;
      for (const inFlight of spread ? [1] : IN_FLIGHT) {
        results.push(await compared(rig, runtime, effort, against, { spread, inFlight }));
      }
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
  { spread, inFlight }: Pick<FanoutJob, "spread" | "inFlight">,
): Promise<Result> {
  const servers = [await rig.channels("channels", runtime), await rig.channels(against, runtime)];
  const protocols: readonly FanoutJob["protocol"][] = ["channels", against];
  const job = (i: number): FanoutJob => ({
    job: "fanout",
    protocol: protocols[i],
    conns: CONNECTIONS,
    size: SIZE,
    spread,
    inFlight,
  });
  const [ours, others] = await inTurns(rig, servers.map((server, i) => ({ server, job: job(i) })), effort);
  for (const server of servers) await rig.stop(server);
  const bound: Bound = BOUNDS[against === "hub" ? "channels to hub" : "channels to Socket.IO"][runtime];
  const shape = spread ? `${CONNECTIONS} channels, 1 subscriber` : `1 channel, ${CONNECTIONS} subscribers`;
  const unit = `deliveries/s, ${shape}${inFlight > 1 ? `, ${inFlight} in flight` : ""}`;
  const subject = { row: "channels", runtime, ours: servers[0].name, against: servers[1].name, bound };
  return compareRates({ ...subject, unit }, ours, others);
}

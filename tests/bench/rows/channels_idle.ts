/**
 * Memory of idle subscribers of a channel, against bare WebSockets of ours.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import type { Hello } from "../load/jobs.ts";
import { settledKiB } from "../resident.ts";
import { compareValues, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig, Server } from "../servers.ts";

const CONNECTIONS = 10_000;
/** Connections before the count, so that what is loaded and compiled once is not counted. */
const WARM_UP = 500;
const MAX_ROUNDS = 3;
/** Answered by welcome, subbed and live. */
const HELLO: Hello = { text: JSON.stringify(["hello", 1, null, null, [["all", null]]]), answers: 3 };

export async function channelsIdleRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  rig.needManyFiles();
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < Math.min(effort.rounds, MAX_ROUNDS); round++) {
    ours.push(await measured(rig, await rig.channels("channels", runtime), HELLO));
    bare.push(await measured(rig, await rig.websocket("ours", runtime, "forEach"), undefined));
  }
  const bound = BOUNDS.channelsidle[runtime];
  const subject = { row: "channelsidle", runtime, ours: "subscriber of a channel", against: "WebSocket", bound };
  return [compareValues({ ...subject, unit: "KiB/connection" }, ours, bare)];
}

async function measured(rig: Rig, server: Server, hello: Hello | undefined): Promise<number> {
  const { port, program: { pid } } = server;
  await rig.hold({ job: "open", port, count: WARM_UP, websocket: true, hello });
  await rig.hold({ job: "drop" });
  const before = await settledKiB(pid);
  await rig.hold({ job: "open", port, count: CONNECTIONS, websocket: true, hello });
  const used = (await settledKiB(pid) - before) / CONNECTIONS;
  await rig.hold({ job: "drop" });
  await rig.stop(server);
  return used;
}

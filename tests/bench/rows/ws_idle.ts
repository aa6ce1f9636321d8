/**
 * Memory of idle WebSockets, against ws and the runtimes' own.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { type Bound, BOUNDS } from "../bounds.ts";
import { settledKiB } from "../resident.ts";
import { compareValues, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig, Server } from "../servers.ts";

const CONNECTIONS = 10_000;
/** Connections before the count, so that what is loaded and compiled once is not counted. */
const WARM_UP = 500;
const MAX_ROUNDS = 3;
const MODES = ["forEach", "for-await"] as const;

/** KiB per connection: opened, and after a message was echoed on each. */
interface Idle {
  readonly name: string;
  readonly opened: number[];
  readonly spoken: number[];
}

export async function wsIdleRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  rig.needManyFiles();
  const makers = [
    ...MODES.map((mode) => () => rig.websocket("ours", runtime, mode)),
    () => rig.websocket(runtime, runtime, "echo"),
  ];
  const found: Idle[] = [];
  for (let round = 0; round < Math.min(effort.rounds, MAX_ROUNDS); round++) {
    for (const [i, make] of makers.entries()) {
      const server = await make();
      await measure(rig, server, found[i] ??= { name: server.name, opened: [], spoken: [] });
      await rig.stop(server);
    }
  }
  const own = found[MODES.length];
  return MODES.flatMap((mode, i) =>
    compare(runtime, found[i], own, mode === "forEach" ? BOUNDS.wsidle[runtime] : null)
  );
}

function compare(runtime: RuntimeName, ours: Idle, own: Idle, bound: Bound): Result[] {
  const subject = { row: "wsidle", runtime, against: own.name, bound, unit: "KiB/connection" };
  return [
    compareValues({ ...subject, ours: `${ours.name}, opened` }, ours.opened, own.opened),
    compareValues({ ...subject, ours: `${ours.name}, spoken` }, ours.spoken, own.spoken),
  ];
}

async function measure(rig: Rig, { port, program: { pid } }: Server, idle: Idle): Promise<void> {
  await rig.hold({ job: "open", port, count: WARM_UP, websocket: true });
  await rig.hold({ job: "say" });
  await rig.hold({ job: "drop" });
  const before = await settledKiB(pid);
  await rig.hold({ job: "open", port, count: CONNECTIONS, websocket: true });
  idle.opened.push((await settledKiB(pid) - before) / CONNECTIONS);
  await rig.hold({ job: "say" });
  idle.spoken.push((await settledKiB(pid) - before) / CONNECTIONS);
  await rig.hold({ job: "drop" });
}

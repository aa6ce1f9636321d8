/**
 * Clients of channels that come back all at once after a SIGKILL, each with messages missed.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import type { Recovered } from "../load/jobs.ts";
import { compareValues, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";

const CLIENTS = 5000;
const CHANNELS = 100;
const BEHIND = 100;
const LIVE = 20;
const LIMIT_MS = 5000;
const LATE_MS = 100;
const MAX_ROUNDS = 3;

export async function recoveryRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  rig.needManyFiles();
  const found: Recovered[] = [];
  for (let round = 0; round < Math.min(effort.rounds, MAX_ROUNDS); round++) found.push(await recover(rig, runtime));
  const subject = { row: "recovery", runtime, ours: "sluice channels, fileLog", bound: BOUNDS.recovery[runtime] };
  const limit = (ms: number) => found.map(() => ms);
  return [
    compareValues({ ...subject, against: `${LIMIT_MS} ms`, unit: "ms" }, found.map(({ ms }) => ms), limit(LIMIT_MS)),
    compareValues(
      { ...subject, against: `${LATE_MS} ms`, unit: "ms, the latest message of the live ones" },
      found.map(({ delayed }) => delayed),
      limit(LATE_MS),
    ),
  ];
}

async function recover(rig: Rig, runtime: RuntimeName): Promise<Recovered> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-recovery-"));
  try {
    const first = await rig.channelsOf(runtime, folder, 0);
    await rig.places({ job: "places", port: first.port, channels: CHANNELS });
    await fetch(`http://127.0.0.1:${first.port}/publish?channels=${CHANNELS}&messages=${BEHIND}`, { method: "POST" });
    first.program.signal("SIGKILL");
    await rig.stop(first);
    const second = await rig.channelsOf(runtime, folder, first.port);
    const job = { conns: CLIENTS, channels: CHANNELS, behind: BEHIND, live: LIVE };
    const recovered = await rig.recover({ job: "recover", port: second.port, ...job });
    await rig.stop(second);
    return recovered;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

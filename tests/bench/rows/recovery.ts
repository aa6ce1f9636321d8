/**
 * Clients of channels that come back all at once after a SIGKILL, each with messages missed.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import type { Heard } from "../load/jobs.ts";
import { compareValues, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";

const CLIENTS = 5000;
const CHANNELS = 100;
const BEHIND = 100;
const LIVE = 20;
const LIMIT_MS = 5000;
const LATE_MS = 100;
const BATCH = 64;
const SETTLE_MS = 1000;
const MAX_ROUNDS = 3;

/** How long it took, how late live messages were meanwhile, and how late without anybody who came back. */
interface Recovery {
  readonly ms: number;
  readonly meanwhile: Heard;
  readonly quiet: Heard;
}

export async function recoveryRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  rig.needManyFiles();
  const found: Recovery[] = [];
  for (let round = 0; round < Math.min(effort.rounds, MAX_ROUNDS); round++) found.push(await recover(rig, runtime));
  const subject = { row: "recovery", runtime, ours: "sluice channels, fileLog", bound: BOUNDS.recovery[runtime] };
  const limit = (ms: number) => found.map(() => ms);
  const deaf = Math.max(...found.map(({ meanwhile }) => meanwhile.deaf)).toFixed(1);
  return [
    compareValues({ ...subject, against: `${LIMIT_MS} ms`, unit: "ms" }, found.map(({ ms }) => ms), limit(LIMIT_MS)),
    compareValues(
      { ...subject, against: `${LATE_MS} ms`, unit: `ms, the latest live message; its client was deaf for ${deaf}` },
      found.map(({ meanwhile }) => meanwhile.latest),
      limit(LATE_MS),
    ),
    compareValues(
      { ...subject, against: `${LATE_MS} ms`, unit: "ms, the same while nobody comes back", bound: null },
      found.map(({ quiet }) => quiet.latest),
      limit(LATE_MS),
    ),
  ];
}

async function recover(rig: Rig, runtime: RuntimeName): Promise<Recovery> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-recovery-"));
  try {
    const first = await rig.channelsOf(runtime, folder, 0);
    await rig.places({ job: "places", port: first.port, channels: CHANNELS });
    await fetch(`http://127.0.0.1:${first.port}/publish?channels=${CHANNELS}&messages=${BEHIND}`, { method: "POST" });
    first.program.signal("SIGKILL");
    await rig.stop(first);
    const second = await rig.channelsOf(runtime, folder, first.port);
    await rig.listen(second.port, LIVE);
    await pause(SETTLE_MS);
    await rig.heard();
    await pause(SETTLE_MS);
    const quiet = await rig.heard();
    const job = { conns: CLIENTS, channels: CHANNELS, behind: BEHIND, batch: BATCH };
    const { ms } = await rig.recover({ job: "recover", port: second.port, ...job });
    const meanwhile = await rig.heard();
    await rig.deafen();
    await rig.stop(second);
    return { ms, meanwhile, quiet };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

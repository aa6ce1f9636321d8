/**
 * Memory of idle connections against the same server written by hand.
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
const MODES = ["raw for-await", "raw consume"] as const;
const MEMORY = { "raw for-await": BOUNDS["idle for-await"], "raw consume": BOUNDS["idle consume"] };
/** A second read buffer for Deno's hand-written loop, as small as it may be: 64 KiB is the usual one. */
const SMALL_BUFFER = "4096";

/** KiB per connection: opened, and after a line was echoed on each. */
interface Idle {
  readonly opened: number[];
  readonly spoken: number[];
}

export async function idleRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  rig.needManyFiles();
  const bares = runtime === "deno" ? [["raw"], ["raw", SMALL_BUFFER]] : [["raw"]];
  const ours: Idle[] = MODES.map(empty);
  const bare: Idle[] = bares.map(empty);
  for (let round = 0; round < Math.min(effort.rounds, MAX_ROUNDS); round++) {
    for (const [i, mode] of MODES.entries()) await measure(rig, await rig.ours(runtime, mode), ours[i]);
    for (const [i, args] of bares.entries()) await measure(rig, await rig.bare(runtime, ...args), bare[i]);
  }
  return MODES.flatMap((mode, i) =>
    bares.flatMap((args, j) => {
      const bound = args.includes(SMALL_BUFFER) ? null : MEMORY[mode][runtime];
      return memory(runtime, [mode, ours[i]], [args, bare[j]], bound);
    })
  );
}

function empty(): Idle {
  return { opened: [], spoken: [] };
}

function memory(
  runtime: RuntimeName,
  [mode, ours]: readonly [string, Idle],
  [args, bare]: readonly [readonly string[], Idle],
  bound: Bound,
): Result[] {
  const size = args.includes(SMALL_BUFFER) ? 4 : 64;
  const against = runtime === "deno" ? `bare, ${size} KiB buffers` : "bare";
  const subject = { row: "idle", runtime, against, bound };
  const unit = "KiB/connection";
  return [
    compareValues({ ...subject, ours: `${mode}, opened`, unit }, ours.opened, bare.opened),
    compareValues({ ...subject, ours: `${mode}, spoken`, unit }, ours.spoken, bare.spoken),
  ];
}

async function measure(rig: Rig, server: Server, idle: Idle): Promise<void> {
  const { port, program: { pid } } = server;
  await rig.hold({ job: "open", port, count: WARM_UP });
  await rig.hold({ job: "say" });
  await rig.hold({ job: "drop" });
  const before = await settledKiB(pid);
  await rig.hold({ job: "open", port, count: CONNECTIONS });
  idle.opened.push((await settledKiB(pid) - before) / CONNECTIONS);
  await rig.hold({ job: "say" });
  idle.spoken.push((await settledKiB(pid) - before) / CONNECTIONS);
  await rig.hold({ job: "drop" });
  await rig.stop(server);
}

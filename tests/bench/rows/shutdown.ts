/**
 * The time it takes to shut thousands of idle connections down.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import { cpuSeconds } from "../load/usage.ts";
import { compareValues, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig, Server } from "../servers.ts";

const CONNECTIONS = 10_000;
const MAX_ROUNDS = 3;
const MODES = ["raw for-await", "raw consume"] as const;
const LIMIT_MS = 1000;
const PATIENCE_MS = 20_000;

/** Of each round, in ms. */
interface Times {
  /** From the signal to the process's end, and what the report says. */
  readonly exit: number[];
  readonly report: number[];
  /** Processor time from the signal on. */
  readonly cpu: number[];
}

export async function shutdownRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  rig.needManyFiles();
  const times: Times[] = MODES.map(() => ({ exit: [], report: [], cpu: [] }));
  for (let round = 0; round < Math.min(effort.rounds, MAX_ROUNDS); round++) {
    for (const [i, mode] of MODES.entries()) await drain(rig, await rig.ours(runtime, mode), times[i]);
  }
  return MODES.flatMap((mode, i) => compare(runtime, mode, times[i]));
}

function compare(runtime: RuntimeName, mode: string, { exit, report, cpu }: Times): Result[] {
  const subject = { row: "shutdown", runtime, against: "1 s", bound: BOUNDS.shutdown[runtime], unit: "ms" };
  const limit = exit.map(() => LIMIT_MS);
  return [
    compareValues({ ...subject, ours: `${mode}, signal to exit` }, exit, limit),
    compareValues({ ...subject, ours: `${mode}, shutdown()` }, report, limit),
    compareValues({ ...subject, ours: `${mode}, shutdown() on cpu`, bound: null }, cpu, limit),
  ];
}

async function drain(rig: Rig, { port, program }: Server, times: Times): Promise<void> {
  await rig.hold({ job: "open", port, count: CONNECTIONS });
  await rig.hold({ job: "say" });
  const released = rig.hold({ job: "release", ms: PATIENCE_MS });
  const cpuBefore = cpuSeconds(program.pid) * 1000;
  const from = performance.now();
  program.signal("SIGTERM");
  const exit = await program.exited(PATIENCE_MS);
  times.exit.push(performance.now() - from);
  const held = await released;
  if (held.open > 0 || held.reset > 0 || exit.code !== 0) {
    throw new Error(`The drain left ${held.open} open, ${held.reset} reset, exit code ${exit.code}: ${exit.stderr}`);
  }
  const report = JSON.parse(/^report (.*)$/m.exec(exit.stdout)![1]);
  times.report.push(report.duration);
  times.cpu.push(report.cpuMs - cpuBefore);
}

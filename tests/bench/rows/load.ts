/**
 * `sluice load` against wrk: how many requests each drives with the same processor time.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import { compareValues, LeftOut, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";

const CLIENTS = 64;
const LIMIT = 60_000;

/** Every answer of ours is checked, which wrk does not do. */
export async function loadRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  if (spawnSync("wrk", ["-v"]).error !== undefined) throw new LeftOut("wrk is not installed");
  const server = await rig.http("bun", "bun", "hello");
  const url = `http://127.0.0.1:${server.port}/`;
  const ours: number[] = [];
  const wrk: number[] = [];
  for (let round = 0; round < effort.rounds; round++) {
    ours.push(await rateOfOurs(rig, runtime, url, effort.seconds));
    wrk.push(await rateOfWrk(rig, url, effort.seconds));
  }
  await rig.stop(server);
  const subject = { row: "load", runtime, ours: "sluice load", against: "wrk", bound: BOUNDS.load[runtime] };
  return [compareValues({ ...subject, unit: "requests/CPU s" }, ours, wrk)];
}

async function rateOfOurs(rig: Rig, runtime: RuntimeName, url: string, seconds: number): Promise<number> {
  const program = rig.client("load/sluice.ts", runtime, [url, String(CLIENTS), String(seconds)]);
  const line = await program.line(/^rate /, LIMIT);
  await program.exited();
  return Number(line.slice("rate ".length));
}

async function rateOfWrk(rig: Rig, url: string, seconds: number): Promise<number> {
  const wrk = `wrk -t1 -c${CLIENTS} -d${Math.max(1, Math.round(seconds))}s ${url} && times`;
  const { code, stdout, stderr } = await rig.command(["/bin/sh", "-c", wrk]).exited(LIMIT);
  if (code !== 0) throw new Error(`wrk: ${stderr}`);
  const [, requests] = /(\d+) requests in/.exec(stdout)!;
  // The shell's second line: what those it waited for have used, as 0m1.23s 0m0.45s.
  const [user, system] = stdout.trim().split("\n").pop()!.split(" ").map(seconds60);
  return Number(requests) / (user + system);
}

function seconds60(text: string): number {
  const [minutes, seconds] = text.replace("s", "").split("m").map(Number);
  return minutes * 60 + seconds;
}

/**
 * Memory of a streamed answer over HTTP: the peak above what the server had before.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { type Bound, BOUNDS } from "../bounds.ts";
import type { HttpJob } from "../load/jobs.ts";
import { peakKiB, resetPeak, settledKiB } from "../resident.ts";
import { compareValues, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { HttpServerName, Rig } from "../servers.ts";

const LIMIT_MIB = 64;
const MAX_ROUNDS = 3;
/** Long enough for a slow client to take a whole answer. */
const MS = 2500;

interface Clients {
  readonly name: string;
  readonly conns: number;
  readonly mibPerSecond?: number;
}

/** The slow one leaves a server that doesn't wait for it with most of the answer. */
const CLIENTS: readonly Clients[] = [
  { name: "1 client", conns: 1 },
  { name: "1 slow client", conns: 1, mibPerSecond: 50 },
  { name: "4 clients", conns: 4 },
];

export async function memoryRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const results: Result[] = [];
  for (const clients of CLIENTS) {
    results.push(await peaks(rig, "ours", runtime, clients, effort));
    results.push(await peaks(rig, runtime, runtime, clients, effort));
  }
  return results;
}

async function peaks(
  rig: Rig,
  server: HttpServerName,
  runtime: RuntimeName,
  clients: Clients,
  effort: Effort,
): Promise<Result> {
  const found: number[] = [];
  let name = "";
  for (let round = 0; round < Math.min(effort.rounds, MAX_ROUNDS); round++) {
    const started = await rig.http(server, runtime, "stream");
    found.push(await peakMiB(rig, started.program.pid, started.port, clients));
    name = `${started.name}, ${clients.name}`;
    await rig.stop(started);
  }
  const bound: Bound = server === "ours" ? BOUNDS.memory[runtime] : null;
  const subject = { row: "memory", runtime, ours: name, against: `${LIMIT_MIB} MiB above idle`, bound, unit: "MiB" };
  return compareValues(subject, found, found.map(() => LIMIT_MIB));
}

async function peakMiB(rig: Rig, pid: number, port: number, { conns, mibPerSecond }: Clients): Promise<number> {
  const job: HttpJob = { job: "http", exchange: "stream", conns, inFlight: 1, count: "MiB", mibPerSecond };
  const idle = await settledKiB(pid);
  resetPeak(pid);
  await rig.measure({ ...job, port, pid, warmUpMs: 0, ms: MS });
  return (peakKiB(pid) - idle) / 1024;
}

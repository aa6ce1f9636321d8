/**
 * A server that replaces its workers on SIGHUP, rightly or wrongly: `reloader.ts MODE KIND [PATH]` (tcp, http, ws), on
 * the port in PORT or at the path. Workers that die are replaced; SIGTERM ends them and it.
 *
 * @module
 */
import cluster, { type Worker } from "node:cluster";
import process from "node:process";
import { serveOut } from "./worker.ts";

/** How it reloads. */
export type Mode =
  /** One socket for all: a new worker listens before the old one is told to go. */
  | "shared"
  /** The old worker is gone before the new one listens. */
  | "gap"
  /** Like `shared`, but an old worker drops what it has. */
  | "hasty"
  /** A socket for each worker: with it dies what waits in its queue. */
  | "reusePort"
  /** When one worker dies, all others are killed as well. */
  | "panics"
  /** It has never heard of the signal, which ends it. */
  | "unaware";

/** Two share the load, but for the one that leaves a gap. */
const WORKERS = 2;

const [mode, kind, path = ""] = process.argv.slice(2) as [Mode, string, string?];
const reuse = mode === "reusePort";
let stopping = false;
let reload: Promise<void> = Promise.resolve();

const retired = new Set<Worker>();

function current(): Worker[] {
  return Object.values(cluster.workers!).filter((worker) => worker !== undefined && !retired.has(worker)) as Worker[];
}

/** Starts workers, and lets them listen when all of them are up: the first one is not alone for long. */
async function start(count: number = 1): Promise<void> {
  const workers = Array.from({ length: count }, () => cluster.fork());
  await Promise.all(workers.map(said));
  const listening = workers.map(said);
  for (const worker of workers) worker.send("listen");
  await Promise.all(listening);
}

/** Not the cluster's "listening": a socket of a worker's own is none of the cluster's. */
function said(worker: Worker): Promise<void> {
  return new Promise((resolve) => worker.once("message", () => resolve()));
}

function retire(worker: Worker): Promise<void> {
  retired.add(worker);
  worker.process.kill("SIGTERM");
  return new Promise((resolve) => worker.once("exit", () => resolve()));
}

async function replaceAll(): Promise<void> {
  for (const worker of current()) {
    if (mode === "gap") await retire(worker);
    await start();
    if (mode !== "gap") void retire(worker);
  }
}

async function supervise(): Promise<void> {
  // The workers accept by themselves, from the one socket that this process keeps for them.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  if (mode !== "unaware") process.on("SIGHUP", () => reload = reload.then(replaceAll));
  process.on("SIGTERM", () => {
    stopping = true;
    for (const worker of current()) void retire(worker);
    leaveIfAlone();
  });
  cluster.on("exit", (worker) => {
    if (!stopping && !retired.has(worker)) replaceDead();
    retired.delete(worker);
    leaveIfAlone();
  });
  await start(mode === "gap" ? 1 : WORKERS);
}

function replaceDead(): void {
  if (mode === "panics" && current().length > 0) { for (const worker of current()) worker.process.kill("SIGKILL"); }
  else void start(mode === "panics" ? WORKERS : 1);
}

function leaveIfAlone(): void {
  if (stopping && Object.keys(cluster.workers!).length === 0) process.exit(0);
}

if (cluster.isPrimary) await supervise();
else serveOut(kind, { port: Number(process.env.PORT), path, reuse, hasty: mode === "hasty" });

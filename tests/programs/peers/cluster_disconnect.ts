/**
 * Two workers of `node:cluster`, which on SIGHUP are replaced one after the other: a new one listens, then
 * `disconnect()` lets the old one end its connections.
 */
import cluster, { type Worker } from "node:cluster";
import { createServer } from "node:http";
import process from "node:process";
import { answerOnNode } from "./node_answer.ts";

const WORKERS = 2;

function start(): Promise<void> {
  const worker = cluster.fork();
  return new Promise((resolve) => worker.once("listening", () => resolve()));
}

async function replaceAll(): Promise<void> {
  for (const worker of Object.values(cluster.workers!) as Worker[]) {
    if (worker.exitedAfterDisconnect) continue;
    await start();
    worker.disconnect();
  }
}

if (cluster.isPrimary) {
  for (let i = 0; i < WORKERS; i++) await start();
  process.on("SIGHUP", () => void replaceAll());
  process.on("SIGTERM", () => cluster.disconnect(() => process.exit(0)));
} else {
  createServer(answerOnNode).listen(Number(process.env.PORT), "127.0.0.1");
}

/**
 * Two processes with sockets of their own on one address (`reusePort`, Node from 22.12 on), which on SIGHUP are replaced
 * one after the other: a new one listens, then the old one gets SIGTERM and calls `server.close()`.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createServer } from "node:http";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { answerOnNode } from "./node_answer.ts";

const PAIR = 2;

const children = new Set<ChildProcess>();
let stopping = false;

function start(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url));
  children.add(child);
  child.once("exit", () => {
    children.delete(child);
    if (stopping && children.size === 0) process.exit(0);
  });
  return new Promise((resolve) => child.once("message", () => resolve()));
}

async function replaceAll(): Promise<void> {
  for (const child of [...children].filter(({ killed }) => !killed)) {
    await start();
    child.kill("SIGTERM");
  }
}

if (process.send === undefined) {
  for (let i = 0; i < PAIR; i++) await start();
  process.on("SIGHUP", () => void replaceAll());
  process.on("SIGTERM", () => {
    stopping = true;
    for (const child of children) child.kill("SIGTERM");
  });
} else {
  const server = createServer(answerOnNode);
  const options: Parameters<typeof server.listen>[0] & { reusePort: boolean } = {
    port: Number(process.env.PORT),
    host: "127.0.0.1",
    reusePort: true,
  };
  server.listen(options, () => process.send!("listening"));
  process.on("SIGTERM", () => {
    server.close();
    process.disconnect();
  });
}

/**
 * Finds out who has started this process, and whether they hold sockets for it.
 *
 * @module
 */
import process from "node:process";
import { SOCKETS_VARIABLE, SUPERVISOR_VARIABLE, WORKER_VARIABLE } from "../../../src/parent.ts";
import type { ParentAccess, ProcessParent } from "./process_parent.ts";

/** Null if nobody holds anything for this process. Nothing is loaded then. */
export async function findParent(access: ParentAccess): Promise<ProcessParent | null> {
  const { env } = access;
  if (env(WORKER_VARIABLE) !== undefined && typeof process.send === "function" && isOurs(env)) {
    const { Supervised } = await import("./supervised.ts");
    const over = Number(env(SOCKETS_VARIABLE) ?? -1);
    return new Supervised(over < 0 || !access.receive ? null : () => access.receive!(over));
  }
  if (env("LISTEN_FDS") === undefined && env("NOTIFY_SOCKET") === undefined) return null;
  const { SystemdParent } = await import("./systemd.ts");
  return SystemdParent.find(env);
}

/** A child that a worker has forked has a channel, too: to the worker. */
function isOurs(env: ParentAccess["env"]): boolean {
  return !process.connected || Number(env(SUPERVISOR_VARIABLE)) === process.ppid;
}

/** This process's environment. */
export function readVariable(name: string): string | undefined {
  return process.env[name];
}

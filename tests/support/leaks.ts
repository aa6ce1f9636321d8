/**
 * Counts what a suite leaves open. The runtimes' own leak checks don't see `node:test`.
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** How long closed sockets may take to leave the process, in milliseconds. */
const SETTLE = 3_000;

/**
 * The sockets that this process has open, as the kernel names them: `socket:[inode]`. Unix sockets without a path are
 * left out: they are the pipes to child processes, such as the compiler that the loader starts when it needs it.
 */
export function openSockets(): Set<string> {
  const sockets = new Set<string>();
  const pipes = unnamedUnixSockets();
  for (const fd of readdirSync("/proc/self/fd")) {
    const target = targetOf(fd);
    if (target.startsWith("socket:") && !pipes.has(target)) sockets.add(target);
  }
  return sockets;
}

/** Number of descriptors that this process has open, of any kind. */
export function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** A pair of hooks: `before(leaks.before)` notes the open sockets, `after(leaks.after)` fails if there are new ones. */
export interface LeakCheck {
  before(): void;
  after(): Promise<void>;
}

/**
 * Watches a suite for sockets that it opened and did not close.
 *
 * @example
 * ```ts
 * const leaks = leakCheck();
 * before(leaks.before);
 * after(leaks.after);
 * ```
 */
export function leakCheck(settle: number = SETTLE): LeakCheck {
  let baseline = new Set<string>();
  const fresh = () => [...openSockets()].filter((socket) => !baseline.has(socket));
  return {
    before(): void {
      baseline = openSockets();
    },
    async after(): Promise<void> {
      const end = performance.now() + settle;
      while (fresh().length > 0 && performance.now() < end) await delay(10);
      const leaked = fresh();
      if (leaked.length > 0) throw new Error(`${leaked.length} sockets left open:\n${leaked.map(describe).join("\n")}`);
    },
  };
}

/** The descriptor may be gone between listing and reading: the listing itself opens one. */
function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}

/** The kernel's table has the inode in the seventh column and the path, if there is one, in the eighth. */
function unnamedUnixSockets(): Set<string> {
  const rows = readFileSync("/proc/self/net/unix", "utf8").trim().split("\n").slice(1).map((row) => row.split(/\s+/));
  return new Set(rows.filter((columns) => columns[7] === undefined).map((columns) => `socket:[${columns[6]}]`));
}

/** Adds the kernel's line for a TCP or Unix socket, which shows its ports and its state. */
function describe(socket: string): string {
  const inode = socket.slice("socket:[".length, -1);
  for (const table of ["tcp", "tcp6", "unix"]) {
    const line = readFileSync(`/proc/self/net/${table}`, "utf8").split("\n").find((l) =>
      l.split(/\s+/).includes(inode)
    );
    if (line !== undefined) return `${socket} ${table} ${line.trim()}`;
  }
  return socket;
}

/**
 * Which processes of a server hold its clients' connections: what the kernel's tables say of it (Linux).
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import process from "node:process";
import type { Place } from "../places.ts";

/** Its number in the kernel's tables of TCP, where 0A listens. */
const ESTABLISHED = "01";
/** The same of Unix sockets, by SS_CONNECTED. */
const CONNECTED = "03";
/** The accepting end of a connection. */
const TABLES = ["tcp", "tcp6"] as const;

/** A server's descendants that hold connections of its clients: whatever else it has started is no worker. */
export function workersOf(pid: number, place: Place): number[] {
  const inodes = connectionsAt(pid, place);
  return descendantsOf(pid).filter((child) => holdsAny(child, inodes));
}

/** Whether a process runs: one that is dead and waited for by nobody does not. */
export function isRunning(pid: number): boolean {
  const state = /^State:\s+(\S)/m.exec(read(`/proc/${pid}/status`))?.[1];
  return state !== undefined && state !== "Z" && state !== "X";
}

/** This system tells which processes hold what. */
export function knowsWorkers(): boolean {
  return childrenPath(process.pid) !== null;
}

/** The inodes of established connections to a port, out of the kernel's table of TCP. */
export function tcpInodes(table: string, port: number): Set<string> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = table.split("\n").map((row) => row.trim().split(/\s+/));
  const ours = rows.filter(([, address, , state]) => address?.endsWith(local) && state === ESTABLISHED);
  return inodes(ours.map((cells) => cells[9]));
}

/** The inodes of established connections to a path, out of the kernel's table of Unix sockets. */
export function unixInodes(table: string, path: string): Set<string> {
  const rows = table.split("\n").map((row) => row.trim().split(/\s+/));
  return inodes(rows.filter((cells) => cells[7] === path && cells[5] === CONNECTED).map((cells) => cells[6]));
}

/** One that waits to be accepted has none: it is 0. */
function inodes(found: readonly string[]): Set<string> {
  return new Set(found.filter((inode) => inode !== undefined && inode !== "0"));
}

function connectionsAt(pid: number, { port, path }: Place): Set<string> {
  if (path !== undefined) return unixInodes(read(`/proc/${pid}/net/unix`), path);
  return new Set(TABLES.flatMap((name) => [...tcpInodes(read(`/proc/${pid}/net/${name}`), port!)]));
}

function holdsAny(pid: number, wanted: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => wanted.has(inodeOf(`/proc/${pid}/fd/${fd}`)));
  } catch {
    // It has ended meanwhile, or is somebody else's.
    return false;
  }
}

function inodeOf(path: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1] ?? "";
  } catch {
    // It was closed between the two looks.
    return "";
  }
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Children of all threads: a runtime may start processes from any of its own. */
function childrenOf(pid: number): number[] {
  let threads: string[] = [];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    // It has ended.
  }
  return threads.flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).split(" "))
    .filter((word) => /^\d+$/.test(word.trim())).map(Number);
}

function childrenPath(pid: number): string | null {
  const path = `/proc/${pid}/task/${pid}/children`;
  try {
    readFileSync(path);
    return path;
  } catch {
    return null;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/**
 * Which processes of a server hold its clients' connections: what the kernel's tables say of it (Linux).
 *
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import type { Place } from "../places.ts";

/** Its number in the kernel's tables of TCP, where 0A listens. */
const ESTABLISHED = "01";
const TABLES = ["tcp", "tcp6"] as const;

/** The accepting ends of connections by inode, each with its client's port. */
export type Connections = ReadonlyMap<string, number>;

/**
 * Of a server's descendants the one that holds most connections of its clients; undefined while none holds any. Workers
 * that share a socket share its connections as unevenly as the kernel wakes them: with another one nothing may be at
 * stake.
 */
export function busiestWorker(pid: number, place: Place): number | undefined {
  const connections = connectionsAt(pid, place);
  const load = new Map(descendantsOf(pid).map((child) => [child, heldBy(child, connections).length]));
  const [busiest] = [...load].filter(([, held]) => held > 0).sort(([, a], [, b]) => b - a);
  return busiest?.[0];
}

/** How many processes a server has started, and how many connections of its clients the kernel knows. */
export function censusOf(pid: number, place: Place): { readonly processes: number; readonly connections: number } {
  return { processes: descendantsOf(pid).length, connections: connectionsAt(pid, place).size };
}

/** The ports of the clients whose connections a process holds; null where they have none. */
export function clientsOf(pid: number, place: Place): ReadonlySet<number> | null {
  if (place.path !== undefined) return null;
  return new Set(heldBy(pid, connectionsAt(pid, place)));
}

/** Whether a process stands still: it was told to, and has come to it. */
export function isStopped(pid: number): boolean {
  return stateOf(pid) === "T";
}

/** Whether a process runs: one that is dead and waited for by nobody does not. */
export function isRunning(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== "Z" && state !== "X";
}

/** This system tells which processes hold what. */
export function knowsWorkers(): boolean {
  return childrenPath(process.pid) !== null;
}

/** Established connections to a port by inode, with their clients' ports, out of the kernel's table of TCP. */
export function tcpConnections(table: string, port: number): Connections {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = table.split("\n").map((row) => row.trim().split(/\s+/));
  const ours = rows.filter(([, address, , state]) => address?.endsWith(local) && state === ESTABLISHED);
  return accepted(ours.map(([, , remote, ...cells]) => [cells[6], Number.parseInt(remote.split(":").pop()!, 16)]));
}

/**
 * Sockets at a path by inode, out of the kernel's table of Unix sockets: accepted ones, whose clients have no port, and
 * the listening one, which who accepts from it holds as well.
 *
 * @param from Where the server's process stands. The table has a path as it was bound, and `node:cluster` binds by the
 * way from there where that is shorter (issue 12).
 */
export function unixSockets(table: string, path: string, from: string): Connections {
  const rows = table.split("\n").map((row) => row.trim().split(/\s+/));
  const ours = rows.filter((cells) => cells[7] !== undefined && resolve(from, cells[7]) === path);
  return accepted(ours.map((cells) => [cells[6], 0]));
}

/** One that waits to be accepted has no inode: it is 0. */
function accepted(found: readonly (readonly [inode: string, port: number])[]): Connections {
  return new Map(found.filter(([inode]) => inode !== undefined && inode !== "0"));
}

function connectionsAt(pid: number, { port, path }: Place): Connections {
  if (path !== undefined) return unixSockets(read(`/proc/${pid}/net/unix`), resolve(path), standsAt(pid));
  return new Map(TABLES.flatMap((name) => [...tcpConnections(read(`/proc/${pid}/net/${name}`), port!)]));
}

/** Ports of the connections that a process holds. */
function heldBy(pid: number, connections: Connections): number[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => connections.get(inodeOf(`/proc/${pid}/fd/${fd}`)) ?? []);
  } catch {
    // It has ended meanwhile, or is somebody else's.
    return [];
  }
}

/** The letter that the kernel gives it; undefined if there is no such process. */
function stateOf(pid: number): string | undefined {
  return /^State:\s+(\S)/m.exec(read(`/proc/${pid}/status`))?.[1];
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

function standsAt(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // It has ended, and holds nothing.
    return "/";
  }
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

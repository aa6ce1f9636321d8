/**
 * What a process is busy with at the moment when it runs out of something.
 *
 * @module
 */
import { formatAddress } from "../address.ts";
import type { Conn, ServerStats } from "../../mod.ts";
import type { Aged } from "./busy_view.ts";
import type { ResourceSample, ResourceWarning, UnavailableResource, WatchedConn, WatchedServer } from "./watch_api.ts";

/** Entries of each list. */
const MOST = 50;

/** A connection and what it has in this process. */
export interface BufferedConn {
  /** Its server's name. */
  readonly server: string;
  /** Its number within the server. */
  readonly id: number;
  /** The peer's address. */
  readonly peer: string;
  /** Its state. */
  readonly state: Conn["state"];
  /** Bytes written and not handed to the kernel. */
  readonly unsent: number;
}

/** One server at that moment. */
export interface ServerReport {
  /** Its name. */
  readonly name: string;
  /** Its state. */
  readonly state: WatchedServer["state"];
  /** Its counters. */
  readonly stats: ServerStats | null;
  /** How many of its open connections are in which state. */
  readonly connections: Readonly<Record<string, number>>;
  /** How many of the busy ones wait for what. */
  readonly waitsFor: Readonly<Record<string, number>>;
  /** Bytes of all of them that were written and not handed to the kernel. */
  readonly unsent: number;
}

/** What a report has in it; durations in ms. */
export interface ResourceReport {
  /** When it was made, as ISO 8601 has it. */
  readonly at: string;
  /** What has run out. */
  readonly warning: Omit<ResourceWarning, "connections">;
  /** All resources at that moment, and before: the oldest first. */
  readonly samples: readonly ResourceSample[];
  /** What can't be told here. */
  readonly unavailable: readonly UnavailableResource[];
  /** Each server. */
  readonly servers: readonly ServerReport[];
  /** Connections with the most bytes unsent. */
  readonly largestBuffers: readonly BufferedConn[];
  /** Handlers that have been running for longest. */
  readonly oldestHandlers: readonly WatchedConn[];
  /** Connections whose bytes have stood still for longest. */
  readonly longestStalls: readonly WatchedConn[];
}

/** What a report is made of. */
export interface ReportSources {
  readonly wall: number;
  readonly warning: ResourceWarning;
  readonly samples: readonly ResourceSample[];
  readonly unavailable: readonly UnavailableResource[];
  readonly servers: readonly WatchedServer[];
  readonly handlers: readonly Aged[];
  readonly stalls: readonly Aged[];
}

/** Looks at every connection once. */
export function reportOf(sources: ReportSources): ResourceReport {
  const { warning: { connections: _, ...warning }, samples, unavailable } = sources;
  const buffers: BufferedConn[] = [];
  const servers = sources.servers.map((server) => serverReport(server, buffers));
  return {
    at: new Date(sources.wall).toISOString(),
    warning,
    samples,
    unavailable,
    servers,
    largestBuffers: largest(buffers),
    oldestHandlers: sources.handlers.slice(0, MOST).map(({ conn }) => conn),
    longestStalls: sources.stalls.slice(0, MOST).map(({ conn }) => conn),
  };
}

function serverReport(server: WatchedServer, buffers: BufferedConn[]): ServerReport {
  const connections: Record<string, number> = {};
  const waitsFor: Record<string, number> = {};
  let all = 0;
  for (const conn of server.connections ?? []) {
    add(connections, conn.state);
    const unsent = conn.bytesWritten - conn.bytesFlushed;
    if (unsent <= 0) continue;
    all += unsent;
    buffers.push({ server: server.name, id: conn.id, peer: formatAddress(conn.remote), state: conn.state, unsent });
    if (buffers.length >= 4 * MOST) buffers.splice(0, Infinity, ...largest(buffers));
  }
  for (const conn of server.busy()) add(waitsFor, conn.waitsFor);
  return { name: server.name, state: server.state, stats: server.stats ?? null, connections, waitsFor, unsent: all };
}

function add(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function largest(buffers: BufferedConn[]): BufferedConn[] {
  return buffers.sort((a, b) => b.unsent - a.unsent).slice(0, MOST);
}

/** The report as text that fits: lists are halved until it does. */
export function reportText(report: ResourceReport, maxBytes: number): Uint8Array {
  const encoder = new TextEncoder();
  for (let shown = report;;) {
    const bytes = encoder.encode(`${JSON.stringify(shown, null, 2)}\n`);
    const fewer = halved(shown);
    if (bytes.length <= maxBytes || fewer === null) return bytes.subarray(0, maxBytes);
    shown = fewer;
  }
}

/** Null if there is nothing left to leave out. */
function halved(report: ResourceReport): ResourceReport | null {
  const { samples, servers, largestBuffers, oldestHandlers, longestStalls } = report;
  const lists = [samples, servers, largestBuffers, oldestHandlers, longestStalls];
  if (lists.every((list) => list.length === 0)) return null;
  const half = <T>(list: readonly T[]): T[] => list.slice(0, list.length >> 1);
  return {
    ...report,
    // Those before it tell how it came.
    samples: samples.slice((samples.length + 1) >> 1),
    servers: half(servers),
    largestBuffers: half(largestBuffers),
    oldestHandlers: half(oldestHandlers),
    longestStalls: half(longestStalls),
  };
}

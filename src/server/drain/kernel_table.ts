/**
 * Linux's table of TCP sockets: what the peers' kernels have not acknowledged.
 *
 * @module
 */
import type { Address } from "../../endpoint.ts";
import { normalizeIp } from "../../address.ts";

/** Bytes (a FIN counts as one) that the peer's kernel has not acknowledged, by `connKey`. */
export type KernelTable = ReadonlyMap<string, number>;

/** What Linux adds to a round trip before it sends again (TCP_RTO_MIN), in ms. */
const LEAST_MARGIN = 200;

/** Names a connection by both its ends. */
export function connKey(local: Address, remote: Address): string {
  if (local.transport === "unix" || remote.transport === "unix") return "";
  return `${normalizeIp(local.hostname)}|${local.port}|${normalizeIp(remote.hostname)}|${remote.port}`;
}

/** What one line of the table says. */
interface TableLine {
  readonly key: string;
  readonly unacknowledged: number;
  /** In ms; 0 if the kernel has not measured it. */
  readonly roundTrip: number;
}

/**
 * Parses the text of `/proc/net/tcp` and `/proc/net/tcp6` (man 5 proc), as far as it concerns these local ports: the
 * table lists every socket of the machine, and may be long.
 */
export function parseKernelTable(text: string, ports: Iterable<number>): KernelTable {
  const unacknowledged = new Map<string, number>();
  for (const line of tableLines(text, ports)) unacknowledged.set(line.key, line.unacknowledged);
  return unacknowledged;
}

/** The round trips that the kernel has measured, in ms by `connKey`, one after the other as they are found. */
export function* parseRoundTrips(text: string, ports: Iterable<number>): Generator<readonly [string, number]> {
  for (const { key, roundTrip } of tableLines(text, ports)) if (roundTrip > 0) yield [key, roundTrip];
}

function* tableLines(text: string, ports: Iterable<number>): Generator<TableLine> {
  for (const port of ports) {
    const needle = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
    for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + needle.length)) {
      const lineEnd = text.indexOf("\n", at);
      const line = text.slice(text.lastIndexOf("\n", at) + 1, lineEnd === -1 ? text.length : lineEnd);
      const fields = line.trim().split(/\s+/);
      const [, local, remote, , queues] = fields;
      if (queues === undefined || !`${local} `.endsWith(needle)) continue;
      const unacknowledged = parseInt(queues.split(":")[0], 16);
      yield { key: `${endpoint(local)}|${endpoint(remote)}`, unacknowledged, roundTrip: roundTripOf(fields[12]) };
    }
  }
}

/** A retransmission timeout is the smoothed round trip and at least 200 ms more; the table counts in hundredths. */
function roundTripOf(timeout: string | undefined): number {
  return Math.max(0, (Number(timeout) || 0) * 10 - LEAST_MARGIN);
}

function endpoint(field: string): string {
  const [ip, port] = field.split(":");
  return `${ipOf(ip)}|${parseInt(port, 16)}`;
}

/** The kernel prints each 32-bit word in the machine's byte order: little-endian on all that the runtimes run on. */
function ipOf(hex: string): string {
  const bytes: number[] = [];
  for (let word = 0; word < hex.length; word += 8) {
    for (let i = 6; i >= 0; i -= 2) bytes.push(parseInt(hex.slice(word + i, word + i + 2), 16));
  }
  if (bytes.length === 4) return bytes.join(".");
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i] * 256 + bytes[i + 1]).toString(16));
  return normalizeIp(groups.join(":"));
}

/**
 * Linux's table of TCP sockets: what the peers' kernels have not acknowledged.
 *
 * @module
 */
import type { Address } from "../socket.ts";
import { normalizeIp } from "./address.ts";

/** Bytes (a FIN counts as one) that the peer's kernel has not acknowledged, by `connKey`. */
export type KernelTable = ReadonlyMap<string, number>;

/** Names a connection by both its ends. */
export function connKey(local: Address, remote: Address): string {
  if (local.transport === "unix" || remote.transport === "unix") return "";
  return `${normalizeIp(local.hostname)}|${local.port}|${normalizeIp(remote.hostname)}|${remote.port}`;
}

/**
 * Parses the text of `/proc/net/tcp` and `/proc/net/tcp6` (man 5 proc), as far as it concerns these local ports: the
 * table lists every socket of the machine, and may be long.
 */
export function parseKernelTable(text: string, ports: Iterable<number>): KernelTable {
  const unacknowledged = new Map<string, number>();
  for (const port of ports) {
    const needle = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
    for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + needle.length)) {
      const lineEnd = text.indexOf("\n", at);
      const line = text.slice(text.lastIndexOf("\n", at) + 1, lineEnd === -1 ? text.length : lineEnd);
      const [, local, remote, , queues] = line.trim().split(/\s+/);
      if (queues === undefined || !`${local} `.endsWith(needle)) continue;
      unacknowledged.set(`${endpoint(local)}|${endpoint(remote)}`, parseInt(queues.split(":")[0], 16));
    }
  }
  return unacknowledged;
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

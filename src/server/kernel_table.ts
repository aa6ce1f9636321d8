/**
 * Linux's table of TCP sockets: what the peer's kernel has not acknowledged, and who waits to be accepted.
 *
 * @module
 */
import type { Address } from "../socket.ts";
import { normalizeIp } from "./address.ts";

/** Socket state LISTEN in the table's `st` column. */
const LISTEN = "0A";

/** One parsed table. */
export interface KernelTable {
  /** Bytes (and FIN) that the peer's kernel has not acknowledged, by `connKey`. */
  readonly unacknowledged: ReadonlyMap<string, number>;
  /** Length of the accept queue by port. */
  readonly acceptQueue: ReadonlyMap<number, number>;
}

/** Names a connection by both its ends. */
export function connKey(local: Address, remote: Address): string {
  if (local.transport === "unix" || remote.transport === "unix") return "";
  return `${normalizeIp(local.hostname)}|${local.port}|${normalizeIp(remote.hostname)}|${remote.port}`;
}

/** Parses the text of `/proc/net/tcp` and `/proc/net/tcp6` (man 5 proc). */
export function parseKernelTable(text: string): KernelTable {
  const unacknowledged = new Map<string, number>();
  const acceptQueue = new Map<number, number>();
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (fields.length < 5 || !fields[0].endsWith(":")) continue;
    const local = endpoint(fields[1]);
    const [sent, received] = fields[4].split(":").map((hex) => parseInt(hex, 16));
    if (fields[3] === LISTEN) {
      acceptQueue.set(local.port, (acceptQueue.get(local.port) ?? 0) + received);
    } else {
      const remote = endpoint(fields[2]);
      unacknowledged.set(`${local.ip}|${local.port}|${remote.ip}|${remote.port}`, sent);
    }
  }
  return { unacknowledged, acceptQueue };
}

function endpoint(field: string): { ip: string; port: number } {
  const [ip, port] = field.split(":");
  return { ip: ipOf(ip), port: parseInt(port, 16) };
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

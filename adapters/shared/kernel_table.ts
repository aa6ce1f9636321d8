/**
 * Reads the kernel's TCP tables, through `node:fs`, which all three runtimes have.
 *
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import type { Address } from "../../src/endpoint.ts";

/** The files of IPv4 and IPv6. */
export const TABLES: readonly string[] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

const READ_SIZE = 65_536;
/** Length of a row of IPv4; one of IPv6 is a little longer. */
const ROW_SIZE = 150;
/** Socket state in the column `st`. */
const LISTEN = "0A";
/** The tables grow with every socket of the machine; this is about a hundred thousand. */
const MAX_SIZE = 16 << 20;

/** Both tables as text; null where there are none. */
export async function readTables(): Promise<string | null> {
  const [tcp, tcp6] = await Promise.all(TABLES.map(readTable));
  return tcp === null ? null : tcp + (tcp6 ?? "");
}

/**
 * The length of a listener's accept queue; null if it is not in the tables. Another process may have the same port at
 * another address.
 */
export function readAcceptQueue(address: Address): number | null {
  if (address.transport === "unix") return null;
  const { hostname, port } = address;
  const place = `${printed(hostname)}:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const row = findListener(TABLES[hostname.includes(":") ? 1 : 0], (row) => row[1] === place);
  return row === null ? null : parseInt(row[4].split(":")[1], 16);
}

/** Where a listener is bound of which only the inode is known; null if it is not in the tables. */
export function listenerOf(inode: string): Address | null {
  for (const table of TABLES) {
    const row = findListener(table, (row) => row[9] === inode);
    if (row === null) continue;
    const [host, port] = row[1].split(":");
    return { transport: "tcp", hostname: readIp(host), port: parseInt(port, 16) };
  }
  return null;
}

/** An IP address as the tables have it. */
function printed(ip: string): string {
  return swapped(bytesOf(ip)).map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join("");
}

/** The reverse. */
function readIp(text: string): string {
  const bytes = swapped((text.match(/../g) ?? []).map((byte) => parseInt(byte, 16)));
  if (bytes.length === 4) return bytes.join(".");
  return compressed(Array.from({ length: 8 }, (_, i) => (bytes[2 * i] << 8) | bytes[2 * i + 1]));
}

/** Each 32-bit word in the machine's byte order, which is little-endian here. */
function swapped(bytes: readonly number[]): number[] {
  return bytes.map((_, i) => bytes[(i & ~3) + 3 - (i & 3)]);
}

/** As RFC 5952 writes it: the longest run of zeros is left out. */
function compressed(groups: readonly number[]): string {
  let [from, length] = [0, 0];
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > length) [from, length] = [start, end - start];
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  return length < 2 ? text(groups) : `${text(groups.slice(0, from))}::${text(groups.slice(from + length))}`;
}

/** The bytes of an IP address as text. */
export function ipBytes(ip: string): Uint8Array {
  return Uint8Array.from(bytesOf(ip));
}

function bytesOf(ip: string): number[] {
  if (!ip.includes(":")) return ip.split(".").map(Number);
  const [head, tail = ""] = ip.split("%")[0].split("::").map((half) => half === "" ? [] : half.split(":"));
  const groups = [...head, ...new Array<string>(8 - head.length - tail.length).fill("0"), ...tail];
  return groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]);
}

/** The row of a listening socket, as fields. Listening sockets come first. */
function findListener(path: string, isIt: (row: readonly string[]) => boolean): string[] | null {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return null;
  }
  try {
    for (const line of rowsOf(file)) {
      const row = line.trim().split(/\s+/);
      if (row[0] === "sl") continue;
      if (row[3] !== LISTEN) return null;
      if (isIt(row)) return row;
    }
    return null;
  } finally {
    closeSync(file);
  }
}

/** Row by row: a larger read makes the kernel walk through its whole hash of connections, for tens of ms. */
function* rowsOf(file: number): Generator<string> {
  const buffer = new Uint8Array(ROW_SIZE);
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const read = readSync(file, buffer, 0, ROW_SIZE, null);
    if (read === 0) return;
    const lines = (text + decoder.decode(buffer.subarray(0, read))).split("\n");
    text = lines.pop()!;
    yield* lines;
  }
}

async function readTable(path: string): Promise<string | null> {
  try {
    // Bun takes milliseconds to load it, and a start needs none of it.
    const { open } = await import("node:fs/promises");
    const file = await open(path);
    try {
      // Files under /proc have no size to go by.
      const buffer = new Uint8Array(READ_SIZE);
      const decoder = new TextDecoder();
      let text = "";
      while (text.length < MAX_SIZE) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
        if (bytesRead === 0) break;
        text += decoder.decode(buffer.subarray(0, bytesRead));
      }
      return text;
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
}

/**
 * Where a socket is bound of which only the descriptor is known: the kernel's tables name it by its inode. Asking the
 * socket itself would take a system call that none of the runtimes has.
 *
 * @module
 */
import { readFileSync, readlinkSync } from "node:fs";
import type { Address } from "../../../src/endpoint.ts";

/** The address of a descriptor's socket; null if it is none, or the tables can't be read. */
export function boundAt(fd: number): Address | null {
  try {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`)) ?? [];
    if (inode === undefined) return null;
    return tcpOf("/proc/self/net/tcp", inode) ?? tcpOf("/proc/self/net/tcp6", inode) ?? unixOf(inode);
  } catch {
    return null;
  }
}

function tcpOf(path: string, inode: string): Address | null {
  for (const line of linesOf(path)) {
    const fields = line.trim().split(/\s+/);
    if (fields[9] !== inode) continue;
    const [host, port] = fields[1].split(":");
    return { transport: "tcp", hostname: ipOf(host), port: parseInt(port, 16) };
  }
  return null;
}

function unixOf(inode: string): Address | null {
  for (const line of linesOf("/proc/self/net/unix")) {
    const fields = line.trim().split(/\s+/);
    if (fields[6] === inode && fields[7] !== undefined) {
      return { transport: "unix", path: fields.slice(7).join(" ") };
    }
  }
  return null;
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, "utf8").split("\n").slice(1);
  } catch {
    return [];
  }
}

/** Words of 32 bits in the machine's byte order, little-endian here, as an address. */
function ipOf(hex: string): string {
  const bytes = (hex.match(/../g) ?? []).map((byte) => parseInt(byte, 16));
  const ordered = bytes.map((_, i) => bytes[(i & ~3) + 3 - (i & 3)]);
  if (ordered.length === 4) return ordered.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (ordered[2 * i] << 8) | ordered[2 * i + 1]);
  return compressed(groups);
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

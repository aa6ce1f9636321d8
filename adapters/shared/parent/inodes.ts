/**
 * Where a socket is bound of which only the descriptor is known: the kernel's tables name it by its inode. Asking the
 * socket itself would take a system call that none of the runtimes has.
 *
 * @module
 */
import { readFileSync, readlinkSync } from "node:fs";
import type { Address } from "../../../src/endpoint.ts";
import { listenerOf } from "../kernel_table.ts";

/** The address of a listening descriptor; null if it is none, or the tables can't be read. */
export function boundAt(fd: number): Address | null {
  try {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`)) ?? [];
    return inode === undefined ? null : listenerOf(inode) ?? unixOf(inode);
  } catch {
    return null;
  }
}

function unixOf(inode: string): Address | null {
  for (const line of readFileSync("/proc/self/net/unix", "utf8").split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields[6] === inode && fields[7] !== undefined) {
      return { transport: "unix", path: fields.slice(7).join(" ") };
    }
  }
  return null;
}

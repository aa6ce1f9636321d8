/**
 * Reads the kernel's TCP tables, through `node:fs`, which all three runtimes have.
 *
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";

/** The files of IPv4 and IPv6. */
export const TABLES: readonly string[] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

const READ_SIZE = 65_536;
/** The tables grow with every socket of the machine; this is about a hundred thousand. */
const MAX_SIZE = 16 << 20;

/** Both tables as text; null where there are none. */
export async function readTables(): Promise<string | null> {
  const [tcp, tcp6] = await Promise.all(TABLES.map(readTable));
  return tcp === null ? null : tcp + (tcp6 ?? "");
}

/** The beginning of both tables; the kernel lists the listening sockets first. Null where there are none. */
export function readListeners(): string | null {
  const [tcp, tcp6] = TABLES.map(readStart);
  return tcp === null ? null : tcp + (tcp6 ?? "");
}

function readStart(path: string): string | null {
  try {
    const file = openSync(path, "r");
    try {
      const buffer = new Uint8Array(READ_SIZE);
      let end = 0;
      // Each read gives a page at the most.
      for (let read = 1; read > 0 && end < buffer.length; end += read) {
        read = readSync(file, buffer, end, buffer.length - end, null);
      }
      return new TextDecoder().decode(buffer.subarray(0, end));
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

async function readTable(path: string): Promise<string | null> {
  try {
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

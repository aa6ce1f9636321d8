/**
 * Files by `node:fs`, which the three runtimes have.
 *
 * @module
 */
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FileAccess, FolderLock, OpenFile } from "../../src/files.ts";
import { lockFolder } from "./folder_lock.ts";

/** Linux makes a new one at each start of the machine. */
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** Files of this machine. */
export function fileAccess(): FileAccess {
  return new NodeFiles();
}

/**
 * One folder at a time: the `recursive` of Node 20 asks for ever where a parent is there that takes none, as `/proc`.
 *
 * @throws The system's error; `ENOTDIR` where something stands there that is no folder.
 */
async function makeFolder(path: string): Promise<void> {
  try {
    await makeOne(path);
  } catch (error) {
    const parent = dirname(path);
    if ((error as { code?: string }).code !== "ENOENT" || path === "" || parent === path) throw error;
    await makeFolder(parent);
    await makeOne(path);
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") throw error;
    // What is there is left as it is, whatever the system says to another of its name: EEXIST, EROFS, EACCES.
    const found = await stat(path).catch(() => null);
    if (found === null) throw error;
    if (!found.isDirectory()) throw Object.assign(new Error(`${path} is a file, no folder`), { code: "ENOTDIR" });
  }
}

class NodeFiles implements FileAccess {
  join(folder: string, name: string): string {
    return join(folder, name);
  }

  makeFolder(path: string): Promise<void> {
    return makeFolder(path);
  }

  list(folder: string): Promise<readonly string[]> {
    return readdir(folder);
  }

  async open(path: string, isNew: boolean): Promise<OpenFile> {
    return new NodeFile(await open(path, isNew ? "w+" : "r+", 0o600));
  }

  rename(from: string, to: string): Promise<void> {
    return rename(from, to);
  }

  remove(path: string): Promise<void> {
    return rm(path, { force: true });
  }

  async syncFolder(folder: string): Promise<void> {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  lock(folder: string): Promise<FolderLock | null> {
    return lockFolder(folder);
  }

  async bootId(): Promise<string | null> {
    try {
      return (await readFile(BOOT_ID, "utf8")).trim();
    } catch {
      return null;
    }
  }
}

class NodeFile implements OpenFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.read(into, 0, into.length, position)).bytesRead;
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    return (await this.#handle.write(bytes, 0, bytes.length, position)).bytesWritten;
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  truncate(length: number): Promise<void> {
    return this.#handle.truncate(length);
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

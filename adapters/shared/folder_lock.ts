/**
 * A folder for one process at a time, as long as that lives. What tells is the kernel: the process listens on a Unix
 * socket in the folder, and nobody answers there any more once it has died, however it has. A number of a process would
 * be another's by and by, and is not the same one in each container.
 *
 * Each process has a socket of its own name. It listens first, under a name that nobody looks at, then takes its place
 * among the others, and only then looks for them: of two that come together one sees the other at the least, and
 * whoever sees one that lives withdraws. So a socket that nobody answers at is dead, and never comes to life again.
 *
 * @module
 */
import { readdir, rename, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import type { FolderLock } from "../../src/files.ts";
import { checkListenPath } from "./unix_path.ts";

const HELD = "lock-";
const SOCKETS = /^(lock|coming)-[0-9a-f]+$/;

/** Nobody has it: the kernel refuses, or the file has gone meanwhile. */
const DEAD = ["ECONNREFUSED", "ENOENT"];

/** Takes a folder; null if a living process has it. @throws {ListenError} Its path is too long for a Unix socket. */
export async function lockFolder(folder: string): Promise<FolderLock | null> {
  const own = nameOfChance();
  const coming = join(folder, `coming-${own}`);
  checkListenPath({ transport: "unix", path: coming });
  const lock = new SocketLock(await listenAt(coming), join(folder, `lock-${own}`));
  try {
    const isPlaced = await place(coming, lock.path);
    if (isPlaced && !await othersLive(folder, `lock-${own}`)) return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
  await lock.release();
  return null;
}

function nameOfChance(): string {
  let hex = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(6))) hex += (byte + 0x100).toString(16).slice(1);
  return hex;
}

/** False where whoever has the folder has just cleared it. */
async function place(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    await rm(from, { force: true });
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
}

class SocketLock implements FolderLock {
  readonly #server: Server;
  readonly path: string;
  #isReleased = false;

  constructor(server: Server, path: string) {
    this.#server = server;
    this.path = path;
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    await rm(this.path, { force: true });
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function listenAt(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    // Whoever asks hears that somebody is there, which is all there is to say.
    const server = createServer((socket) => socket.on("error", () => {}).destroy());
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      server.unref();
      resolve(server);
    });
  });
}

/** Whether another one lives; if none does, the sockets of the dead are removed. */
async function othersLive(folder: string, own: string): Promise<boolean> {
  const dead: string[] = [];
  for (const name of await readdir(folder)) {
    if (name === own || !SOCKETS.test(name)) continue;
    if (!await answers(join(folder, name))) dead.push(name);
    else if (name.startsWith(HELD)) return true;
  }
  // One that is coming may be about to listen: it is too late in any case.
  for (const name of dead) await rm(join(folder, name), { force: true });
  return false;
}

/** Whether a process listens there. One that is too busy to answer does. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: Error & { code?: string }) => resolve(!DEAD.includes(error.code ?? "")));
  });
}

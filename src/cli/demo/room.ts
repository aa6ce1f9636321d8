/**
 * The room of `sluice demo`: its channels, and where their messages are.
 *
 * @module
 */
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Logger } from "../../../mod.ts";
import { type AcceptOptions, Channels, type ChannelsOptions, fileLog } from "../../channels/mod.ts";
import { DEFAULT_HTTP_PORT, type DemoOptions } from "../command_options.ts";
import { StartError } from "../usage_errors.ts";
import { runtime } from "./page.ts";
import { ROOM } from "./room_page.ts";

/** In place of a folder. */
const IN_MEMORY = "memory";

/** A day: who comes tomorrow sees what was said today. */
const HISTORY = { size: 2000, bytes: 4 * 1024 * 1024, age: 86_400_000 } as const;
/** How long a server may be away until its clients count as new ones; a tab that crashes stays a member for so long. */
const SESSION = { expiry: 60_000 } as const;
/** Of what signs places, in bytes. */
const SECRET_BYTES = 32;

/** Channels, and where their messages are. */
export interface Room {
  readonly channels: Channels;
  /** In words: `in /tmp/…`. */
  readonly where: string;
}

/**
 * Opens the log that was asked for. By default it is in a folder of the temporary ones, which belongs to the port: whoever
 * starts there again goes on.
 *
 * @throws {StartError} `--log` names a folder that can't be used.
 */
export async function openRoom(options: DemoOptions, logger: Logger): Promise<Room> {
  const { log: folder, httpPort = DEFAULT_HTTP_PORT } = options;
  if (folder?.trim() === "") {
    throw new StartError(
      `--log must be a folder, or ${IN_MEMORY}, got ${JSON.stringify(folder)}`,
      "Name one, or leave it out",
    );
  }
  if (folder === IN_MEMORY) return inMemory("as it was asked for", logger);
  if (folder !== undefined) {
    return await inFolder(folder, logger).catch((error) => {
      throw new StartError(`channels: ${reason(error)}`, hintOf(error), { cause: error });
    });
  }
  if (httpPort === 0) return inMemory("as the next start has another port", logger);
  if (!await mayUseFiles()) return inMemory("as files are not permitted", logger);
  try {
    return await inFolder(ownFolder(`sluice-demo-${userInfo().uid}-${httpPort}`), logger);
  } catch (error) {
    return inMemory(reason(error), logger);
  }
}

/** Who may do what: everybody everything, in this one channel. */
export function roomRules({ where }: Room): AcceptOptions {
  const server = { pid: process.pid, runtime: runtime(), log: where };
  return {
    authenticate: ({ token }) => token ? { user: token } : null,
    authorize: ({ channel }) => channel === ROOM,
    onCall: ({ method }) => method === "server" ? server : null,
  };
}

function inMemory(why: string, logger: Logger): Room {
  return { channels: channelsOf({ logger }), where: `in memory (${why}): gone when it ends` };
}

/** The log, and what signs its places, which must outlive the process as well. */
async function inFolder(folder: string, logger: Logger): Promise<Room> {
  const log = fileLog(join(folder, "log"), { logger });
  await log.open();
  // Whoever has the log is alone with the secret.
  return { channels: channelsOf({ log, secret: secretIn(folder), logger }), where: `in ${folder}` };
}

function channelsOf(options: ChannelsOptions): Channels {
  return new Channels({ history: HISTORY, session: SESSION, ...options });
}

function secretIn(folder: string): string {
  const path = join(folder, "secret");
  if (!existsSync(path)) {
    const secret = [...crypto.getRandomValues(new Uint8Array(SECRET_BYTES))].map((byte) => byte.toString(16)).join("");
    // In one step: half a secret would be there for good.
    writeFileSync(`${path}.new`, secret, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return readFileSync(path, "utf8");
}

/** Anybody may make a folder among the temporary ones: one of another user's, or a link, is not for us. */
function ownFolder(name: string): string {
  const folder = join(tmpdir(), name);
  if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
  const found = lstatSync(folder);
  if (found.isDirectory() && found.uid === userInfo().uid) return folder;
  throw new Error(`${folder} is another user's`);
}

/** Deno asks at the terminal for what it was not given; nobody should be asked for what he did not ask for. */
async function mayUseFiles(): Promise<boolean> {
  interface Permissions {
    query(what: { readonly name: string }): Promise<{ readonly state: string }>;
  }
  const { Deno } = globalThis as { readonly Deno?: { readonly permissions: Permissions } };
  if (Deno === undefined) return true;
  const wanted = ["read", "write", "env", "sys"].map((name) => Deno.permissions.query({ name }));
  return (await Promise.all(wanted)).every(({ state }) => state === "granted");
}

function hintOf(error: unknown): string {
  const { cause } = error as { readonly cause?: { readonly code?: string } };
  return `Choose ${cause?.code === "ENAMETOOLONG" ? "a folder with a shorter path" : "another folder"} with --log`;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

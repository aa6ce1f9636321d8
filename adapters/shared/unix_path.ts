/**
 * What runtimes don't see to where a Unix socket has a path: its length, and whose file it is at the end.
 *
 * Node cuts a path that is too long off without a word (20.20: it listens on, and connects to, what is left); Deno and
 * Bun say EINVAL. All of them remove the file when the listener closes, whoever's it is by then.
 *
 * @module
 */
import { chmodSync, lstatSync, renameSync, statSync, unlinkSync } from "node:fs";
import process from "node:process";
import { ConnectError, ListenError } from "../../src/errors.ts";
import type { Address } from "../../src/endpoint.ts";
import type { SocketListenOptions } from "../../src/socket.ts";

/** Bytes of `sun_path` without its final NUL. */
const MAX_BYTES = process.platform === "linux" ? 107 : 103;
const CODE = "ENAMETOOLONG";

/** @throws {ListenError} The path is longer than the system takes. */
export function checkListenPath(address: Address): void {
  const fault = faultOf(address);
  if (fault !== null) throw new ListenError(CODE, `Cannot listen on ${fault}`);
}

/** @throws {ConnectError} The path is longer than the system takes. */
export function checkConnectPath(address: Address): void {
  const fault = faultOf(address);
  if (fault !== null) throw new ConnectError(CODE, `Cannot connect to ${fault}`);
}

function faultOf(address: Address): string | null {
  if (address.transport !== "unix") return null;
  const { length } = new TextEncoder().encode(address.path);
  if (length <= MAX_BYTES) return null;
  return `${address.path}: the path of a Unix socket has at most ${MAX_BYTES} bytes here, this one has ${length}`;
}

/** Gives the file of a Unix socket its permissions. */
export function setMode({ address, mode }: SocketListenOptions): void {
  if (mode !== undefined && address.transport === "unix") chmodSync(address.path, mode);
}

/** The number of a Unix socket's file; -1 if none is there, or it can't be seen, and for other addresses. */
export function fileAt(address: Address): number {
  try {
    return address.transport === "unix" ? statSync(address.path).ino : -1;
  } catch {
    return -1;
  }
}

/**
 * Closes a listener, which removes the file at its path. If that has become another server's, it is out of the way for
 * these microseconds.
 *
 * @param own The number of the file that the listener made.
 */
export function closeBeside(address: Address, own: number, close: () => void): void {
  const there = fileAt(address);
  if (address.transport !== "unix" || there === own || there === -1) return close();
  const { path } = address;
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    // A folder that may not be written to any more keeps its files anyway.
    return close();
  }
  close();
  renameSync(aside, path);
}

/**
 * Binds, over the file of a dead server if one is in the way: a process that was killed leaves its own.
 *
 * @param bind Is called again when the file is gone.
 */
export async function overDead<T>(address: Address, bind: () => T | Promise<T>): Promise<T> {
  try {
    return await bind();
  } catch (error) {
    if ((error as { code?: string }).code !== "EADDRINUSE" || !(await isDead(address))) throw error;
  }
  if (address.transport === "unix") unlinkSync(address.path);
  return await bind();
}

/** True for a socket's file whose server is dead: connecting is refused. So it is at a plain file, which must stay. */
async function isDead(address: Address): Promise<boolean> {
  if (address.transport !== "unix" || !lstatSync(address.path, { throwIfNoEntry: false })?.isSocket()) return false;
  // A start needs none of it, and it takes Bun milliseconds.
  const { connect } = await import("node:net");
  return await new Promise((resolve) => {
    const probe = connect(address.path);
    const settle = (dead: boolean): void => {
      probe.destroy();
      resolve(dead);
    };
    probe.once("connect", () => settle(false));
    probe.once("error", (error: Error & { readonly code?: string }) => settle(error.code === "ECONNREFUSED"));
  });
}

/** Removes a Unix socket's file, unless somebody else has put another there. */
export function removeOwn(address: Address, file: number): void {
  if (address.transport !== "unix" || file === -1 || fileAt(address) !== file) return;
  try {
    unlinkSync(address.path);
  } catch {
    // Somebody was faster, or the folder may not be written to any more.
  }
}

/**
 * How long the path of a Unix socket may be. Node cuts a longer one off without a word (20.20: it listens on, and
 * connects to, what is left); Deno and Bun say EINVAL.
 *
 * @module
 */
import process from "node:process";
import { ConnectError, ListenError } from "../src/errors.ts";
import type { Address } from "../src/socket.ts";

/** Bytes of `sun_path` without its final NUL. */
const MAX_BYTES = process.platform === "linux" ? 107 : 103;
const CODE = "ENAMETOOLONG";

/** @throws {ListenError} The path is longer than the system takes. */
export function checkListenPath(address: Address): void {
  const fault = faultOf(address);
  if (fault !== null) throw new ListenError(CODE, `cannot listen on ${fault}`);
}

/** @throws {ConnectError} The path is longer than the system takes. */
export function checkConnectPath(address: Address): void {
  const fault = faultOf(address);
  if (fault !== null) throw new ConnectError(CODE, `cannot connect to ${fault}`);
}

function faultOf(address: Address): string | null {
  if (address.transport !== "unix") return null;
  const { length } = new TextEncoder().encode(address.path);
  if (length <= MAX_BYTES) return null;
  return `${address.path}: the path of a Unix socket has at most ${MAX_BYTES} bytes here, this one has ${length}`;
}

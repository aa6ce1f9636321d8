/**
 * One error for one fault of a listener, whichever runtime tells it, and through whichever of its modules.
 *
 * @module
 */
import { ListenError } from "../../src/errors.ts";
import type { Address } from "../../src/endpoint.ts";

/** Looks like an address, and not like a name. What `node:net` says of it takes Bun longer to load than all of this. */
const ADDRESS = /:|^[\d.]+$/;

/** What a listener at `address` throws for the runtime's `error`. */
export function listenError(address: Address, error: unknown): ListenError {
  const { message } = error as Error;
  const code = codeOf(address, error);
  const what = message.includes(code) ? message : `${code}, ${message}`;
  return new ListenError(code, `Cannot listen on ${describe(address)}: ${what}`, { cause: error });
}

/**
 * An address that is not this machine's is `EINVAL` to Deno (2.9.6), where the kernel, Node and Bun say
 * `EADDRNOTAVAIL`. A name that nobody knows has no code in Bun (1.4.5).
 */
function codeOf(address: Address, error: unknown): string {
  const { code } = error as { code?: string };
  const tcp = address.transport === "tcp";
  if (code !== undefined) return tcp && code === "EINVAL" ? "EADDRNOTAVAIL" : code;
  return tcp && !ADDRESS.test(address.hostname) ? "ENOTFOUND" : "ERR_LISTEN";
}

/** Where the socket is or should be, for a message. */
export function describe(address: Address): string {
  if (address.transport === "unix") return address.path;
  const { hostname, port } = address;
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

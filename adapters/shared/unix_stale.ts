/**
 * Files of Unix sockets that nobody listens on any more.
 *
 * @module
 */
import { statSync } from "node:fs";
import { connect } from "node:net";
import type { Address } from "../../src/endpoint.ts";

/** True for a socket's file whose server is dead: connecting to it is refused. A plain file must stay. */
export function isDead(address: Address): Promise<boolean> {
  if (address.transport !== "unix") return Promise.resolve(false);
  if (!statSync(address.path, { throwIfNoEntry: false })?.isSocket()) return Promise.resolve(false);
  return new Promise((resolve) => {
    const probe = connect(address.path);
    const settle = (dead: boolean): void => {
      probe.destroy();
      resolve(dead);
    };
    probe.once("connect", () => settle(false));
    probe.once("error", (error: Error & { readonly code?: string }) => settle(error.code === "ECONNREFUSED"));
  });
}

/**
 * Whether two addresses are one place to listen.
 *
 * @module
 */
import type { Address } from "./endpoint.ts";

/** All addresses of both versions of IP are one place, however they are written. */
const EVERYWHERE: readonly string[] = ["0.0.0.0", "::"];

/** True where who listens on the one listens on the other. */
export function isSamePlace(a: Address, b: Address): boolean {
  if (a.transport === "unix" || b.transport === "unix") {
    return a.transport === "unix" && b.transport === "unix" && a.path === b.path;
  }
  const alike = a.hostname === b.hostname || (EVERYWHERE.includes(a.hostname) && EVERYWHERE.includes(b.hostname));
  return alike && a.port === b.port;
}

/**
 * Subprotocols that say something of the client, and are no application's.
 *
 * @module
 */
import { HEARTBEAT_PROTOCOL } from "./beat.ts";
import { FAREWELL_PROTOCOL } from "./farewell.ts";

/** True for those. */
export function isOwnProtocol(protocol: string): boolean {
  return protocol === FAREWELL_PROTOCOL || protocol === HEARTBEAT_PROTOCOL;
}

/** What a server keeps, beyond what its `connections` shows. */
import type { Server } from "../../mod.ts";
import type { TcpServer } from "../../src/server/server.ts";

/** Number of connections whose socket is open or whose handler is running. */
export function trackedBy(server: Server): number {
  return (server as TcpServer).tracked.size;
}

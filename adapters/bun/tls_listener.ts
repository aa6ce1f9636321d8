/**
 * What `Bun.listen` can't do of TLS (1.4.5), done by `node:tls`: it has no SNI, its certificate can't be replaced, it
 * lets clients in whose certificate is bad, and has no oldest version.
 *
 * @module
 */
import type net from "node:net";
import type { HeldSocket, SocketListener, SocketListenOptions } from "../../src/socket.ts";
import { checkTlsOptions } from "../shared/tls_parts.ts";
import { NodeListener, openServer } from "../node/mod.ts";

/** Opens one. Descriptors from `ceiling` on are not given away: accepting spins here, too, when they run out. */
export async function listenByNode(
  options: SocketListenOptions,
  held: HeldSocket | null,
  ceiling: number,
): Promise<SocketListener> {
  try {
    checkTlsOptions(options.tls!);
  } catch (error) {
    held?.release();
    throw error;
  }
  return new TlsListener(await openServer(options, held), options, held, ceiling);
}

/** What is used of a socket's handle; not in its types. */
interface Inner {
  readonly _handle?: { readonly fd?: number } | null;
}

class TlsListener extends NodeListener {
  readonly #ceiling: number;

  constructor(server: net.Server, options: SocketListenOptions, held: HeldSocket | null, ceiling: number) {
    super(server, options, null, held);
    this.#ceiling = ceiling;
  }

  protected override refuses(socket: net.Socket): boolean {
    const { fd = -1 } = (socket as Inner)._handle ?? {};
    if (fd < this.#ceiling) return false;
    socket.destroy();
    this.fail(Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }));
    return true;
  }
}

/**
 * Listeners whose clients say something in plain text before TLS begins: connections are accepted plain, and given to a
 * TLS server that listens nowhere.
 *
 * @module
 */
import type net from "node:net";
import type tls from "node:tls";
import type { Address } from "../../src/endpoint.ts";
import type { RawSocket } from "../../src/socket.ts";
import { addressOf, type NodeSocket } from "./socket.ts";

/** One handshake. */
interface Greeting {
  /** What the socket had read before any byte of TLS. */
  readonly before: number;
  readonly settle: (secure: net.Socket | null) => void;
}

/** Parts of `tls.TLSSocket` that are not in its types. */
interface SecureInner {
  readonly _parent?: net.Socket | null;
}

/** Handshakes on sockets that have been read. */
export class BeforeTls {
  readonly server: tls.Server;
  readonly #greeting = new Map<net.Socket, Greeting>();

  /** @param server It is never told to listen. */
  constructor(server: tls.Server) {
    this.server = server;
    // Handshakes that fail cost their own connection only.
    server.on("tlsClientError", (_error, socket) => void socket.destroy());
    server.on("secureConnection", (socket) => this.#greeting.get(plainOf(socket))?.settle(socket));
  }

  /** Begins one; gives the secure socket, or null when it has failed. */
  greet(socket: RawSocket, unread: Uint8Array): Promise<net.Socket | null> {
    const plain = (socket as NodeSocket).release(unread);
    return new Promise((resolve) => {
      const settle = (secure: net.Socket | null) => {
        this.#greeting.delete(plain);
        resolve(secure);
      };
      this.#greeting.set(plain, { before: plain.bytesRead - unread.length, settle });
      plain.on("error", () => {});
      if (plain.destroyed) return settle(null);
      plain.once("close", () => settle(null));
      this.server.emit("connection", plain);
    });
  }

  /** How many are under way. */
  get size(): number {
    return this.#greeting.size;
  }

  /** Ends all; gives the peers of those that had begun. */
  drop(): readonly Address[] {
    const peers: Address[] = [];
    for (const [plain, { before }] of this.#greeting) {
      if (plain.bytesRead > before) peers.push(addressOf(plain.remoteAddress ?? "", plain.remotePort ?? 0));
      plain.destroy();
    }
    return peers;
  }
}

function plainOf(secure: net.Socket): net.Socket {
  return (secure as SecureInner)._parent ?? secure;
}

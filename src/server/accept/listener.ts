/**
 * Listening, and accepting by hand as in Go.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import { ServerClosedError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { defaultAdapter } from "../../runtime.ts";
import type { Address } from "../../endpoint.ts";
import type { Adapter } from "../../platform.ts";
import type { RawSocket, SocketListener } from "../../socket.ts";
import { AcceptLoop } from "./accept_loop.ts";
import type { Conn } from "../conn/conn.ts";
import { openSockets } from "./open_sockets.ts";
import {
  CONN_NAMES,
  connLimits,
  type ConnOptions,
  hostOf,
  LISTEN_NAMES,
  type ListenOptions,
  listenTarget,
} from "../serve_options.ts";
import { SoloHost } from "../conn/solo_host.ts";

const NAMES: Names<ListenOptions & ConnOptions> = { ...LISTEN_NAMES, ...CONN_NAMES };

interface Accepter {
  readonly resolve: (conn: Conn | null) => void;
}

/** An open port (Go: `net.Listener`). Hand it to `server.serve()`, or accept by hand. */
export class Listener implements AsyncIterable<Conn>, AsyncDisposable {
  /** The runtime it listens on. */
  readonly adapter: Adapter;
  readonly #clock: Clock;
  readonly #host: SoloHost;
  readonly #listeners: readonly SocketListener[];
  #loops: readonly AcceptLoop[] | null = null;
  #taken = false;
  #closed: Promise<void> | null = null;
  readonly #waiting: RawSocket[] = [];
  readonly #accepters: Accepter[] = [];

  /** Use `listen()`. */
  constructor(adapter: Adapter, listeners: readonly SocketListener[], clock: Clock, options: ConnOptions) {
    this.adapter = adapter;
    this.#listeners = listeners;
    this.#clock = clock;
    this.#host = new SoloHost(clock, connLimits(options));
  }

  /** Where it listens; the port is the real one. */
  get address(): Address {
    return this.#listeners[0].address;
  }

  /** The same for all: `localhost` may be two addresses. */
  get addresses(): readonly Address[] {
    return this.#listeners.map(({ address }) => address);
  }

  /**
   * The next connection.
   *
   * @throws {ServerClosedError} The listener was closed, before or meanwhile, or belongs to a server (Go: `net.ErrClosed`).
   */
  async accept(): Promise<Conn> {
    const conn = await this.#next();
    if (conn === null) throw new ServerClosedError("The listener is closed");
    return conn;
  }

  /** Connections until the listener is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Conn, void, void> {
    for (let conn = await this.#next(); conn !== null; conn = await this.#next()) yield conn;
  }

  /** Stops listening and unblocks a pending `accept()`; connections live on. Idempotent. */
  close(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = Promise.all((this.#loops ?? this.#listeners).map((open) => open.close())).then(() => {});
      for (const listener of this.#listeners) listener.dropHandshakes?.();
      for (const accepter of this.#accepters.splice(0)) accepter.resolve(null);
      for (const socket of this.#waiting.splice(0)) socket.destroy();
    }
    return this.#closed;
  }

  /** Closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Gives the socket listeners to a server; accepting by hand ends. */
  take(): readonly SocketListener[] {
    if (this.#taken || this.#loops !== null || this.#closed !== null) {
      throw new ServerClosedError("The listener is closed, or somebody accepts from it already");
    }
    this.#taken = true;
    return this.#listeners;
  }

  /** A connection; nothing of it is read until its `start`. */
  #accepted(socket: RawSocket): void {
    if (this.#closed !== null) return socket.destroy();
    const accepter = this.#accepters.shift();
    if (accepter === undefined) this.#waiting.push(socket);
    else accepter.resolve(this.#host.adopt(socket));
  }

  #next(): Promise<Conn | null> {
    if (this.#taken || this.#closed !== null) return Promise.resolve(null);
    const sink = { accepted: (socket: RawSocket) => this.#accepted(socket), acceptFailed() {}, peerBroke() {} };
    this.#loops ??= this.#listeners.map((listener) => new AcceptLoop(listener, this.#clock, sink));
    const socket = this.#waiting.shift();
    if (socket !== undefined) return Promise.resolve(this.#host.adopt(socket));
    return new Promise((resolve) => this.#accepters.push({ resolve }));
  }
}

/**
 * Opens a port or a Unix socket.
 *
 * @throws {OptionError} An option can't be used; nothing was opened.
 * @throws {ListenError} The port is in use, a permission is missing, a certificate is broken.
 * @throws {UnsupportedError} The runtime lacks what was asked for.
 * @example
 * ```ts
 * const listener = await listen({ port: 9000 });
 * for await (const conn of listener) handle(conn);
 * ```
 */
export async function listen(options: ListenOptions & ConnOptions = {}): Promise<Listener> {
  checkNames("listen()", options, NAMES);
  return await openListener(options);
}

/** Opens it for a server, whose options have other names as well. */
export async function openListener(options: ListenOptions & ConnOptions): Promise<Listener> {
  const target = listenTarget(options);
  connLimits(options);
  const { proxyProtocol, clock = systemClock } = options;
  // Most listeners have no such thing, and don't load it.
  const proxied = proxyProtocol !== undefined &&
    (await import("../proxy/mod.ts")).proxiedBy(proxyProtocol, target, clock);
  const adapter = options.adapter ?? await defaultAdapter();
  const listeners = await openSockets(adapter, target, hostOf(options));
  return new Listener(adapter, proxied ? listeners.map(proxied) : listeners, clock, options);
}

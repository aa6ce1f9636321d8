/**
 * Listening, and accepting by hand as in Go.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import { OptionError, ServerClosedError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import { checkNames, type Names } from "../../names.ts";
import { defaultAdapter } from "../../runtime.ts";
import type { Address, TlsCertificate } from "../../endpoint.ts";
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
import type { TlsKeeper } from "../tls/keeper.ts";
import type { TlsCertificates } from "../tls/tls_options.ts";
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
  readonly #keeper: TlsKeeper | null;
  #loops: readonly AcceptLoop[] | null = null;
  #taken = false;
  #closed: Promise<void> | null = null;
  readonly #waiting: RawSocket[] = [];
  readonly #accepters: Accepter[] = [];

  /** Use `listen()`. */
  constructor(
    adapter: Adapter,
    listeners: readonly SocketListener[],
    clock: Clock,
    options: ConnOptions,
    keeper: TlsKeeper | null = null,
  ) {
    this.adapter = adapter;
    this.#listeners = listeners;
    this.#keeper = keeper;
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

  /** Its certificates can be replaced: they are in files, several, or looked for by `certFor`. */
  get isReloadable(): boolean {
    return this.#keeper !== null;
  }

  /**
   * Reads the files of `tls` again, or takes other certificates in their place. Handshakes from now on see the new ones,
   * connections live on. It does so by itself when the files change; this tells when it is done.
   *
   * @param given Replaces what the listener shows; authorities stay where none are given. @default its files
   * @returns The certificates that are shown now, the default one first.
   * @throws {OptionError} What is given can't be used; or the listener has one fixed certificate, or none.
   * @throws {ServerClosedError} The listener is closed.
   * @throws {ListenError} Rejects: a file can't be read, or a pair is broken; the old ones are kept.
   */
  reloadTls(given?: TlsCertificates): Promise<readonly TlsCertificate[]> {
    if (this.#closed !== null) throw new ServerClosedError("The listener is closed");
    if (this.#keeper === null) throw notReloadable();
    return this.#keeper.reload(given ?? null);
  }

  /** Stops listening and unblocks a pending `accept()`; connections live on. Idempotent. */
  close(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = Promise.all((this.#loops ?? this.#listeners).map((open) => open.close())).then(() => {});
      this.endWatch();
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

  /** Its files are looked at no more. */
  endWatch(): void {
    this.#keeper?.close();
  }

  /** Gives the socket listeners to a server, whose log hears of new certificates; accepting by hand ends. */
  take(log?: Pick<Logger, "info" | "warn">): readonly SocketListener[] {
    if (this.#taken || this.#loops !== null || this.#closed !== null) {
      throw new ServerClosedError("The listener is closed, or somebody accepts from it already");
    }
    this.#taken = true;
    if (log !== undefined) this.#keeper?.tell(log);
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
    const sink = { accepted: (socket: RawSocket) => this.#accepted(socket), acceptFailed() {} };
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

/** What can't be reloaded, and how it could be. */
export function notReloadable(): OptionError {
  const hint = "give tls.certFile and tls.keyFile, or tls.certs: [{ cert, key }]";
  return new OptionError("tls", `reloadTls() needs a listener whose certificates can be replaced: ${hint}`);
}

/** Opens it for a server, whose options have other names as well. */
export async function openListener(options: ListenOptions & ConnOptions): Promise<Listener> {
  const { clock = systemClock } = options;
  const target = listenTarget(options);
  connLimits(options);
  const adapter = options.adapter ?? await defaultAdapter();
  if (options.tls === undefined) {
    return new Listener(adapter, await openSockets(adapter, target, hostOf(options)), clock, options);
  }
  const { openTls } = await import("../tls/open.ts");
  const { tls, keeper } = await openTls(adapter, options.tls, clock);
  const listeners = await openSockets(adapter, { ...target, tls }, hostOf(options));
  keeper?.attach(listeners);
  return new Listener(adapter, listeners, clock, options, keeper);
}

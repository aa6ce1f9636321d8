/**
 * Sockets of Node, also used underneath the Deno adapter: listening and connecting by `node:net`, plain sockets by the
 * handles below it where that can be, TLS by `node:tls`.
 *
 * Accepting at EMFILE is libuv's own affair: it accepts with a spare descriptor and resets the surplus at once, so
 * `failed` is not called for it, and accepting goes on by itself when descriptors return.
 *
 * @module
 */
import { lstat } from "node:fs/promises";
import net from "node:net";
import { dirname } from "node:path";
import process from "node:process";
import tls from "node:tls";
import { getHeapStatistics } from "node:v8";
import { ConnectError, OptionError, UnsupportedError } from "../../src/errors.ts";
import type { Address, TlsCertificate, TlsConnectOptions, TlsListenOptions } from "../../src/endpoint.ts";
import type { Adapter, Isolated } from "../../src/platform.ts";
import type { SocketHolder } from "../../src/parent.ts";
import type {
  HeldSocket,
  ListenerEvents,
  RawSocket,
  SocketConnectOptions,
  SocketListener,
  SocketListenOptions,
} from "../../src/socket.ts";
import { checkNames, type Names } from "../../src/names.ts";
import { scopeForEach } from "../shared/async_scope.ts";
import { nodeDecodes } from "../shared/fetch_decodes.ts";
import { describe, listenError } from "../shared/listen_error.ts";
import { type HeapUse, ResourceReader } from "../shared/resources.ts";
import { type Probe, ProcessParts } from "../shared/process.ts";
import { findProbe } from "./response_body.ts";
import { findNative, type Handle, type ListenHandle, systemError, type TcpHandle } from "./handles/native.ts";
import { Handles, HandleSocket } from "./handles/socket.ts";
import { BeforeTls } from "./before_tls.ts";
import { addressOf, NodeSocket } from "./socket.ts";
import { createTlsServer, replaceTls } from "./tls_server.ts";
import { checkTlsOptions } from "../shared/tls_parts.ts";
import type { TlsState } from "../shared/tls_state.ts";
import { checkConnectPath, checkListenPath, closeBeside, fileAt, overDead, setMode } from "../shared/unix_path.ts";

type SystemError = Error & { readonly code?: string };

/** How the adapter for Node works. */
export interface NodeAdapterOptions {
  /**
   * What plain sockets are made of. "handles" are libuv's own, below Node's streams, where this version of Node has them
   * as they were tested; else, and for TLS, they are streams all the same. @default "handles"
   */
  readonly sockets?: "handles" | "streams";
}

/** The adapter for Node. */
export class NodeAdapter extends ProcessParts implements Adapter {
  /** Found at the first socket; null for streams. */
  #handles: Handles | null | undefined;
  protected override readonly reader: ResourceReader = new ResourceReader({ heap: readHeap });
  readonly name: string = "node";

  constructor({ sockets = "handles" }: NodeAdapterOptions = {}) {
    super();
    if (sockets === "streams") this.#handles = null;
  }

  /** Null where sockets are streams. */
  protected get handles(): Handles | null {
    if (this.#handles === undefined) this.#handles = this.findHandles();
    return this.#handles;
  }

  protected findHandles(): Handles | null {
    const native = findNative();
    return native && new Handles(native);
  }

  async listen(options: SocketListenOptions): Promise<SocketListener> {
    if (options.tls) checkTlsOptions(options.tls);
    const held = await this.held(options);
    if (options.reusePort && held === null) requireReusePort();
    return new NodeListener(await openServer(options, held), options, this.handles, held);
  }

  async holder(): Promise<SocketHolder> {
    return new (await import("./holder.ts")).NodeHolder();
  }

  async connect(options: SocketConnectOptions): Promise<RawSocket> {
    const { address, signal } = options;
    signal?.throwIfAborted();
    checkConnectPath(address);
    const raw = net.connect({ ...target(address), allowHalfOpen: true, noDelay: true });
    const tlsClient = options.tls && tlsOptions(address, options.tls);
    try {
      if (!tlsClient) return await ready(raw, "connect", () => plainClient(raw, address, this.handles), signal);
      raw.on("error", ignore);
      const secured = () => {
        if (options.preface !== undefined) raw.write(options.preface(...endsOf(raw, address)));
        return tls.connect({ socket: raw, ...tlsClient });
      };
      const secure = await ready(raw, "connect", secured, signal);
      return await ready(secure, "secureConnect", () => client(secure, address), signal);
    } catch (error) {
      raw.destroy();
      if (signal?.aborted) throw signal.reason;
      throw connectError(address, error);
    }
  }

  fetchDecodes(coding: string): boolean {
    return nodeDecodes(coding);
  }

  isolate(): Isolated {
    return scopeForEach();
  }

  protected override findProbe(): Probe | null {
    return findProbe();
  }
}

/** V8's. */
export function readHeap(): HeapUse {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return { used, limit };
}

/** A `net.Server` or `tls.Server` behind `SocketListener`. */
export class NodeListener implements SocketListener {
  readonly address: Address;
  readonly #server: net.Server;
  /** Accepted and not yet given away: before `start`, or between `failed` and `resume`. */
  #waiting: RawSocket[] = [];
  /** TLS handshakes under way. */
  readonly #greeting: Map<net.Socket, number> = new Map();
  /** The same where something comes before TLS. */
  readonly #later: BeforeTls | null;
  #events: ListenerEvents | null = null;
  /** Of a Unix socket. */
  readonly #file: number;
  readonly #held: HeldSocket | null;
  readonly #clientCert: TlsListenOptions["clientCert"];
  #failing = false;
  #closing: Promise<void> | null = null;

  /** Accepts handles where there are `handles`, and streams where not. */
  constructor(
    server: net.Server,
    options: SocketListenOptions,
    handles: Handles | null,
    held: HeldSocket | null = null,
  ) {
    this.#server = server;
    this.#held = held;
    const bound = server.address();
    const address = held?.address ?? options.address;
    this.address = typeof bound === "object" && bound ? addressOf(bound.address, bound.port) : address;
    this.#file = fileAt(this.address);
    this.#later = options.secureLater
      ? new BeforeTls(createServer({ ...options, secureLater: false }) as tls.Server)
      : null;
    this.#clientCert = options.tls?.clientCert;
    if (handles !== null && !options.tls) this.#acceptHandles(handles);
    server.on("error", (error) => this.fail(error));
    server.on("connection", (socket) => this.#connected(socket));
    // Handshakes that fail cost their own connection only.
    server.on("tlsClientError", (error, socket: net.Socket) => {
      this.#handshook(socket, (error as { code?: string }).code ?? "ERR_TLS");
      socket.destroy();
    });
    server.on("secureConnection", (socket: net.Socket) => this.#greeted(socket));
  }

  start(events: ListenerEvents): void {
    this.#events = events;
    this.resume();
  }

  resume(): void {
    this.#failing = false;
    const waiting = this.#waiting;
    if (this.#events === null || waiting.length === 0) return;
    this.#waiting = [];
    for (const socket of waiting) queueMicrotask(() => this.#give(socket));
  }

  close(): Promise<void> {
    return this.#closing ??= new Promise((resolve) => {
      // The callback of close() would wait for the accepted sockets too; the descriptor is closed in the call.
      closeBeside(this.address, this.#file, () => this.#server.close());
      this.#held?.release();
      for (const socket of this.#waiting) socket.destroy();
      this.#waiting = [];
      setImmediate(resolve);
    });
  }

  async secure(socket: RawSocket, unread: Uint8Array): Promise<RawSocket | null> {
    const began = performance.now();
    const secure = await this.#later!.greet(socket, unread);
    const version = (secure as tls.TLSSocket | null)?.getProtocol() ?? null;
    const error = secure === null ? "failed" : null;
    this.#events?.handshook?.({ duration: performance.now() - began, version, error });
    if (secure === null) return null;
    const accepted = this.#wrap(secure);
    if (this.#believe(accepted.tls!, secure as tls.TLSSocket)) return accepted;
    accepted.destroy();
    return null;
  }

  replaceTls(tls: TlsListenOptions): void {
    checkTlsOptions(tls);
    replaceTls(this.#later?.server ?? this.#server, tls);
  }

  handshakes(): number {
    return this.#greeting.size + (this.#later?.size ?? 0);
  }

  dropHandshakes(): readonly Address[] {
    const begun = [...this.#greeting.keys()].filter((socket) => socket.bytesRead > 0);
    const peers = begun.map((socket) => addressOf(socket.remoteAddress ?? "", socket.remotePort ?? 0));
    for (const socket of this.#greeting.keys()) socket.destroy();
    return [...peers, ...this.#later?.drop() ?? []];
  }

  /** Tells that accepting failed; after EMFILE or ENFILE, once until `resume`. */
  protected fail(error: Error & { readonly code?: string }): void {
    if (this.#events === null || this.#failing || this.#closing) return;
    this.#failing = error.code === "EMFILE" || error.code === "ENFILE";
    this.#events.failed(error);
  }

  /** True from `failed` with EMFILE or ENFILE until `resume`. */
  protected get failing(): boolean {
    return this.#failing;
  }

  /** Gives a new connection up at once, where the runtime needs that. */
  protected refuses(_socket: net.Socket): boolean {
    return false;
  }

  #connected(socket: net.Socket): void {
    if (this.refuses(socket)) return;
    if (!(this.#server instanceof tls.Server)) return this.#accept(socket);
    this.#greeting.set(socket, performance.now());
    socket.on("error", ignore);
    socket.once("close", () => this.#handshook(socket, "closed"));
  }

  /** The end of a handshake, told once. */
  #handshook(socket: net.Socket, error: string | null): void {
    const plain = (socket as { _parent?: net.Socket })._parent ?? socket;
    const began = this.#greeting.get(plain);
    if (began === undefined) return;
    this.#greeting.delete(plain);
    const version = error === null ? (socket as tls.TLSSocket).getProtocol() : null;
    this.#events?.handshook?.({ duration: performance.now() - began, version, error });
  }

  #greeted(socket: net.Socket): void {
    this.#handshook(socket, null);
    const accepted = this.#wrap(socket);
    if (!this.#believe(accepted.tls!, socket as tls.TLSSocket)) return accepted.destroy();
    // It was begun before the listener closed: whoever is served out takes it in.
    if (this.#closing !== null && this.#events !== null) this.#events.accepted(accepted);
    else this.#give(accepted);
  }

  /** In a worker of `node:cluster` the server's handle may be none: accepting is the primary's then. */
  #acceptHandles(handles: Handles): void {
    const listening = (this.#server as unknown as ServerInner)._handle;
    if (!listening || handles.known(listening) === null) return;
    const unix = this.#unix;
    listening.onconnection = (status, given) => {
      if (status !== 0) return this.fail(systemError("accept", status));
      const handle = handles.accept(listening, given);
      if (handle === null) return;
      if (unix === null) (handle as TcpHandle).setNoDelay(true);
      this.#give(new HandleSocket(handles, handle, unix, unix && NAMELESS));
    };
  }

  /** False for a client whose certificate is required and was not proved. */
  #believe(state: TlsState, socket: tls.TLSSocket): boolean {
    if (this.#clientCert === undefined) {
      state.trust = "hidden";
      return true;
    }
    // It is read now: a client may be gone before anybody asks for it.
    if (!this.proves(socket, state.peerCertificate)) state.trust = "doubted";
    return this.#clientCert === "request" || state.authorized;
  }

  /** Whether what the runtime says of a client's certificate holds for this listener. */
  protected proves(_socket: tls.TLSSocket, _certificate: TlsCertificate | null): boolean {
    return true;
  }

  #accept(socket: net.Socket): void {
    this.#give(this.#wrap(socket));
  }

  get #unix(): Address | null {
    return this.address.transport === "unix" ? this.address : null;
  }

  #wrap(socket: net.Socket): NodeSocket {
    const unix = this.#unix;
    return new NodeSocket(socket, unix, unix && NAMELESS);
  }

  #give(socket: RawSocket): void {
    if (this.#closing) socket.destroy();
    else if (this.#events === null || this.#failing) this.#waiting.push(socket);
    else this.#events.accepted(socket);
  }
}

/** The end of a client of a Unix socket. */
const NAMELESS: Address = { transport: "unix", path: "" };

/** Parts of `net.Server` that are not in its types. */
interface ServerInner {
  readonly _handle?: ListenHandle | null;
}

/** Parts of `net.Socket` that are not in its types. */
interface SocketInner {
  _handle?: Handle | null;
}

function ignore(): void {}

/**
 * Opens a listening server, on the socket that is held for it or else over a dead Unix socket's file if need be; rejects
 * with `ListenError`.
 */
export async function openServer(options: SocketListenOptions, held: HeldSocket | null): Promise<net.Server> {
  const { address } = options;
  if (held !== null) return await listenOn(options, held);
  checkListenPath(address);
  try {
    return await overDead(address, () => listening(options));
  } catch (error) {
    throw listenError(address, await honest(address, error));
  }
}

async function listening(options: SocketListenOptions): Promise<net.Server> {
  const { address, reusePort } = options;
  const server = await begun(options, { ...target(address), ...(reusePort ? { reusePort } : {}) });
  try {
    setMode(options);
    return server;
  } catch (error) {
    server.close();
    throw error;
  }
}

/** On a socket that another process has bound. */
async function listenOn(options: SocketListenOptions, held: HeldSocket): Promise<net.Server> {
  try {
    return await begun(options, held.handle ?? { fd: held.fd });
  } catch (error) {
    held.release();
    throw listenError(held.address, error);
  }
}

function begun(options: SocketListenOptions, on: object): Promise<net.Server> {
  const server = createServer(options);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(on, options.backlog, () => {
      server.off("error", reject);
      resolve(server);
    });
  });
}

function createServer(options: SocketListenOptions): net.Server {
  const common = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true };
  if (!options.tls || options.secureLater) return net.createServer(common);
  return createTlsServer(options.tls, common);
}

function target(address: Address): { host: string; port: number } | { path: string } {
  return address.transport === "unix" ? { path: address.path } : { host: address.hostname, port: address.port };
}

function client(socket: net.Socket, address: Address): NodeSocket {
  const unix = address.transport === "unix" ? address : null;
  return new NodeSocket(socket, unix && NAMELESS, unix);
}

/** Our end of a client's connection, and the other. */
function endsOf(socket: net.Socket, address: Address): [local: Address, remote: Address] {
  if (address.transport === "unix") return [NAMELESS, address];
  const { localAddress = "", localPort = 0, remoteAddress = "", remotePort = 0 } = socket;
  return [addressOf(localAddress, localPort), addressOf(remoteAddress, remotePort)];
}

/**
 * `node:net` finds the host's addresses, and which of them answers first. Then its handle is taken from it, before it
 * has read anything.
 */
function plainClient(socket: net.Socket, address: Address, handles: Handles | null): RawSocket {
  const handle = handles?.known((socket as unknown as SocketInner)._handle) ?? null;
  if (handles === null || handle === null) return client(socket, address);
  (socket as unknown as SocketInner)._handle = null;
  socket.destroy();
  const unix = address.transport === "unix" ? address : null;
  return new HandleSocket(handles, handle, unix && NAMELESS, unix);
}

function tlsOptions(address: Address, options: TlsConnectOptions): tls.ConnectionOptions {
  const name = options.serverName ?? (address.transport === "tcp" ? address.hostname : "localhost");
  const { ca, alpnProtocols, insecure } = options;
  const ALPNProtocols = alpnProtocols && [...alpnProtocols];
  // RFC 6066, section 3: no address may be sent as a server's name.
  const unchecked = insecure ? { rejectUnauthorized: false } : {};
  return { host: name, servername: net.isIP(name) ? "" : name, ca, ALPNProtocols, ...unchecked };
}

/**
 * What `make` makes of the socket at `event`, in the very callback, so that nothing is missed in between. Rejects on
 * error, an early close or an abort, and leaves no listener.
 */
function ready<T>(
  socket: net.Socket,
  event: "connect" | "secureConnect",
  make: () => T,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const closed = () => failed(new Error("Closed before the connection was made"));
    const aborted = () => failed(signal?.reason);
    const settle = () => {
      socket.off(event, opened).off("error", failed).off("close", closed);
      signal?.removeEventListener("abort", aborted);
    };
    const opened = () => {
      settle();
      resolve(make());
    };
    const failed = (error: unknown) => {
      settle();
      socket.on("error", ignore);
      socket.destroy();
      reject(error);
    };
    if (signal?.aborted) return aborted();
    socket.on(event, opened).on("error", failed).on("close", closed);
    signal?.addEventListener("abort", aborted);
  });
}

function connectError(address: Address, error: unknown): ConnectError {
  const { code = "ERR_CONNECT", message } = error as SystemError;
  return new ConnectError(code, `Cannot connect to ${describe(address)}: ${message || code}`, { cause: error });
}

/** libuv says EACCES for a folder that is not there. */
async function honest(address: Address, error: unknown): Promise<unknown> {
  if (address.transport !== "unix" || (error as SystemError).code !== "EACCES") return error;
  return await lstat(dirname(address.path)).then(() => error, (cause) => cause);
}

/** Node has the option since 22.12 and 23.1; older ones would ignore it. */
function requireReusePort(): void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) return;
  throw new UnsupportedError(`reusePort needs Node 22.12 or 23.1; this is ${process.versions.node}`);
}

/**
 * An adapter for Node that works as the options say.
 *
 * @param options What its sockets are made of.
 * @throws {OptionError} An option is unknown, or has a value that it can't have.
 * @example
 * ```ts
 * const server = await serve({ port: 9000, adapter: nodeAdapter({ sockets: "streams" }) }, handler);
 * ```
 */
export function nodeAdapter(options: NodeAdapterOptions = {}): Adapter {
  checkNames("nodeAdapter()", options, { sockets: true } satisfies Names<NodeAdapterOptions>);
  const { sockets = "handles" } = options;
  if (sockets === "handles" || sockets === "streams") return new NodeAdapter({ sockets });
  throw new OptionError("sockets", `sockets must be "handles" or "streams", got ${JSON.stringify(sockets)}`);
}

/** The adapter for Node. */
export const adapter: Adapter = new NodeAdapter();

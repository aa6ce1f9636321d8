/**
 * Sockets of Bun, on its native API: an idle connection costs less than half of what `node:net` costs there.
 *
 * Bun's accept loop spins when descriptors run out, so the last few are never given away: a connection that would
 * take one is reset at once, and `failed` tells EMFILE. Bun has no option for the accept queue's length, which is 512.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { ConnectError, ListenError } from "../../src/errors.ts";
import type { Address, TlsConnectOptions, TlsListenOptions } from "../../src/endpoint.ts";
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
import { sharedScope } from "../shared/async_scope.ts";
import { BunSocket, CLIENT, HANDLERS, IdleOwner, SECURE } from "./socket.ts";
import { bunDecodes } from "../shared/fetch_decodes.ts";
import { describe, listenError } from "../shared/listen_error.ts";
import { LIMITS, ResourceReader } from "../shared/resources.ts";
import { type Probe, ProcessParts } from "../shared/process.ts";
import { findProbe } from "./response_body.ts";
import type { NativeSocket, Owner, SystemError } from "./socket.ts";
import { checkConnectPath, checkListenPath, closeBeside, fileAt, overDead, setMode } from "../shared/unix_path.ts";

interface NativeListener {
  getsockname(into: { address?: string; port?: number }): void;
  stop(): void;
}

interface BunApi {
  listen(options: object): NativeListener;
  connect(options: object): Promise<unknown>;
}

/** Of the descriptors that the limit allows, this many are left for files and outgoing connections. */
const RESERVED_DESCRIPTORS = 8;
/** How long a TLS handshake may take, in s: long enough for a mobile network, short for an idler. */
const HANDSHAKE_SECONDS = 10;

class BunAdapter extends ProcessParts implements Adapter {
  protected override readonly reader: ResourceReader = new ResourceReader({
    // What Bun says in `node:v8` takes it milliseconds, and its limit there is none.
    heap: () => ({ used: process.memoryUsage().heapUsed, limit: null }),
    noHeapLimit: "Bun sets the heap no limit",
  });
  readonly name: string = "bun";

  /** Bun's IPC gives sockets as `node:net` servers that accept already: they come as descriptors beside it. */
  protected override readonly receive = async (over: number): Promise<number> =>
    (await import("./libc.ts")).receiveDescriptor(over);

  async listen(options: SocketListenOptions): Promise<SocketListener> {
    const held = await this.held(options);
    if (options.tls === undefined || !(options.secureLater || isBeyond(options.tls))) {
      return await listen(options, held);
    }
    const { listenByNode } = await import("./tls_listener.ts");
    return await listenByNode(options, held, descriptorCeiling());
  }

  async holder(): Promise<SocketHolder> {
    const [{ BunHolder }, { Calls }] = await Promise.all([import("./holder.ts"), import("./libc.ts")]);
    return new BunHolder(await Calls.load());
  }

  async connect(options: SocketConnectOptions): Promise<RawSocket> {
    if (options.preface !== undefined) return await connectPlain(options);
    checkConnectPath(options.address);
    return await new Promise((resolve, reject) => new Dial(options, resolve, reject));
  }

  fetchDecodes(coding: string): boolean {
    return bunDecodes(coding);
  }

  isolate(): Isolated {
    return sharedScope();
  }

  protected override findProbe(): Probe | null {
    return findProbe();
  }
}

/** The adapter for Bun. */
export const adapter: Adapter = new BunAdapter();

/** Bun's own sockets can't begin TLS later; those of its `node:net` can (1.4.5). */
async function connectPlain(options: SocketConnectOptions): Promise<RawSocket> {
  return await (await import("../node/mod.ts")).nodeAdapter({ sockets: "streams" }).connect(options);
}

function bun(): BunApi {
  return (globalThis as unknown as { Bun: BunApi }).Bun;
}

class BunListener extends IdleOwner implements SocketListener {
  address: Address;
  readonly #native: NativeListener;
  readonly #secure: boolean;
  /** Descriptors from here on are not given away. */
  readonly #ceiling = descriptorCeiling();
  #events: ListenerEvents | null = null;
  /** Accepted, and not yet given to the owner: before `start`, or between `failed` and `resume`. */
  #waiting: BunSocket[] = [];
  readonly #greeting = new Set<Greeting>();
  /** Of a Unix socket. */
  readonly #file: number;
  readonly #held: HeldSocket | null;
  #failing = false;
  #stopped = false;

  constructor(options: SocketListenOptions, held: HeldSocket | null) {
    super();
    this.address = held?.address ?? options.address;
    this.#held = held;
    this.#secure = options.tls !== undefined;
    const native = nativeOptions(options, this);
    this.#native = bun().listen(held === null ? native : { ...native, ...NOWHERE, fd: held.fd });
    if (this.address.transport === "tcp") this.address = { ...this.address, ...boundTo(this.#native) };
    this.#file = fileAt(this.address);
    try {
      setMode(options);
    } catch (error) {
      this.#native.stop();
      throw error;
    }
  }

  start(events: ListenerEvents): void {
    this.#events = events;
    this.resume();
  }

  resume(): void {
    this.#failing = false;
    if (this.#waiting.length > 0) queueMicrotask(() => this.#hand());
  }

  close(): Promise<void> {
    if (!this.#stopped) closeBeside(this.address, this.#file, () => this.#native.stop());
    this.#stopped = true;
    this.#held?.release();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
    return Promise.resolve();
  }

  handshakes(): number {
    return this.#greeting.size;
  }

  /** Bun does not tell whether a client has said something. */
  dropHandshakes(): readonly Address[] {
    for (const { raw } of this.#greeting) raw.terminate();
    return [];
  }

  override opened(raw: NativeSocket): void {
    if (raw.fd >= this.#ceiling) this.#refuse(raw);
    else if (this.#secure) this.#greeting.add(new Greeting(raw, this));
    else this.#take(raw);
  }

  /** The end of a TLS handshake. */
  greeted(greeting: Greeting, ok: boolean): void {
    if (this.#greeting.delete(greeting)) this.#tell(greeting, ok);
    if (!ok) return;
    if (!this.#stopped) return this.#take(greeting.raw);
    // It was begun before the listener closed: whoever is served out takes it in.
    const socket = new BunSocket(greeting.raw, this.address, SECURE);
    if (this.#events === null) return socket.destroy();
    this.#events.accepted(socket);
    socket.settle();
  }

  #tell({ began, raw }: Greeting, ok: boolean): void {
    const version = ok ? raw.getTLSVersion?.() ?? null : null;
    this.#events?.handshook?.({ duration: performance.now() - began, version, error: ok ? null : "failed" });
  }

  #take(raw: NativeSocket): void {
    const socket = new BunSocket(raw, this.address, this.#secure ? SECURE : 0);
    if (this.#stopped) return socket.destroy();
    if (this.#events === null || this.#failing || this.#waiting.length > 0) this.#waiting.push(socket);
    else this.#events.accepted(socket);
    socket.settle();
  }

  #hand(): void {
    while (this.#events !== null && !this.#failing && this.#waiting.length > 0) {
      this.#events.accepted(this.#waiting.shift()!);
    }
  }

  #refuse(raw: NativeSocket): void {
    raw.terminate();
    if (this.#failing || this.#events === null) return;
    this.#failing = true;
    this.#events.failed(Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }));
  }
}

/** One TLS handshake of a listener. */
class Greeting extends IdleOwner {
  readonly raw: NativeSocket;
  readonly began: number = performance.now();
  readonly #listener: BunListener;

  constructor(raw: NativeSocket, listener: BunListener) {
    super();
    this.raw = raw;
    this.#listener = listener;
    raw.data = this;
    raw.timeout(HANDSHAKE_SECONDS);
  }

  override secured(raw: NativeSocket, ok: boolean): void {
    raw.timeout(0);
    this.#listener.greeted(this, ok);
    if (!ok) raw.terminate();
  }

  override closed(): void {
    this.#listener.greeted(this, false);
  }
}

/** One attempt to connect: owns the native socket until it is ready for use. */
class Dial extends IdleOwner {
  readonly #options: SocketConnectOptions;
  readonly #resolve: (socket: RawSocket) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #onAbort = () => this.#settle(() => this.#reject(this.#options.signal!.reason));
  #raw: NativeSocket | null = null;
  #settled = false;

  constructor(
    options: SocketConnectOptions,
    resolve: (socket: RawSocket) => void,
    reject: (reason: unknown) => void,
  ) {
    super();
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    if (options.signal?.aborted) this.#onAbort();
    else this.#begin();
  }

  async #begin(): Promise<void> {
    this.#options.signal?.addEventListener("abort", this.#onAbort);
    try {
      await bun().connect(nativeOptions(this.#options, this));
    } catch (error) {
      this.closed(error as SystemError);
    }
  }

  override opened(raw: NativeSocket): void {
    this.#raw = raw;
    if (this.#settled) raw.terminate();
    else if (this.#options.tls === undefined) this.#succeed(raw);
    else raw.timeout(HANDSHAKE_SECONDS);
  }

  override secured(raw: NativeSocket, ok: boolean, error: Error | null): void {
    if (!ok && !(this.#options.tls?.insecure && isDoubt(error))) return this.closed(error ?? undefined);
    raw.timeout(0);
    if (!this.#settled) this.#succeed(raw);
  }

  override closed(error: SystemError = new Error("Closed before it was ready")): void {
    const { address } = this.#options;
    const message = `cannot connect to ${describe(address)}: ${error.message}`;
    const failure = new ConnectError(error.code ?? "ERR_CONNECT", message, { cause: error });
    this.#settle(() => this.#reject(failure));
  }

  #succeed(raw: NativeSocket): void {
    this.#raw = null;
    const socket = new BunSocket(
      raw,
      this.#options.address,
      this.#options.tls === undefined ? CLIENT : CLIENT | SECURE,
    );
    socket.settle();
    this.#settle(() => this.#resolve(socket));
  }

  #settle(tell: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#raw?.terminate();
    tell();
  }
}

/** What `node:tls` does here: see `listenByNode()`. */
function isBeyond({ cert, clientCert, minVersion, identityFor, replaceable }: TlsListenOptions): boolean {
  return cert === undefined || (clientCert ?? minVersion ?? identityFor) !== undefined || replaceable === true;
}

/** Instead of a place: the socket is bound already. */
const NOWHERE = { hostname: undefined, port: undefined, unix: undefined };

async function listen(options: SocketListenOptions, held: HeldSocket | null): Promise<SocketListener> {
  if (held !== null) return listenOn(options, held);
  checkListenPath(options.address);
  try {
    return await overDead(options.address, () => new BunListener(options, null));
  } catch (error) {
    throw refusal(options, error as SystemError);
  }
}

/** On a socket that another process has bound. */
function listenOn(options: SocketListenOptions, held: HeldSocket): SocketListener {
  try {
    return new BunListener(options, held);
  } catch (error) {
    held.release();
    throw refusal(options, error as SystemError);
  }
}

function refusal({ address, tls }: SocketListenOptions, cause: SystemError & { syscall?: string }): ListenError {
  if (tls !== undefined && cause.syscall === undefined) {
    return new ListenError("ERR_TLS", `Can't use the TLS certificate and key: ${cause.message}`, { cause });
  }
  return listenError(address, cause);
}

/** What `Bun.listen` and `Bun.connect` take; new sockets belong to `owner`. */
function nativeOptions(options: SocketListenOptions | SocketConnectOptions, owner: Owner): object {
  const { address } = options;
  const place = address.transport === "unix"
    ? { unix: address.path }
    : { hostname: address.hostname, port: address.port };
  const reusePort = "reusePort" in options && options.reusePort;
  return { ...place, tls: nativeTls(options), reusePort, allowHalfOpen: true, data: owner, socket: HANDLERS };
}

function nativeTls({ tls, address }: SocketListenOptions | SocketConnectOptions): object | undefined {
  if (tls === undefined) return undefined;
  const ALPNProtocols = tls.alpnProtocols?.length ? wireFormat(tls.alpnProtocols) : undefined;
  if ("cert" in tls) return { cert: tls.cert, key: tls.key, ALPNProtocols };
  const { ca, insecure, serverName = address.transport === "tcp" ? address.hostname : "localhost" } =
    tls as TlsConnectOptions;
  return { ca, serverName, ALPNProtocols, rejectUnauthorized: !insecure };
}

/**
 * Whether a handshake has been completed and only the certificate is in doubt: Bun tells of a wrong name even where it
 * was asked not to mind, and goes on.
 */
function isDoubt(error: SystemError | null): boolean {
  return error?.code !== undefined && error.code !== "EPROTO" && error.code !== "ECONNRESET";
}

/** The protocol list of RFC 7301: each name with its length before it. */
function wireFormat(protocols: readonly string[]): Uint8Array {
  const encoder = new TextEncoder();
  return Uint8Array.from(protocols.flatMap((name) => {
    const bytes = encoder.encode(name);
    return [bytes.length, ...bytes];
  }));
}

function boundTo(native: NativeListener): { hostname: string; port: number } {
  const name: { address?: string; port?: number } = {};
  native.getsockname(name);
  return { hostname: name.address ?? "", port: name.port ?? 0 };
}

function descriptorCeiling(): number {
  return descriptorLimit() - RESERVED_DESCRIPTORS;
}

/** The soft limit of descriptors, or infinity where it can't be read. */
function descriptorLimit(): number {
  try {
    const limits = readFileSync(LIMITS, "utf8");
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
  } catch {
    return Infinity;
  }
}

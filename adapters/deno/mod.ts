/**
 * Sockets of Deno, through its `node:net` and the handles below it.
 *
 * Why not `Deno.listen`: measured with Deno 2.9.6, a `Deno.Conn` can't send a reset, takes 61 KB with the usual read
 * buffer of 64 KB (`node:net`: 5 KB), and is no faster (107,000 against 109,000 echoes per second).
 *
 * Needs `--allow-net` and nothing more; Unix sockets need `--allow-read` and `--allow-write` for their path.
 *
 * @module
 */
import type net from "node:net";
import type tls from "node:tls";
import { clearInterval, setInterval } from "node:timers";
import { ConnectError, ListenError } from "../../src/errors.ts";
import type { Address, TlsCertificate, TlsListenOptions } from "../../src/endpoint.ts";
import type { Adapter, Isolated, TlsParts } from "../../src/platform.ts";
import type {
  HeldSocket,
  RawSocket,
  SocketConnectOptions,
  SocketListener,
  SocketListenOptions,
} from "../../src/socket.ts";
import { sharedScope } from "../shared/async_scope.ts";
import { denoDecodes } from "../shared/fetch_decodes.ts";
import { TABLES } from "../shared/kernel_table.ts";
import { describe } from "../shared/listen_error.ts";
import { NodeAdapter, NodeListener, openServer, readHeap } from "../node/mod.ts";
import type { Handles } from "../node/handles/socket.ts";
import { checkSignal } from "../shared/process.ts";
import { DESCRIPTORS, LIMITS, ResourceReader } from "../shared/resources.ts";
import { checkTlsOptions, tlsParts } from "../shared/tls_parts.ts";
import { findDenoHandles } from "./handles.ts";
import { ProvenClients } from "./proven_clients.ts";

/** What is used of the global `Deno`. */
interface DenoNamespace {
  readonly version: { readonly deno: string };
  listen(options: { hostname: string; port: number }): { close(): void };
  addSignalListener(name: string, fn: () => void): void;
  removeSignalListener(name: string, fn: () => void): void;
  exit(code: number): void;
  readTextFile(path: string): Promise<string>;
  readonly permissions: {
    querySync(wanted: Permission): { readonly state: string };
    request(wanted: Permission): Promise<{ readonly state: string }>;
  };
}

interface Permission {
  readonly name: "net" | "read" | "write" | "env";
  readonly host?: string;
  readonly path?: string;
  readonly variable?: string;
}

const deno = (globalThis as unknown as { Deno: DenoNamespace }).Deno;

/** The adapter for Deno. */
export class DenoAdapter extends NodeAdapter {
  override readonly name: string = "deno";
  protected override readonly reader: ResourceReader = new ResourceReader({ heap: readHeap, refusal: filesRefusal });

  protected override findHandles(): Handles | null {
    return findDenoHandles(deno.version.deno);
  }

  override async listen(options: SocketListenOptions): Promise<SocketListener> {
    if (options.tls) checkTlsOptions(options.tls);
    const held = await this.held(options);
    // The right to listen is that of whoever bound it.
    const missing = held === null && await missingFlag(options.address);
    const { address } = options;
    if (missing) throw new ListenError("EACCES", `Cannot listen on ${describe(address)}: run with ${missing}`);
    return new DenoListener(await openServer(options, held), options, this.handles, held);
  }

  /** Never asks the user. */
  protected override readVariable(variable: string): string | undefined {
    const isGranted = deno.permissions.querySync({ name: "env", variable }).state === "granted";
    return isGranted ? super.readVariable(variable) : undefined;
  }

  override async connect(options: SocketConnectOptions): Promise<RawSocket> {
    options.signal?.throwIfAborted();
    const missing = await missingFlag(options.address);
    const { address } = options;
    if (missing) throw new ConnectError("EACCES", `Cannot connect to ${describe(address)}: run with ${missing}`);
    return await super.connect(options);
  }

  override onSignal(name: string, fn: () => void): () => void {
    checkSignal(name);
    const listener = () => fn();
    deno.addSignalListener(name, listener);
    return () => deno.removeSignalListener(name, listener);
  }

  override exit(code: number): void {
    deno.exit(code);
  }

  override fetchDecodes(coding: string): boolean {
    return denoDecodes(coding);
  }

  override isolate(): Isolated {
    return sharedScope();
  }

  override tlsParts(): Promise<TlsParts> {
    return Promise.resolve(tlsParts((path) => mayRead([path])));
  }

  override kernelTable(): Promise<string | null> {
    return mayReadTables() ? super.kernelTable() : Promise.resolve(null);
  }

  override acceptQueue(address: Address): number | null {
    return mayReadTables() ? super.acceptQueue(address) : null;
  }
}

function mayReadTables(): boolean {
  return mayRead(TABLES);
}

/** Never asks the user. */
function mayRead(paths: readonly string[]): boolean {
  return paths.every((path) => deno.permissions.querySync({ name: "read", path }).state === "granted");
}

/** For these files --allow-read is not enough (Deno 2.9.6); what it grants is tried all the same. */
function filesRefusal(): string | null {
  return mayRead([DESCRIPTORS, LIMITS]) ? null : "Deno counts descriptors only with --allow-all";
}

/**
 * The flag that is missing to use the address, after asking the user if there is one to ask. It must be known before:
 * the refusal itself is thrown where nobody can catch it.
 */
async function missingFlag(address: Address): Promise<string | null> {
  const wanted: Permission[] = address.transport === "tcp"
    ? [{ name: "net", host: describe(address) }]
    : [{ name: "read", path: address.path }, { name: "write", path: address.path }];
  for (const permission of wanted) {
    if (deno.permissions.querySync(permission).state === "granted") continue;
    if ((await deno.permissions.request(permission)).state === "granted") continue;
    return `--allow-${permission.name}=${permission.host ?? permission.path}`;
  }
  return null;
}

/** How often a listener is woken, in ms: a 25 µs probe twice a second, and half a second lost at the worst. */
const HEARTBEAT = 500;

/** What is used of a `node:net` server's handle; not in its types. */
interface Waking {
  readonly _handle?: { listen?(backlog: number): unknown } | null;
}

/**
 * A listener that survives EMFILE. When accept meets it, a server of Deno's `node:net` stops accepting for ever, says
 * nothing, and leaves its clients in the kernel's queue (Deno 2.9.6: the native loop accepts until it fails, before any
 * callback runs). listen(2) on its handle starts it again, and does nothing to one that works.
 */
class DenoListener extends NodeListener {
  readonly #server: net.Server;
  readonly #backlog: number;
  readonly #heartbeat: ReturnType<typeof setInterval>;
  readonly #clients: ProvenClients | null;

  constructor(
    server: net.Server,
    options: SocketListenOptions,
    handles: Handles | null,
    held: HeldSocket | null,
  ) {
    super(server, options, handles, held);
    this.#server = server;
    this.#backlog = options.backlog;
    this.#clients = options.tls?.clientCa === undefined ? null : new ProvenClients(options.tls.clientCa);
    this.#heartbeat = setInterval(() => this.#check(), HEARTBEAT);
    this.#heartbeat.unref();
  }

  override resume(): void {
    super.resume();
    this.#wake();
  }

  override replaceTls(options: TlsListenOptions): void {
    super.replaceTls(options);
    if (options.clientCa !== undefined) this.#clients?.replace(options.clientCa);
  }

  protected override proves(socket: tls.TLSSocket, certificate: TlsCertificate | null): boolean {
    return this.#clients === null || this.#clients.proves(socket, certificate);
  }

  override close(): Promise<void> {
    clearInterval(this.#heartbeat);
    return super.close();
  }

  #check(): void {
    if (this.failing) return;
    const error = descriptorShortage();
    if (error) this.fail(error);
    else this.#wake();
  }

  #wake(): void {
    (this.#server as Waking)._handle?.listen?.(this.#backlog);
  }
}

/** The system's error if no descriptor is left; null if there are some, or no permission to find out. */
function descriptorShortage(): (Error & { readonly code?: string }) | null {
  if (deno.permissions.querySync({ name: "net", host: "127.0.0.1:0" }).state !== "granted") return null;
  try {
    deno.listen({ hostname: "127.0.0.1", port: 0 }).close();
    return null;
  } catch (error) {
    return isShortage(error) ? error : null;
  }
}

function isShortage(error: unknown): error is Error & { readonly code?: string } {
  const code = (error as { code?: string }).code;
  return code === "EMFILE" || code === "ENFILE";
}

/** The adapter for Deno. */
export const adapter: Adapter = new DenoAdapter();

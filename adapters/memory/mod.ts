/**
 * Sockets inside the process, for tests: they behave like TCP, and break when a seed says so.
 *
 * Everything is delivered later, in order per direction, and the same seed gives the same run. A delivery without a
 * delay takes microtasks only, so with a virtual clock nothing waits for real time. A wire puts the two ends of a
 * connection far from each other. TLS is pretended: the protocol is agreed, nothing is encrypted or checked.
 *
 * @module
 */
import type { Clock } from "../../src/clock.ts";
import { systemClock } from "../../src/clock.ts";
import { ConnectError, ListenError } from "../../src/errors.ts";
import { checkNames, type Names } from "../../src/names.ts";
import type { Address } from "../../src/endpoint.ts";
import type { Adapter, ResourceUse } from "../../src/platform.ts";
import type { ListenerEvents, SocketConnectOptions, SocketListener, SocketListenOptions } from "../../src/socket.ts";
import type { MemoryFaults, MemoryWire } from "./schedule.ts";
import { Schedule } from "./schedule.ts";
import type { MemorySocket, MemoryWorld } from "./socket.ts";
import { socketPair, systemError } from "./socket.ts";

export type { MemoryFaults, MemorySocket, MemoryWire };

/** How an in-process network is set up. */
export interface MemoryOptions {
  /** Start of the schedule. @default 1 */
  seed?: number;
  /** Time for delays. @default systemClock */
  clock?: Clock;
  /** Bytes per direction that the "kernel" takes before `unsent` grows. @default 65536 */
  bufferSize?: number;
  /** What goes wrong. @default nothing */
  faults?: MemoryFaults;
  /** How far the ends of a connection are from each other. @default no way at all */
  wire?: MemoryWire;
}

const NAMES: Names<MemoryOptions> = { seed: true, clock: true, bufferSize: true, faults: true, wire: true };

/** An in-process network. */
export interface MemoryAdapter extends Adapter {
  /** Rejects with `ConnectError`, or the signal's reason, and leaves nothing open. */
  connect(options: SocketConnectOptions): Promise<MemorySocket>;
  /** May be replaced at any time. */
  faults: MemoryFaults;
  /** May be replaced at any time; what is under way arrives as it would have. */
  wire: MemoryWire;
  /** Address that the next `connect` comes from. @default the loopback address of the listener's family */
  clientHost: string | null;
  /** What `kernelTable` gives. @default null */
  table: string | null;
  /** What `resources` gives. @default nothing is told */
  use: Partial<ResourceUse>;
  /** The listeners that are open. */
  readonly listeners: ReadonlySet<SocketListener>;
  /** How many sockets are not closed yet; one connection has two. */
  readonly openSockets: number;
  /** First code given to `exit`, or null. */
  readonly exitCode: number | null;
  /** How many signal handlers are set. */
  readonly signalHandlers: number;
  /** Makes the next accepts fail with this code: EMFILE and ENFILE keep the connection queued, others lose it. */
  failAccept(code: string, times?: number): void;
  /** Calls the handlers of an operating-system signal, as if it had arrived. */
  raise(name: string): void;
  /** Fulfils when nothing is on its way except what waits for the clock. */
  settled(): Promise<void>;
}

const DEFAULT_BUFFER = 65_536;
const FIRST_EPHEMERAL_PORT = 49_152;

/** Opens an in-process network: a socket adapter whose faults and timing follow from `seed`. */
export function memoryAdapter(options: MemoryOptions = {}): MemoryAdapter {
  checkNames("memoryAdapter()", options, NAMES);
  return new Network(options);
}

class Listener implements SocketListener {
  readonly address: Address;
  readonly options: SocketListenOptions;
  readonly #net: Network;
  readonly #queue: MemorySocket[] = [];
  readonly #waiting: (() => void)[] = [];
  #events: ListenerEvents | null = null;
  #backingOff = false;
  #scheduled = false;

  constructor(net: Network, address: Address, options: SocketListenOptions) {
    this.#net = net;
    this.address = address;
    this.options = options;
    net.listeners.add(this);
  }

  /** Length of the accept queue. */
  get waiting(): number {
    return this.#queue.length;
  }

  start(events: ListenerEvents): void {
    this.#events = events;
    this.#pump();
  }

  resume(): void {
    this.#backingOff = false;
    this.#pump();
  }

  close(): Promise<void> {
    this.#net.listeners.delete(this);
    for (const socket of this.#queue.splice(0)) socket.destroy();
    for (const wake of this.#waiting.splice(0)) wake();
    return Promise.resolve();
  }

  /** Fulfils when the accept queue has room, or the listener has closed. */
  async room(): Promise<void> {
    while (this.#queue.length > this.options.backlog && this.#net.listeners.has(this)) {
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }

  enqueue(socket: MemorySocket): void {
    this.#queue.push(socket);
    this.#pump();
  }

  #pump(): void {
    if (this.#scheduled || this.#events === null || this.#backingOff || this.#queue.length === 0) return;
    this.#scheduled = true;
    this.#net.schedule.later(0, () => {
      this.#scheduled = false;
      if (this.#queue.length > 0 && !this.#backingOff) this.#accept();
      this.#pump();
    });
  }

  #accept(): void {
    const code = this.#net.acceptFailure();
    if (code === "EMFILE" || code === "ENFILE") {
      this.#backingOff = true;
      return this.#events!.failed(systemError("accept", code));
    }
    const socket = this.#queue.shift()!;
    for (const wake of this.#waiting.splice(0)) wake();
    if (code === undefined) return this.#events!.accepted(socket);
    socket.destroy();
    this.#events!.failed(systemError("accept", code));
  }
}

class Network implements MemoryAdapter, MemoryWorld {
  readonly name: string = "memory";
  readonly bufferSize: number;
  readonly schedule: Schedule;
  readonly sockets: Set<MemorySocket> = new Set();
  readonly listeners: Set<Listener> = new Set();
  clientHost: string | null = null;
  table: string | null = null;
  use: Partial<ResourceUse> = {};
  exitCode: number | null = null;
  readonly #signals = new Set<{ readonly name: string; readonly fn: () => void }>();
  readonly #acceptFailures: string[] = [];
  #ports = 0;

  constructor(options: MemoryOptions) {
    this.bufferSize = options.bufferSize ?? DEFAULT_BUFFER;
    const { seed = 1, clock = systemClock, faults = {}, wire = {} } = options;
    this.schedule = new Schedule(seed, clock, faults, wire);
  }

  get faults(): MemoryFaults {
    return this.schedule.faults;
  }

  set faults(faults: MemoryFaults) {
    this.schedule.faults = faults;
  }

  get wire(): MemoryWire {
    return this.schedule.wire;
  }

  set wire(wire: MemoryWire) {
    this.schedule.wire = wire;
  }

  get openSockets(): number {
    return this.sockets.size;
  }

  get signalHandlers(): number {
    return this.#signals.size;
  }

  listen(options: SocketListenOptions): Promise<SocketListener> {
    const { address, tls } = options;
    if (tls !== undefined && !(tls.cert?.includes("-----BEGIN") && tls.key?.includes("-----BEGIN"))) {
      return Promise.reject(new ListenError("ERR_TLS_CERT", "Certificate or key is not PEM text"));
    }
    const taken = this.#meeting(address);
    if (taken.some((other) => !other.options.reusePort || !options.reusePort)) {
      const cause = systemError("listen", "EADDRINUSE");
      return Promise.reject(new ListenError("EADDRINUSE", `Address ${describe(address)} is in use`, { cause }));
    }
    const bound = address.transport === "tcp" && address.port === 0 ? { ...address, port: this.#freePort() } : address;
    return Promise.resolve(new Listener(this, bound, options));
  }

  connect(options: SocketConnectOptions): Promise<MemorySocket> {
    const { signal } = options;
    return new Promise<MemorySocket>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => reject(signal!.reason);
      signal?.addEventListener("abort", onAbort);
      const cancelled = () => signal?.aborted === true;
      const deliver = (socket: MemorySocket) => cancelled() ? socket.destroy() : resolve(socket);
      const done = (tell: () => void) => {
        signal?.removeEventListener("abort", onAbort);
        tell();
      };
      this.#dial(options, cancelled).then(
        (socket) => this.#wayBack(() => done(() => deliver(socket))),
        (error) => this.#wayBack(() => done(() => reject(error))),
      );
    });
  }

  onSignal(name: string, fn: () => void): () => void {
    const handler = { name, fn };
    this.#signals.add(handler);
    return () => void this.#signals.delete(handler);
  }

  exit(code: number): void {
    this.exitCode ??= code;
  }

  kernelTable(): Promise<string | null> {
    return Promise.resolve(this.table);
  }

  acceptQueue(address: Address): number | null {
    if (address.transport === "unix") return null;
    const found = this.#meeting(address);
    return found.length === 0 ? null : found.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  resources(): ResourceUse {
    return {
      descriptors: null,
      descriptorLimit: null,
      heapUsed: null,
      heapLimit: null,
      rss: null,
      missing: {},
      ...this.use,
    };
  }

  failAccept(code: string, times = 1): void {
    for (let i = 0; i < times; i++) this.#acceptFailures.push(code);
  }

  raise(name: string): void {
    for (const handler of [...this.#signals]) if (handler.name === name) handler.fn();
  }

  settled(): Promise<void> {
    return this.schedule.settled();
  }

  acceptFailure(): string | undefined {
    if (this.#acceptFailures.length > 0) return this.#acceptFailures.shift();
    if (!this.schedule.happens(this.faults.acceptError)) return undefined;
    return this.schedule.random() < 0.5 ? "EMFILE" : "ECONNABORTED";
  }

  /** The dialling end hears of it when what the listener's end said has come back. */
  #wayBack(heard: () => void): void {
    const way = this.schedule.latency("down");
    if (way > 0) this.schedule.later(way, heard);
    else heard();
  }

  async #dial(options: SocketConnectOptions, cancelled: () => boolean): Promise<MemorySocket> {
    const way = this.schedule.latency("up");
    if (way > 0) await new Promise<void>((arrive) => this.schedule.later(way, arrive));
    await new Promise<void>((arrive) => this.schedule.later(this.schedule.deliveryDelay(), arrive));
    const exact = this.#meeting(options.address);
    // Every other host name leads to this one machine, too.
    const found = exact.length > 0 ? exact : this.#find(options.address);
    const listener = found[Math.floor(this.schedule.random() * found.length)];
    await listener?.room();
    if (
      cancelled() || listener === undefined || !this.listeners.has(listener) ||
      this.schedule.happens(this.faults.refuse)
    ) {
      const cause = systemError("connect", "ECONNREFUSED");
      throw new ConnectError("ECONNREFUSED", `Connection to ${describe(options.address)} was refused`, { cause });
    }
    if ((options.tls === undefined) !== (listener.options.tls === undefined)) {
      throw new ConnectError("ERR_TLS", `TLS handshake with ${describe(options.address)} failed`);
    }
    return this.#join(listener, options);
  }

  #join(listener: Listener, options: SocketConnectOptions): MemorySocket {
    const there = reachable(listener.address, options.address);
    const here: Address = there.transport === "tcp"
      ? { transport: "tcp", hostname: this.clientHost ?? loopback(there.hostname), port: this.#freePort() }
      : { transport: "unix", path: "" };
    const offered = options.tls?.alpnProtocols ?? [];
    const protocol = listener.options.tls?.alpnProtocols?.find((name) => offered.includes(name)) ?? null;
    const [client, server] = socketPair(this, here, there, protocol);
    listener.enqueue(server);
    if (this.schedule.happens(this.faults.earlyReset)) client.reset();
    return client;
  }

  #find(address: Address): Listener[] {
    const key = endpoint(address);
    return [...this.listeners].filter((listener) => endpoint(listener.address) === key);
  }

  /** Those that listen at the very address. */
  #meeting(address: Address): Listener[] {
    return this.#find(address).filter((listener) => meets(listener.address, address));
  }

  #freePort(): number {
    const span = 65_536 - FIRST_EPHEMERAL_PORT;
    for (;;) {
      const port = FIRST_EPHEMERAL_PORT + this.#ports++ % span;
      if (this.#find({ transport: "tcp", hostname: "", port }).length === 0) return port;
    }
  }
}

/** What identifies a listener: every host name leads to this one machine. */
function endpoint(address: Address): string {
  return address.transport === "tcp" ? `tcp:${address.port}` : `unix:${address.path}`;
}

/** Two listeners would have the same address. */
function meets(one: Address, other: Address): boolean {
  if (one.transport === "unix" || other.transport === "unix") return true;
  return isWildcard(one) || isWildcard(other) || one.hostname === other.hostname;
}

function isWildcard(address: Address): boolean {
  return address.transport === "tcp" && (address.hostname === "0.0.0.0" || address.hostname === "::");
}

/** The address that a connection to a listener has at its end. */
function reachable(address: Address, asked: Address): Address {
  if (address.transport === "unix" || !isWildcard(address)) return address;
  const host = address.hostname === "::" && asked.transport === "tcp" ? asked.hostname : address.hostname;
  return { ...address, hostname: loopback(host) };
}

function loopback(hostname: string): string {
  return hostname.includes(":") ? "::1" : "127.0.0.1";
}

function describe(address: Address): string {
  return address.transport === "tcp" ? `${address.hostname}:${address.port}` : address.path;
}

/**
 * A worker's end of the talk with its supervisor, over the IPC channel that it was started with.
 *
 * @module
 */
import process from "node:process";
import { ListenError } from "../../../src/errors.ts";
import type { Address } from "../../../src/endpoint.ts";
import { type FromWorker, type ParentServer, placesOf, type ServerState, type ToWorker } from "../../../src/parent.ts";
import type { HeldSocket, SocketListenOptions } from "../../../src/socket.ts";
import type { ProcessParent } from "./process_parent.ts";

/**
 * How long after its last server a program that never calls `run()` is taken for started, in ms: the next server may
 * still be waiting for something.
 */
const SETTLE = 1000;
/** How often it looks whether its servers have become ready, or are not any more, in ms. */
const LOOK_EVERY = 50;

interface Pending {
  readonly resolve: (socket: HeldSocket) => void;
  readonly reject: (error: Error) => void;
  readonly release: () => void;
}

/** The parent of a worker of `sluice run`. */
export class Supervised implements ProcessParent {
  holdsSockets = true;
  isSucceeded = false;
  readonly #receive: (() => Promise<number>) | null;
  readonly #pending: Map<number, Pending> = new Map();
  /** Which of several sockets of one address are open here. */
  readonly #inUse: Map<string, Set<number>> = new Map();
  readonly #servers: ParentServer[] = [];
  #receiving: Promise<number> = Promise.resolve(-1);
  #lastId = 0;
  /** What every server is told. */
  #limits: object | null = null;
  #isStarted = false;
  /** It leaves already, or is about to be told so. */
  #isStopping = false;
  #servedAt = 0;
  #wasReady = false;
  #look: ReturnType<typeof setInterval> | null = null;

  /** @param receive Takes the socket that was sent last, where IPC does not carry sockets; else null. */
  constructor(receive: (() => Promise<number>) | null) {
    this.#receive = receive;
    process.on("message", (message, handle) => this.#heard(message, handle));
    process.once("disconnect", () => this.#orphaned());
    channel()?.unref?.();
  }

  async open({ address, inherit, mode }: SocketListenOptions): Promise<HeldSocket> {
    const name = inherit ?? null;
    if (!process.connected) throw orphanError();
    const [nth, release] = this.#place(address, name);
    try {
      return await new Promise((resolve, reject) => {
        const id = ++this.#lastId;
        this.#pending.set(id, { resolve, reject, release });
        channel()?.ref?.();
        const wish = { address: name === null ? address : null, name, nth, mode };
        this.#say({ sluice: "open", id, wish });
      });
    } catch (error) {
      release();
      throw error;
    }
  }

  serving(server: ParentServer): void {
    if (this.#limits !== null) server.configure(this.#limits);
    this.#servers.push(server);
    this.#servedAt = performance.now();
    server.closed.then((report) => {
      // A report that was heard is the last word: what was counted until then has come before it.
      this.#count(0);
      this.#say({ sluice: "report", report });
      this.#servers.splice(this.#servers.indexOf(server), 1);
    });
    this.#watch();
  }

  started(): void {
    this.#isStarted = true;
    this.#watch();
  }

  stopping(): Promise<void> {
    this.#isStopping = true;
    this.#tell();
    return Promise.resolve();
  }

  /** The number of a socket among those of its address, and what gives it back. */
  #place(address: Address, name: string | null): [nth: number, release: () => void] {
    const key = name === null ? JSON.stringify(address) : `name ${name}`;
    const used = this.#inUse.get(key) ?? new Set();
    this.#inUse.set(key, used);
    let nth = 0;
    while (used.has(nth)) nth++;
    if (nth > 0 && (address.transport === "unix" || address.port !== 0 || name !== null)) {
      throw new ListenError("EADDRINUSE", `Cannot listen on ${key}: this process listens there already (EADDRINUSE)`);
    }
    used.add(nth);
    return [nth, () => void used.delete(nth)];
  }

  async #heard(message: unknown, handle: unknown): Promise<void> {
    if (typeof message !== "object" || message === null || !("sluice" in message)) return;
    const said = message as ToWorker;
    this.#say({ sluice: "heard" });
    if (said.sluice === "ping") return this.#pinged(said.shares);
    if (said.sluice === "succeeded") this.isSucceeded = this.#isStopping = true;
    else if (said.sluice === "alone") [this.holdsSockets, this.#isStopping] = [false, true];
    else if (said.sluice === "configure") this.#configure(said.id, said.limits);
    else if (said.sluice === "count") this.#count(said.id);
    else if (said.sluice === "opened") await this.#opened(said.id, said.address, handle);
    else if (said.sluice === "refused") this.#take(said.id)?.reject(new ListenError(said.code, said.message));
  }

  #pinged(shares: Readonly<Record<string, number>>): void {
    for (const server of this.#servers) {
      const share = shares[placesOf(server)];
      if (share !== undefined) server.level?.(share);
    }
    this.#tell();
  }

  async #opened(id: number, address: Address, handle: unknown): Promise<void> {
    const pending = this.#take(id);
    if (pending === undefined) return;
    try {
      // One after the other: they come in the order in which they were sent.
      const fd = await (this.#receiving = this.#receiving.then(() => this.#receive?.() ?? -1));
      pending.resolve({ address, handle: (handle as object | undefined) ?? null, fd, release: pending.release });
    } catch (error) {
      pending.reject(error as Error);
    }
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) channel()?.unref?.();
    return pending;
  }

  #configure(id: number, limits: object): void {
    this.#limits = limits;
    let error: string | null = null;
    try {
      for (const server of this.#servers) server.configure(limits);
    } catch (fault) {
      error = (fault as Error).message;
    }
    this.#say({ sluice: "configured", id, error });
  }

  /** Tells what was counted. */
  #count(id: number): void {
    const sources = new Set(this.#servers.flatMap(({ sources = [] }) => sources));
    // Who counts nothing need not be heard at the end.
    if (id === 0 && sources.size === 0) return;
    this.#say({ sluice: "metrics", id, snapshots: Array.from(sources, (source) => source.ownSnapshot()) });
  }

  /** Until all are ready. */
  #watch(): void {
    if (this.#look !== null) return;
    this.#look = setInterval(() => this.#lookNow(), LOOK_EVERY);
    (this.#look as { unref?(): void }).unref?.();
    this.#lookNow();
  }

  #lookNow(): void {
    if (this.#isReady === this.#wasReady) return;
    this.#tell();
    if (!this.#wasReady || this.#look === null) return;
    clearInterval(this.#look);
    this.#look = null;
  }

  get #isReady(): boolean {
    const settled = this.#isStarted || performance.now() - this.#servedAt > SETTLE;
    return settled && this.#servers.length > 0 && this.#servers.every((server) => server.ready);
  }

  #tell(): void {
    this.#wasReady = this.#isReady;
    const { rss } = process.memoryUsage();
    const servers = this.#servers.map(stateOf);
    this.#say({ sluice: "state", ready: this.#wasReady, drains: this.#isStarted, servers, rss });
  }

  #say(message: FromWorker): void {
    // A supervisor that is gone hears nothing, and there is nobody to tell.
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  }

  /** Nobody would ever stop this process, and nobody holds its sockets. */
  #orphaned(): void {
    this.holdsSockets = false;
    this.isSucceeded = false;
    for (const [id] of this.#pending) {
      this.#take(id)?.reject(orphanError());
    }
    // What it writes now may reach nobody, and costs it nothing.
    for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
    // A second signal would cut what drains already.
    if (!this.#isStopping) process.kill(process.pid, "SIGTERM");
  }
}

function orphanError(): ListenError {
  return new ListenError("ERR_PARENT", "The supervisor is gone, nobody opens sockets any more");
}

/** It keeps a program alive only while something is awaited from it. */
function channel(): { ref?(): void; unref?(): void } | undefined {
  return (process as { readonly channel?: { ref?(): void; unref?(): void } }).channel;
}

function stateOf({ name, ready, addresses, stats, http }: ParentServer): ServerState {
  const { accepted, active } = stats;
  return { name, ready, addresses, accepted, active, ...(http === undefined ? {} : { requests: http.requests }) };
}

/**
 * The fault proxy: stands in front of a server, and lets go wrong what it is told to.
 *
 * @module
 */
import {
  type Address,
  type Clock,
  type Conn,
  type ConnectOptions,
  ConnResetError,
  createServer,
  Dialer,
  type HandlerContext,
  jsonLogger,
  listen,
  type Logger,
  safeLogger,
  type Server,
  systemClock,
} from "@sluice/sluice";
import { type Effects, effectsOf } from "./effect.ts";
import { Link, type LinkHost } from "./link.ts";
import { checkFaults, checkProxy, duration } from "./fault_checks.ts";
import { freshSeed } from "./random.ts";
import { Tally } from "./tally.ts";
import type { Fault, FaultEndpoint, FaultProxy, FaultProxyOptions, FaultStats } from "./faults_api.ts";

const LOCALHOST = "127.0.0.1";

class Proxy implements FaultProxy, LinkHost {
  readonly clock: Clock;
  readonly seed: number;
  readonly server: Server;
  readonly tally: Tally = new Tally();
  closedUntil = 0;
  #faults: readonly Fault[];
  #setAt: number;
  readonly #upstream: ConnectOptions;
  readonly #dialer: Dialer;
  readonly #log: Logger;
  #isUpstreamMissing = false;
  readonly #links: Set<Link> = new Set();
  /** Those who wait for the end of a partition. */
  readonly #waiting: Set<() => void> = new Set();

  constructor(options: FaultProxyOptions) {
    this.#faults = checkProxy(options);
    const { adapter, upstream } = options;
    this.clock = options.clock ?? systemClock;
    this.seed = options.seed ?? freshSeed();
    this.#setAt = this.clock.now();
    this.#log = safeLogger(options.logger ?? jsonLogger({ level: "warn" }));
    this.#upstream = upstream.path === undefined ? { hostname: LOCALHOST, ...upstream } : upstream;
    this.#dialer = new Dialer({ adapter, clock: this.clock });
    this.server = createServer(
      { name: "faults", adapter, clock: this.clock, logger: this.#log },
      (conn, ctx) => this.#serve(conn, ctx),
    );
  }

  get address(): Address {
    return this.server.address;
  }

  get faults(): readonly Fault[] {
    return this.#faults;
  }

  set(faults: readonly Fault[]): void {
    this.#faults = checkFaults(faults);
    this.#setAt = this.clock.now();
    for (const link of this.#links) link.apply(this.#effectsOf(link.number));
    this.#wake();
  }

  partition(ms: number): void {
    duration("ms", ms);
    this.closedUntil = this.clock.now() + ms;
    for (const link of this.#links) link.kick();
    this.#wake();
  }

  stats(): FaultStats {
    return this.tally.snapshot();
  }

  async close(): Promise<void> {
    const stopped = this.server.close();
    this.#wake();
    for (const link of this.#links) link.abort(new ConnResetError("The proxy was closed"));
    await stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(conn: Conn, ctx: HandlerContext): Promise<void> {
    const { connections, faults } = this.tally;
    connections.accepted++;
    if (this.#effectsOf(conn.id).refused) {
      faults.refuse++;
      connections.failed++;
      return conn.abort(new ConnResetError("A fault refuses this connection"));
    }
    connections.connecting++;
    const upstream = await this.#connect(conn, ctx);
    connections.connecting--;
    if (upstream === null) connections.failed++;
    else await this.#join(conn, upstream, ctx.draining);
  }

  /** Null if there is no connection to be had, or nobody wants it any more. */
  async #connect(conn: Conn, ctx: HandlerContext): Promise<Conn | null> {
    await this.#passable(conn, ctx);
    if (conn.state === "closed") return null;
    try {
      const upstream = await this.#dialer.connect({ ...this.#upstream, context: ctx });
      this.#isUpstreamMissing = false;
      return upstream;
    } catch (error) {
      this.#report(conn, error);
      conn.abort(error);
      return null;
    }
  }

  /** One record for a burst: an upstream that is not there may be asked for thousands of times. */
  #report(conn: Conn, error: unknown): void {
    const level = this.#isUpstreamMissing ? "debug" : "warn";
    this.#isUpstreamMissing = true;
    this.#log[level]("No connection to the upstream, resetting the client's", { conn: conn.id, error });
  }

  async #join(conn: Conn, upstream: Conn, draining: AbortSignal): Promise<void> {
    const link = new Link(conn, upstream, this.#effectsOf(conn.id), this);
    this.#links.add(link);
    link.start();
    if (draining.aborted) link.lift();
    else draining.addEventListener("abort", () => link.lift(), { once: true });
    await link.over;
    this.#links.delete(link);
  }

  /** Fulfils when no partition keeps the connection from the upstream, it is gone, or a drain lifts it. */
  async #passable(conn: Conn, ctx: HandlerContext): Promise<void> {
    while (conn.state !== "closed" && !ctx.draining.aborted) {
      const { up, down } = this.#effectsOf(conn.id);
      const until = Math.max(up.closedUntil, down.closedUntil, this.closedUntil);
      if (until <= this.clock.now()) return;
      this.tally.faults.partition++;
      await this.#waitUntil(until, conn, ctx);
    }
  }

  #waitUntil(at: number, conn: Conn, ctx: HandlerContext): Promise<void> {
    return new Promise((resolve) => {
      const cancel = at === Infinity ? () => {} : this.clock.setTimer(() => wake(), at - this.clock.now());
      const wake = () => {
        cancel();
        this.#waiting.delete(wake);
        ctx.draining.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      conn.closed.then(wake);
      ctx.draining.addEventListener("abort", wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #effectsOf(connection: number): Effects {
    return effectsOf(this.#faults, this.seed, connection, this.#setAt);
  }
}

/**
 * Starts a TCP proxy that makes things go wrong. Without faults it is transparent: bytes, FIN, reset and backpressure
 * pass both ways.
 *
 * @throws {OptionError} An option can't be used; nothing was opened.
 * @throws {ListenError} The port is in use.
 * @example
 * ```ts
 * const proxy = await startFaultProxy({ upstream: { port: 9000 }, faults: [{ kind: "latency", ms: 50 }], seed: 7 });
 * proxy.set([{ kind: "reset", afterBytes: 1000, direction: "down", share: 0.1 }]);
 * await proxy.close();
 * ```
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new Proxy(options);
  const { adapter, clock } = options;
  proxy.server.serve(await listen({ ...placeOf(options.listen ?? {}), adapter, clock }));
  return proxy;
}

function placeOf(listen: FaultEndpoint): FaultEndpoint {
  return listen.path === undefined ? { hostname: LOCALHOST, ...listen } : listen;
}

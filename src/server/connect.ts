/**
 * Client connections.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { background, type ContextParent, withTimeout } from "../context/mod.ts";
import { ConnectError, OptionError } from "../errors.ts";
import { checkNames, type Names } from "../names.ts";
import { defaultAdapter } from "../runtime.ts";
import type { Address, TlsConnectOptions } from "../endpoint.ts";
import type { ProxySendOptions } from "../proxied.ts";
import type { Adapter } from "../platform.ts";
import { formatAddress } from "../address.ts";
import type { Conn } from "./conn/conn.ts";
import { CONN_NAMES, connLimits, type ConnOptions, hostOf } from "./serve_options.ts";
import { SoloHost } from "./conn/solo_host.ts";
import { duration, integer, oneOf, text } from "../validate.ts";

/** Where to connect, and what the connection is like. */
export interface ConnectOptions extends ConnOptions {
  /** TCP port, unless `path` is given. @default none */
  port?: number;
  /** Host to connect to. @default "127.0.0.1" */
  hostname?: string;
  /** Another name of `hostname`. @default that of `hostname` */
  host?: string;
  /** Told by an address, such as `server.address`, which is taken as it is; port or path say it anyway. @default by port or path */
  transport?: Address["transport"];
  /** Path of a Unix socket, instead of port and hostname. @default none */
  path?: string;
  /** Speak TLS; `true` for the defaults. @default false */
  tls?: TlsConnectOptions | boolean;
  /**
   * Says in a PROXY header, before everything else and before TLS, for whom it speaks; `true` for itself. The other end
   * must expect it. @default none
   */
  proxyProtocol?: ProxySendOptions | true;
  /** Longest wait for the connection in ms, 0 for none. @default 30000 */
  connectTimeout?: number;
  /** Gives up when it ends. @default none */
  context?: ContextParent;
  /** The runtime's sockets. @default the runtime that runs this */
  adapter?: Adapter;
  /** Time, for tests. @default the machine's */
  clock?: Clock;
}

const NAMES: Names<ConnectOptions> = {
  ...CONN_NAMES,
  port: true,
  hostname: true,
  host: true,
  transport: true,
  path: true,
  tls: true,
  proxyProtocol: true,
  connectTimeout: true,
  context: true,
  adapter: true,
  clock: true,
};

const TLS_NAMES: Names<TlsConnectOptions> = { ca: true, serverName: true, alpnProtocols: true, insecure: true };

/** Makes connections that share one timer and one write batch: for programs that hold many (Go: `net.Dialer`). */
export class Dialer {
  readonly #options: ConnectOptions;
  readonly #clock: Clock;
  readonly #host: SoloHost;
  /** Most dialers have no need of it. */
  #proxy: Promise<typeof import("./proxy/mod.ts")> | null = null;

  /**
   * Checks what is common to all connections.
   *
   * @throws {OptionError} An option can't be used.
   */
  constructor(options: ConnectOptions = {}) {
    checkOptions("Dialer()", options);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#host = new SoloHost(this.#clock, connLimits(options));
  }

  /**
   * Connects; `options` override the dialer's.
   *
   * @throws {OptionError} An option can't be used.
   * @throws {ConnectError} Refused, unreachable, or the name or certificate is wrong.
   * @throws {DeadlineExceeded} `connectTimeout` passed.
   */
  async connect(options: ConnectOptions = {}): Promise<Conn> {
    checkOptions("connect()", options);
    const all = { ...this.#options, ...options };
    const address = connectAddress(all);
    const timeout = duration("connectTimeout", all.connectTimeout, 30_000);
    const adapter = all.adapter ?? await defaultAdapter();
    const parent = all.context ?? background(this.#clock);
    const limit = timeout === 0 ? Infinity : timeout;
    const late = new ConnectError("ETIMEDOUT", `No connection to ${formatAddress(address)} within ${timeout} ms`);
    const [ctx, cancel] = withTimeout(parent, limit, late);
    try {
      const tls = all.tls === true ? {} : all.tls || undefined;
      const target = { address, tls, signal: ctx.signal };
      const socket = all.proxyProtocol === undefined
        ? await adapter.connect(target)
        : await (await (this.#proxy ??= import("./proxy/mod.ts"))).connectFor(all.proxyProtocol, adapter, target);
      if (!this.#host.limits.noDelay) socket.setNoDelay(false);
      return this.#host.adopt(socket);
    } finally {
      cancel();
    }
  }
}

/**
 * Connects once (Go: `net.DialContext`).
 *
 * @throws {OptionError} An option can't be used.
 * @throws {ConnectError} Refused, unreachable, timed out, or the name or certificate is wrong.
 * @example
 * ```ts
 * const conn = await connect({ port: 9000, connectTimeout: 500 });
 * await conn.write("hello\n");
 * ```
 */
export function connect(options: ConnectOptions): Promise<Conn> {
  return new Dialer(options).connect();
}

function checkOptions(what: string, options: ConnectOptions): void {
  checkNames(what, options, NAMES);
  if (options.tls !== undefined && typeof options.tls !== "boolean") checkNames("tls", options.tls, TLS_NAMES);
}

function connectAddress(options: ConnectOptions): Address {
  oneOf("transport", options.transport, "tcp", ["tcp", "unix"]);
  if (options.path !== undefined) {
    if (options.port !== undefined) {
      throw new OptionError("path", `path ${JSON.stringify(options.path)} excludes port, give one or the other`);
    }
    return { transport: "unix", path: text("path", options.path, "") };
  }
  if (options.port === undefined) throw new OptionError("port", "port is undefined, give a port or a path");
  const port = integer("port", options.port, 0, 1, 65_535);
  return { transport: "tcp", hostname: text("hostname", hostOf(options), "127.0.0.1"), port };
}

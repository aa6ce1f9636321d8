/**
 * The options of listeners, connections, admission and drain: documented, checked and defaulted in one place.
 *
 * @module
 */
import { type Bytes, dataOf } from "../bytes.ts";
import type { Clock } from "../clock.ts";
import { OptionError } from "../errors.ts";
import type { Names } from "../names.ts";
import type { Logger } from "../log.ts";
import type { Address } from "../endpoint.ts";
import type { ProxyProtocolOptions } from "../proxied.ts";
import type { Adapter } from "../platform.ts";
import type { SocketListenOptions } from "../socket.ts";
import { type ConnLimits, KEEP_ALIVE_DELAY } from "./conn/host.ts";
import type { Conn, ConnState } from "./conn/conn.ts";
import type { DrainPhase } from "./drain/report.ts";
import type { TlsOptions } from "./tls/tls_options.ts";
import { callable, count, duration, integer, oneOf, share, text, yesOrNo } from "../validate.ts";

/** Where to listen. */
export interface ListenOptions {
  /** TCP port; 0 lets the system choose. @default 0 */
  port?: number;
  /**
   * Address to bind; `localhost` is 127.0.0.1 and ::1, where the system has both. @default all addresses, of IPv6 and
   * IPv4 (`::`), or of IPv4 alone where there is no IPv6 (`0.0.0.0`)
   */
  hostname?: string;
  /** Another name of `hostname`. @default that of `hostname` */
  host?: string;
  /** Path of a Unix socket, instead of port and hostname. @default none */
  path?: string;
  /**
   * Name of a socket that whoever starts the program holds for it, instead of port, hostname and path: one of the
   * settings of `sluice run`, or systemd's `FileDescriptorName`. Refused where nobody holds one of that name. @default none
   */
  inherit?: string;
  /**
   * Who may connect to a Unix socket, as the permissions of its file: `0o660` for the owner and the group. They are set
   * right behind the bind, before anybody is accepted. @default what the process's umask leaves
   */
  mode?: number;
  /** Certificates and keys, as PEM or in files; makes it a TLS listener. @default none */
  tls?: TlsOptions;
  /**
   * Clients come through proxies that name them in a PROXY header (versions 1 and 2), before TLS too: `conn.remote` is
   * the client then, for limits and logs as well. @default nobody is believed, and a header is bytes as all others
   */
  proxyProtocol?: ProxyProtocolOptions;
  /** Length of the kernel's accept queue; the kernel caps it at `net.core.somaxconn`. @default 1024 */
  backlog?: number;
  /** Several processes share the port (SO_REUSEPORT). Refused where the runtime has no such thing. @default false */
  reusePort?: boolean;
  /** The runtime's sockets. @default the runtime that runs this */
  adapter?: Adapter;
  /** Time, for tests. @default the machine's */
  clock?: Clock;
}

/** Limits of each connection; durations in ms, 0 for none. */
export interface ConnOptions {
  /** Longest wait of a `read()`, and longest time from a message's first byte to its last. @default 0 (none) */
  readTimeout?: number;
  /** Longest time without progress while bytes wait to be taken by the peer. @default 0 (none) */
  writeTimeout?: number;
  /** A connection at a boundary without traffic for so long is closed gracefully. @default 0 (never) */
  idleTimeout?: number;
  /** Age at which a connection is closed gracefully, at its next boundary. @default 0 (never) */
  maxLifetime?: number;
  /** Share by which `maxLifetime` varies up and down, so that peers don't return together. @default 0.1 */
  lifetimeJitter?: number;
  /** How long to wait for the peer's FIN after ours. @default 2000 */
  lingerTimeout?: number;
  /** Unread bytes at which the peer is made to wait. @default 65536 */
  readHighWaterMark?: number;
  /** Unsent bytes at which `write()` makes its caller wait. @default 65536 */
  writeHighWaterMark?: number;
  /** Delay of TCP keep-alive in ms, 0 for off (Go: 15 s). @default 15000 */
  keepAlive?: number;
  /** Small packets leave at once (TCP_NODELAY). @default true */
  noDelay?: boolean;
  /**
   * Whether a peer may wait for an answer when a handler has taken a message. By default that is told from what
   * connections show; false says that nobody ever waits for one (telemetry, logs), so that a handler which reads ahead
   * is never waited for. @default true
   */
  answers?: boolean;
}

/** What happens at a limit: turn away, let wait, or close the longest-idle connection instead. */
export type AdmissionPolicy = "reject" | "queue" | "shedIdle";

/** Who is let in. */
export interface AdmissionOptions {
  /** Connections at once. @default Infinity */
  maxConnections?: number;
  /** Connections at once from one IP address; IPv4-mapped IPv6 counts as IPv4. @default Infinity */
  maxConnectionsPerIp?: number;
  /** Leading bits of an IPv6 address that count as one peer. @default 128 */
  ipv6Prefix?: number;
  /** Connections per second, as a token bucket. @default Infinity */
  acceptRate?: number;
  /** Connections that may come at once above the rate. @default the rate, at least 1 */
  acceptBurst?: number;
  /**
   * Asked at each new connection that meets no other limit; false is one more limit met. While connections queue it is
   * asked ten times a second. If it throws, the connection is let in and the error logged. @default none
   */
  admit?: () => boolean;
  /**
   * What happens at a limit: `reject` turns away, `queue` accepts and lets wait, `shedIdle` closes the connection that
   * has been idle longest. @default "reject"
   */
  policy?: AdmissionPolicy;
  /** Last words to a rejected connection; a function is asked for each. @default none */
  rejectWith?: string | Bytes | (() => string | Bytes);
  /** Accepted connections that may wait under the policy `queue`. @default 1024 */
  maxQueue?: number;
}

/** How a server stops. All durations in ms; together they fit into `grace`. */
export interface DrainOptions {
  /** Budget of the whole stop, hooks included. @default 10000 */
  grace?: number;
  /** After the signal, still accepting and serving for so long while balancers notice. @default 0 */
  lameDuck?: number;
  /** The lame duck ends early when nothing was accepted for so long. @default lameDuck */
  acceptQuiet?: number;
  /**
   * Silence at a boundary, beyond twice the longest gap of its rhythm, after which a connection is closed. With 250 a
   * message that was lost once on its way is waited for. @default 250, a quarter of grace at most
   */
  quiet?: number;
  /**
   * A connection that asked nothing since the drain began to close is left open for so long; so is one whose rhythm is
   * not known yet. A phone's round trip, twice. @default 1000, a quarter of grace at most, and at least quiet
   */
  idleGrace?: number;
  /** Goodbyes are spread at random over so long, so that thousands of clients don't come back at once. @default 0 */
  spread?: number;
  /** How long a busy connection is served on before it is made to finish. @default half of grace */
  patience?: number;
  /** What handlers get to unwind after `ctx.signal` aborts. @default 200, a tenth of grace at most */
  abortGrace?: number;
}

/** Everything `serve()` takes. */
export interface ServeOptions extends ListenOptions, ConnOptions, AdmissionOptions, DrainOptions {
  /** Name in logs and reports. @default "server" */
  name?: string;
  /** Where records go; `@std/log`'s Logger fits. @default JSON lines on stderr */
  logger?: Logger;
  /**
   * Last words on a connection that a drain closes, written before its FIN. The FIN waits for a promise, for
   * `lingerTimeout` or what is left of the budget at the most. @default none
   */
  goodbye?: (conn: Conn) => void | Promise<void>;
  /** Sees every change of every connection's state. @default none */
  onStateChange?: (conn: Conn, from: ConnState, to: ConnState) => void;
  /** Sees each phase of a drain as it begins. @default none */
  onDrainPhase?: (phase: DrainPhase) => void;
  /**
   * The lame duck waits for somebody who comes to this server, as `lastScrape()` does: `run()` leaves it as it is, and
   * begins it when those that stop before have stopped. It is as long as what is left of the budget has room for.
   * @default false
   */
  ownLameDuck?: boolean;
}

/** What may change while the server runs. */
export type ConfigureOptions = ConnOptions & AdmissionOptions;

/** Names of `ListenOptions`. */
export const LISTEN_NAMES: Names<ListenOptions> = {
  port: true,
  hostname: true,
  host: true,
  path: true,
  inherit: true,
  mode: true,
  tls: true,
  proxyProtocol: true,
  backlog: true,
  reusePort: true,
  adapter: true,
  clock: true,
};

/** Names of `ConnOptions`. */
export const CONN_NAMES: Names<ConnOptions> = {
  readTimeout: true,
  writeTimeout: true,
  idleTimeout: true,
  maxLifetime: true,
  lifetimeJitter: true,
  lingerTimeout: true,
  readHighWaterMark: true,
  writeHighWaterMark: true,
  keepAlive: true,
  noDelay: true,
  answers: true,
};

/** Names of `AdmissionOptions`. */
export const ADMISSION_NAMES: Names<AdmissionOptions> = {
  maxConnections: true,
  maxConnectionsPerIp: true,
  ipv6Prefix: true,
  acceptRate: true,
  acceptBurst: true,
  admit: true,
  policy: true,
  rejectWith: true,
  maxQueue: true,
};

/** Names of `DrainOptions`. */
export const DRAIN_NAMES: Names<DrainOptions> = {
  grace: true,
  lameDuck: true,
  acceptQuiet: true,
  quiet: true,
  idleGrace: true,
  spread: true,
  patience: true,
  abortGrace: true,
};

/** Names of `ServeOptions`. */
export const SERVE_NAMES: Names<ServeOptions> = {
  ...LISTEN_NAMES,
  ...CONN_NAMES,
  ...ADMISSION_NAMES,
  ...DRAIN_NAMES,
  name: true,
  logger: true,
  goodbye: true,
  onStateChange: true,
  onDrainPhase: true,
  ownLameDuck: true,
};

/** Names of `ConfigureOptions`. */
export const CONFIGURE_NAMES: Names<ConfigureOptions> = { ...CONN_NAMES, ...ADMISSION_NAMES };

/** Checked admission options. */
export interface AdmissionLimits {
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
  readonly ipv6Prefix: number;
  readonly acceptRate: number;
  readonly acceptBurst: number;
  readonly admit: (() => boolean) | null;
  readonly policy: AdmissionPolicy;
  readonly rejectWith: Uint8Array | string | (() => string | Bytes);
  readonly maxQueue: number;
}

/** Checked drain options. */
export interface DrainLimits {
  readonly grace: number;
  readonly lameDuck: number;
  /** It is no part of another stop's. */
  readonly ownLameDuck: boolean;
  readonly acceptQuiet: number;
  readonly quiet: number;
  readonly idleGrace: number;
  /** Somebody asked for it: it is no courtesy that gives way. */
  readonly idleGraceGiven: boolean;
  readonly spread: number;
  readonly patience: number;
  readonly abortGrace: number;
}

/** Waiting connections under the policy `queue`: enough for a burst, few enough for a descriptor table. */
const DEFAULT_QUEUE = 1024;
/** What was lost on its way is sent again after the round trip and, on Linux, 200 ms (RFC 6298 asks for more). */
const QUIET = 250;
/** Twice the round trip of a phone on a bad line. */
const IDLE_GRACE = 1000;
/** One socket buffer's worth each way; a handler that needs more says so. */
const DEFAULT_HIGH_WATER_MARK = 65_536;

/** Checks where to listen. What is spoken there is checked by `openTls()`. */
export function listenTarget(options: ListenOptions): SocketListenOptions {
  return {
    address: listenAddress(options),
    backlog: integer("backlog", options.backlog, 1024, 1, 65_535),
    reusePort: options.reusePort === true,
    secureLater: options.tls !== undefined && options.proxyProtocol !== undefined,
    mode: fileMode(options),
    ...(options.inherit === undefined ? {} : { inherit: inheritedName(options) }),
  };
}

function fileMode({ mode, path }: ListenOptions): number | undefined {
  if (mode === undefined) return undefined;
  if (path === undefined) throw new OptionError("mode", "mode is for a Unix socket, give a path with it");
  return integer("mode", mode, 0, 0, 0o777);
}

function inheritedName(options: ListenOptions): string {
  const name = text("inherit", options.inherit, "");
  const others = [options.port, hostOf(options), options.path];
  if (others.every((other) => other === undefined)) return name;
  throw new OptionError(
    "inherit",
    `inherit ${JSON.stringify(name)} excludes port, hostname and path, give one or the other`,
  );
}

function listenAddress(options: ListenOptions): Address {
  if (options.path === undefined) {
    const port = integer("port", options.port, 0, 0, 65_535);
    return { transport: "tcp", hostname: text("hostname", hostOf(options), "::"), port };
  }
  if (options.port !== undefined || hostOf(options) !== undefined) {
    throw new OptionError(
      "path",
      `path ${JSON.stringify(options.path)} excludes port and hostname, give one or the other`,
    );
  }
  return { transport: "unix", path: text("path", options.path, "") };
}

/**
 * The hostname, by whichever of its two names it was given.
 *
 * @throws {OptionError} Both were given, and differ.
 */
export function hostOf({ hostname, host }: { readonly hostname?: string; readonly host?: string }): string | undefined {
  if (hostname !== undefined && host !== undefined && host !== hostname) {
    const got = `${JSON.stringify(host)} and ${JSON.stringify(hostname)}`;
    throw new OptionError("host", `host and hostname are two names of one option, got ${got}`);
  }
  return hostname ?? host;
}

/** Checks the limits of connections; what is not given comes from `base`. */
export function connLimits(options: ConnOptions & DrainOptions, base?: ConnLimits): ConnLimits {
  return {
    readTimeout: duration("readTimeout", options.readTimeout, base?.readTimeout ?? 0),
    writeTimeout: duration("writeTimeout", options.writeTimeout, base?.writeTimeout ?? 0),
    idleTimeout: duration("idleTimeout", options.idleTimeout, base?.idleTimeout ?? 0),
    maxLifetime: duration("maxLifetime", options.maxLifetime, base?.maxLifetime ?? 0),
    lifetimeJitter: share("lifetimeJitter", options.lifetimeJitter, base?.lifetimeJitter ?? 0.1),
    lingerTimeout: duration("lingerTimeout", options.lingerTimeout, base?.lingerTimeout ?? 2000),
    readHighWaterMark: count(
      "readHighWaterMark",
      options.readHighWaterMark,
      base?.readHighWaterMark ?? DEFAULT_HIGH_WATER_MARK,
    ),
    writeHighWaterMark: count(
      "writeHighWaterMark",
      options.writeHighWaterMark,
      base?.writeHighWaterMark ?? DEFAULT_HIGH_WATER_MARK,
    ),
    keepAlive: duration("keepAlive", options.keepAlive, base?.keepAlive ?? KEEP_ALIVE_DELAY),
    noDelay: options.noDelay ?? base?.noDelay ?? true,
    ...drainManners(options, base),
    answers: yesOrNo("answers", options.answers, base?.answers ?? true),
  };
}

/** What a connection that ends by itself has in common with a drain. */
function drainManners(
  options: DrainOptions,
  base: ConnLimits | undefined,
): Pick<ConnLimits, "quiet" | "idleGrace" | "patience"> {
  const { quiet, idleGrace, patience } = base ?? drainLimits(options);
  return { quiet, idleGrace, patience };
}

/** Checks who is let in; what is not given comes from `base`. */
export function admissionLimits(options: AdmissionOptions, base?: AdmissionLimits): AdmissionLimits {
  const acceptRate = count("acceptRate", options.acceptRate, base?.acceptRate ?? Infinity);
  const burst = options.acceptRate === undefined && base !== undefined ? base.acceptBurst : Math.max(1, acceptRate);
  return {
    maxConnections: count("maxConnections", options.maxConnections, base?.maxConnections ?? Infinity),
    maxConnectionsPerIp: count(
      "maxConnectionsPerIp",
      options.maxConnectionsPerIp,
      base?.maxConnectionsPerIp ?? Infinity,
    ),
    ipv6Prefix: integer("ipv6Prefix", options.ipv6Prefix, base?.ipv6Prefix ?? 128, 1, 128),
    acceptRate,
    acceptBurst: count("acceptBurst", options.acceptBurst, burst),
    admit: callable("admit", options.admit) ?? base?.admit ?? null,
    policy: oneOf("policy", options.policy, base?.policy ?? "reject", ["reject", "queue", "shedIdle"]),
    rejectWith: lastWords(options.rejectWith, base?.rejectWith ?? ""),
    maxQueue: count("maxQueue", options.maxQueue, base?.maxQueue ?? DEFAULT_QUEUE),
  };
}

/** Checks how to stop; what is not given comes from `base`. */
export function drainLimits(
  options: Pick<ServeOptions, keyof DrainOptions | "ownLameDuck">,
  base?: DrainLimits,
): DrainLimits {
  const grace = duration("grace", options.grace, base?.grace ?? 10_000);
  const lameDuck = duration("lameDuck", options.lameDuck, base?.lameDuck ?? 0);
  const regraced = options.grace !== undefined || base === undefined;
  const quiet = duration("quiet", options.quiet, base?.quiet ?? Math.min(QUIET, grace / 4));
  // What an idle connection may do is a courtesy: a shorter grace has less of it.
  const courtesy = regraced ? Math.max(quiet, grace / 4) : Infinity;
  return {
    grace,
    lameDuck,
    ownLameDuck: base?.ownLameDuck ?? yesOrNo("ownLameDuck", options.ownLameDuck, false),
    acceptQuiet: duration(
      "acceptQuiet",
      options.acceptQuiet,
      options.lameDuck === undefined && base ? base.acceptQuiet : lameDuck,
    ),
    quiet,
    idleGrace: duration(
      "idleGrace",
      options.idleGrace,
      Math.min(base?.idleGrace ?? Math.max(quiet, IDLE_GRACE), courtesy),
    ),
    idleGraceGiven: options.idleGrace !== undefined || base?.idleGraceGiven === true,
    spread: duration("spread", options.spread, base?.spread ?? 0),
    patience: duration("patience", options.patience, regraced ? grace / 2 : base.patience),
    abortGrace: duration("abortGrace", options.abortGrace, regraced ? Math.min(200, grace / 10) : base.abortGrace),
  };
}

/** What a rejected connection is told. @throws {OptionError} It is neither text, nor bytes, nor a function. */
function lastWords(
  given: AdmissionOptions["rejectWith"],
  fallback: AdmissionLimits["rejectWith"],
): AdmissionLimits["rejectWith"] {
  if (given === undefined) return fallback;
  if (typeof given === "function") return given;
  try {
    return dataOf(given, "rejectWith");
  } catch (error) {
    throw new OptionError("rejectWith", (error as Error).message);
  }
}

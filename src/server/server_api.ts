/**
 * What users see of a server.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import type { Address, TlsCertificate } from "../endpoint.ts";
import type { Adapter } from "../platform.ts";
import type { AdmissionReason } from "./accept/admission.ts";
import type { HandlerContext } from "./conn/handler_context.ts";
import type { Conn } from "./conn/conn.ts";
import type { HookFunction } from "./drain/hooks.ts";
import type { Listener } from "./accept/listener.ts";
import type { ConfigureOptions, DrainOptions } from "./serve_options.ts";
import type { BusyConn, DrainReport, Holder } from "./drain/report.ts";
import type { ServerObserver } from "./server_observer.ts";
import type { TlsCertificates } from "./tls/tls_options.ts";

/**
 * Serves one connection. When it settles, the connection is closed gracefully, unless it handed the bytes to a
 * consumer; when it throws, the connection is reset and the error logged.
 */
export type Handler = (conn: Conn, ctx: HandlerContext) => void | Promise<void>;

/** Counters since the server began. */
export interface ServerStats {
  /** Accepted since. */
  readonly accepted: number;
  /** Open now, and those that wait for their peer's end. */
  readonly active: number;
  /** Accepted, waiting for admission now. */
  readonly queued: number;
  /** Turned away, by the limit they met. */
  readonly rejected: Readonly<Record<AdmissionReason | "queueFull", number>>;
  /** Closed to make room for another. */
  readonly shed: number;
  /** Handlers that threw. */
  readonly handlerErrors: number;
  /** Peers that broke the protocol. */
  readonly peerErrors: number;
  /** Accepts that failed. */
  readonly acceptErrors: number;
  /** TLS handshakes, and PROXY headers, that are waited for now. */
  readonly handshakes: number;
}

/** How to stop this time; what is not given comes from the server's options. */
export interface ShutdownOptions extends DrainOptions {
  /** Why, for the report. @default "shutdown()" */
  cause?: string;
  /** Part of `grace` that the caller keeps for work after this drain, in ms. @default 0 */
  reserve?: number;
  /**
   * It begins late: the stop that it is a part of began so long ago, in ms. The lame duck counts from there, unless it
   * is the server's own, and courtesies shrink to what `grace` has room for. @default it is no part of another stop
   */
  begun?: number;
}

/** What a stop would be made of, in ms. */
export interface ShutdownBudget {
  /** All of it. */
  readonly grace: number;
  /** Of it, the lame duck that begins behind other servers' stops: see `ownLameDuck`. */
  readonly wait: number;
  /** What a stop that begins late would need at the least. */
  readonly least: number;
}

/** A hook's own time. */
export interface HookOptions {
  /** Longest that the hook may take, in ms. @default 1000, a tenth of grace at most */
  timeout?: number;
}

/** A running server. */
export interface Server extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** The runtime it runs on; null until it has a listener, if none was given. */
  readonly adapter: Adapter | null;
  /** Where its records go: the option `logger`, whose failures reach nobody; `run()` uses it, too. */
  readonly log: Required<Logger>;
  /**
   * Its first address as a URL, for people and clients of this machine: `tcp://127.0.0.1:9000`, `tls://…`,
   * `http://localhost:8080/`, `https://…/`, `unix:/path`. A server on all addresses is told as `localhost`.
   *
   * @throws {ServerClosedError} It has no listener.
   */
  readonly url: string;
  /** `draining` from the signal or `shutdown()` on. */
  readonly state: "running" | "draining" | "closed";
  /** What a readiness probe should say: false from the first moment of a drain, or of `expectStop()`. */
  readonly ready: boolean;
  /** It answers nothing but an orchestrator's probes, as with `healthHandler()`: `run()` stops it after all others. */
  readonly forProbes: boolean;
  /**
   * Where it listens.
   *
   * @throws {ServerClosedError} It has no listener.
   */
  readonly address: Address;
  /** All places where it listens. */
  readonly addresses: readonly Address[];
  /**
   * Open connections that can be written to: not those that were said goodbye to, or closed here, and only wait for
   * their peer's end. So a loop that writes to all goes on through a drain. `stats.active` counts the others too.
   */
  readonly connections: ReadonlySet<Conn>;
  /** Counters. */
  readonly stats: ServerStats;
  /** Fulfils with the report when the server has stopped. */
  readonly closed: Promise<DrainReport>;

  /**
   * Serves a listener opened elsewhere; several may be served at once (Go: `Server.Serve`).
   *
   * @throws {ServerClosedError} The server drains or is closed.
   */
  serve(listener: Listener): void;
  /**
   * Changes limits while it runs; what is not given stays.
   *
   * @throws {OptionError} An option can't be used; nothing changed.
   */
  configure(options: ConfigureOptions): void;
  /**
   * Reads the TLS files of its listeners again, or takes other certificates in their place: see `Listener.reloadTls()`.
   * It does so by itself when files change; by this a program does it when it is told to, and knows what came of it.
   *
   * @param given Replaces what the listeners show; authorities stay where none are given. @default their files
   * @returns The certificates that are shown now.
   * @throws {OptionError} What is given can't be used; or it has no listener whose certificates can be replaced.
   * @throws {ServerClosedError} It is closed.
   * @throws {ListenError} Rejects: a file can't be read, or a pair is broken; the old ones are kept.
   * @example
   * ```ts
   * await server.reloadTls(); // after the files were renewed
   * ```
   */
  reloadTls(given?: TlsCertificates): Promise<readonly TlsCertificate[]>;
  /**
   * Lets an observer hear what happens from now on. The returned function ends it. Where nobody listens it costs nothing.
   *
   * @throws {OptionError} It has none of the functions that are called, or one is none.
   */
  observe(observer: ServerObserver): () => void;
  /**
   * Registers work for the end of a drain, run in reverse order. The returned function unregisters it.
   *
   * @throws {OptionError} The timeouts of all hooks exceed the grace.
   */
  onShutdown(name: string, hook: HookFunction, options?: HookOptions): () => void;
  /** A drain waits for this work, as it waits for connections; what it rejects with is logged. */
  waitUntil(work: Promise<unknown>): void;
  /**
   * Drains, and tells what it cost. A second call returns the same promise. Don't await it inside a handler: the
   * drain waits for the handler.
   *
   * @throws {OptionError} The parts exceed the grace.
   */
  shutdown(options?: ShutdownOptions): Promise<DrainReport>;
  /**
   * Checks what `shutdown(options)` would check, and does nothing but say what it would be made of.
   *
   * @throws {OptionError} The parts exceed the grace.
   */
  checkShutdown(options: ShutdownOptions): ShutdownBudget;
  /**
   * A stop is coming, when others have stopped: `ready` is false from now on, and all else is as before. False takes
   * it back. @param on Default true.
   */
  expectStop(on?: boolean): void;
  /** Calls a drain off during its lame duck; false if it is too late, or there is none. */
  resume(): boolean;
  /** Goes on with a drain that is in its lame duck, as if that were over; false if none is. */
  endLameDuck(): boolean;
  /** Stops at once: cuts every connection, or what is left of a running drain (Go: `Server.Close`). */
  close(): Promise<DrainReport>;
  /** Who holds a drain up right now; empty while none runs. */
  holders(): Holder[];
  /**
   * Who has something under way right now, drain or not: connections with a handler at work, a message that is
   * unanswered or incomplete, or unsent bytes; and handlers that go on though their connection is gone.
   */
  busy(): BusyConn[];
}

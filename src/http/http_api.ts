/**
 * What users see of the HTTP server.
 *
 * @module
 */
import type { HandlerContext } from "../server/conn/handler_context.ts";
import type { Conn } from "../server/conn/conn.ts";
import type { ConfigureOptions, ServeOptions } from "../server/serve_options.ts";
import type { Server } from "../server/server_api.ts";
import type { Address } from "../endpoint.ts";
import type { Logger } from "../log.ts";
import type { AccessLogOptions } from "./extras/access_log.ts";
import type { RefusalReason } from "./http_errors.ts";
import type { HttpObserver } from "./http_observer.ts";

/** What a handler gives; undefined only after `ctx.hijack()`. */
export type HttpResult = Response | undefined;

/**
 * Answers one request (Go: `http.Handler`). A handler that throws is answered for with 500, or, when part of its answer
 * is out, by a reset.
 */
export type HttpHandler = (request: Request, ctx: HttpContext) => HttpResult | Promise<HttpResult>;

/**
 * An app of a framework, or a module as other runtimes take it: an object whose `fetch` answers. The request's context
 * comes twice: as second argument, where frameworks have their environment (Hono: `c.env`), and as third, where they
 * look for who holds the request (Hono: `c.executionCtx`; Cloudflare Workers: `ctx`). A handler that is a function is
 * called with the same three.
 */
export interface HttpApp {
  /** Answers one request. */
  fetch(request: Request, env: HttpContext, execution: HttpContext): HttpResult | Promise<HttpResult>;
}

/** Fields of a head, as an object, as pairs or as `Headers`. */
export type HeaderFields = Readonly<Record<string, string>> | readonly (readonly [string, string])[] | Headers;

/**
 * The lifetime of one request. `signal` aborts when the client has gone, at `deadline`, and at the hard end of a drain;
 * the context ends when the answer is out.
 */
export interface HttpContext extends HandlerContext {
  /** The connection that the request came on. */
  readonly conn: Conn;
  /** The server. */
  readonly server: HttpServer;
  /** The client; behind a trusted proxy, whom the proxy names. */
  readonly remote: Address;
  /**
   * The request's target as it was sent (RFC 9112 §3.2). Rules of access look here: it is what a proxy in front has
   * judged, while `request.url` is normalised, `/a/../b` to `/b`.
   */
  readonly target: string;
  /** Unique within the server: the connection's number and the request's within it. */
  readonly requestId: string;
  /**
   * The route that serves the request, as a router or the handler says it: `"/users/:id"`, never the path, since metrics
   * count by it, and traces are named by it. Setting it throws an `OptionError` for what is no text of up to 256
   * printable characters. @default ""
   */
  route: string;
  /** W3C Trace Context: the caller's trace continued, or one that begins here. */
  readonly traceparent: string;
  /**
   * What other libraries have added to the caller's trace: the caller's `tracestate`, if it is valid. It goes along with
   * `traceparent`: see `traceHeaders()`. Empty for none.
   */
  readonly tracestate: string;
  /**
   * The server's logger, for what is said of this request: its records have the fields `request`, `trace_id` and
   * `span_id`.
   */
  readonly log: Required<Logger>;
  /** Trailer fields of the request; null until its body was read to the end, and if there were none. */
  readonly trailers: Headers | null;
  /** The drain waits for this promise; what it rejects with is logged. */
  waitUntil(promise: Promise<unknown>): void;
  /**
   * Takes the connection out of HTTP, with the bytes that arrived behind the request (Go: `http.Hijacker`). It is closed
   * when the handler settles, unless a consumer has it then, and a drain treats it as any connection.
   *
   * @throws {SluiceError} Part of an answer is sent, or the connection is gone.
   */
  hijack(): Conn;
  /**
   * For apps that are made for Cloudflare Workers: nothing stands behind this server that a request could be passed
   * through to, so nothing happens, and a handler that throws is answered for with 500.
   */
  passThroughOnException(): void;
  /** For such apps as well: nobody gives any. */
  readonly props: unknown;
  /** Sends a 103 before the answer (RFC 8297); nothing happens for an HTTP/1.0 client. */
  earlyHints(headers: HeaderFields): void;
}

/** Limits and manners of HTTP; durations in ms, sizes in bytes. */
export interface HttpLimitOptions {
  /** From a head's first byte to its last; then 408. @default 10000 */
  readHeaderTimeout?: number;
  /** From a head's last byte to the body's last. @default 300000 */
  readTimeout?: number;
  /** From a request's head to the end of its handler: then `ctx.signal` aborts, and 503 if nothing was sent. @default 0 (none) */
  handlerTimeout?: number;
  /** Requests of one connection; the last one's answer says `Connection: close`. @default Infinity */
  maxRequestsPerConnection?: number;
  /** Size of a head; over it 431. @default 16384 */
  maxHeadBytes?: number;
  /** Size of the request target; over it 414. @default 8192 */
  maxTargetBytes?: number;
  /** Fields of a head; over it 431. @default 100 */
  maxHeaders?: number;
  /** Size of a body; over it 413. @default 10485760 */
  maxBodyBytes?: number;
  /** A body that the handler left unread is read and dropped up to here; beyond, the connection closes. @default 262144 */
  maxUnreadBody?: number;
  /** Handlers that run at once; other requests wait. @default Infinity */
  maxConcurrentRequests?: number;
  /** Requests that wait for their turn; over it 503. @default 1024 */
  maxQueuedRequests?: number;
  /** How long they wait at the most; then 503. @default 5000 */
  queueTimeout?: number;
  /** `Retry-After` of a 503, in seconds. @default 1 */
  retryAfter?: number;
}

/** Everything `serveHttp()` takes. `readTimeout`, `writeTimeout` and `idleTimeout` have HTTP's defaults. */
export interface HttpOptions extends ServeOptions, HttpLimitOptions {
  /** From a head's last byte to the body's last. @default 300000 */
  readTimeout?: number;
  /** Longest time without progress while bytes wait to be taken by the client. @default 30000 */
  writeTimeout?: number;
  /**
   * A kept-alive connection without a request for so long is closed. It must exceed the idle timeout of a balancer in
   * front of it (60 s with most), which would otherwise send a request on a connection that is just being closed.
   * @default 75000
   */
  idleTimeout?: number;
  /** Whose Forwarded and X-Forwarded-* fields count: nobody's, everybody's, or these addresses' and networks'. @default false */
  trustProxy?: boolean | readonly string[];
  /** One JSON line for each request. @default false */
  accessLog?: boolean | AccessLogOptions;
  /**
   * Answers CONNECT requests (RFC 9110 §9.3.6): it takes the connection by `ctx.hijack()`, or refuses with an answer
   * that is no 2xx. Without it they are refused with 405, and no handler sees them. `ctx.target` is where to.
   * @default none
   */
  onConnect?: HttpHandler;
}

/** Counters of a protocol that connections were handed over to. */
export interface UpgradeStats {
  /** Connections that have begun to speak it. */
  readonly began: number;
  /** Connections that speak it now. */
  readonly active: number;
  /** Messages that came. */
  readonly received: number;
  /** Messages that were sent. */
  readonly sent: number;
  /** Messages that were not sent: the peer was slow, or had been told goodbye. */
  readonly dropped: number;
  /** How connections ended, by the protocol's own code, such as a WebSocket's close code. */
  readonly ends: Readonly<Record<string, number>>;
}

/** Counters since the server began. */
export interface HttpStats {
  /** Requests whose head was accepted. */
  readonly requests: number;
  /** Requests being handled now. */
  readonly active: number;
  /** Requests that wait for their turn now. */
  readonly queued: number;
  /** Answers, by the first digit of their status. */
  readonly statuses: Readonly<Record<"1xx" | "2xx" | "3xx" | "4xx" | "5xx", number>>;
  /** Refused, by reason. */
  readonly refused: Readonly<Record<RefusalReason, number>>;
  /** Handlers that threw. */
  readonly handlerErrors: number;
  /** Answers that broke off: the handler's stream failed, or the client went away. */
  readonly aborted: number;
  /** Protocols that connections were handed over to, by their names: `websocket`, once there was one. */
  readonly upgraded: Readonly<Record<string, UpgradeStats>>;
}

/** A running HTTP server. */
export interface HttpServer extends Server {
  /** Counters of requests. */
  readonly http: HttpStats;
  /**
   * Lets an observer hear of requests, and of all else that happens, from now on. The returned function ends it. Where
   * nobody listens it costs nothing.
   *
   * @throws {OptionError} It has none of the functions that are called, or one is none.
   */
  observe(observer: HttpObserver): () => void;
  /**
   * Changes limits while it runs; what is not given stays.
   *
   * @throws {OptionError} An option can't be used; nothing changed.
   */
  configure(options: ConfigureOptions & HttpLimitOptions): void;
}

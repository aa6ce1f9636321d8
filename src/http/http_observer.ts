/**
 * What an HTTP server tells whoever listens: metrics, traces, the access log.
 *
 * @module
 */
import type { Address } from "../endpoint.ts";
import type { Events } from "../observers.ts";
import type { Conn } from "../server/conn/conn.ts";
import type { HandlerContext } from "../server/conn/handler_context.ts";
import { SERVER_EVENTS, type ServerObserver } from "../server/server_observer.ts";
import type { RefusalReason } from "./http_errors.ts";

/**
 * A request, as observers see it: the same object from its beginning to its end. Its members are looked up only by who
 * reads them.
 */
export interface ObservedRequest {
  /** Its context: that of its handler. */
  readonly ctx: HandlerContext;
  /** Id of the request: `ctx.requestId`. */
  readonly id: string;
  /** The connection that it came on. */
  readonly conn: Conn;
  /** Method as sent. */
  readonly method: string;
  /** Target as sent, with its query. */
  readonly target: string;
  /** Scheme, as a trusted proxy says or as it came. */
  readonly scheme: "http" | "https";
  /** Host and port that it is for, as a trusted proxy says or as the client does. */
  readonly host: string;
  /** Version of HTTP. */
  readonly protocol: "1.0" | "1.1";
  /** The route that serves it, once a router or a handler has said so by `ctx.route`; empty until then. */
  readonly route: string;
  /** The client. */
  readonly remote: Address;
  /**
   * W3C Trace Context: what its handler passes on as `ctx.traceparent`. Who records a span of the request sets it, in
   * `began`. @throws {OptionError} It is no `traceparent`.
   */
  traceparent: string;
  /**
   * The same for `ctx.tracestate`: set it behind `traceparent`. One that is invalid is as none.
   */
  tracestate: string;
  /** Status of the answer; 0 as long as there is none. */
  readonly status: number;
  /** From the head's arrival to the answer's last byte, or up to now, in ms. */
  readonly duration: number;
  /** Bytes of the request's body that were read. */
  readonly bytesIn: number;
  /** Bytes of the answer's body. */
  readonly bytesOut: number;
  /** What made its answer fail, so that the client has not got all of it; undefined if nothing did. */
  readonly error: unknown;
  /** What its handler threw, which was logged and answered for; undefined if it did not, or was not to blame. */
  readonly fault: unknown;
  /** The protocol that its connection was handed over to, such as `websocket`; empty for none. */
  readonly upgrade: string;
  /** A field of the head, several joined by a comma; null if there is none. */
  header(name: string): string | null;
}

/** What was no request, or none that is served: it was answered, and its connection is about to end. */
export interface RefusedRequest {
  /** Why. */
  readonly reason: RefusalReason;
  /** With which status it was answered. */
  readonly status: number;
  /** The connection that it came on. */
  readonly conn: Conn;
}

/** Another protocol that has left a connection which HTTP had handed over to it. */
export interface EndedUpgrade {
  /** Its name, as in `ObservedRequest.upgrade`. */
  readonly protocol: string;
  /** The connection. */
  readonly conn: Conn;
  /** Since it began, in ms. */
  readonly duration: number;
  /** How it ended, in its own terms: a WebSocket's close code. */
  readonly code: number;
  /** What made it fail; undefined if nothing did. */
  readonly error: unknown;
}

/**
 * Hears of requests, and of the server that they come to; each member may be left out. It is called in the middle of
 * the server's work: it has to be brief, and nobody waits for it. What it throws is logged, and reaches nobody else. Of
 * requests that were under way when it came it hears nothing.
 *
 * @example
 * ```ts
 * const server = await serveHttp({ port: 0 }, () => new Response("hello"));
 * const slow: string[] = [];
 * const stop = server.observe({ ended: (request) => request.duration > 1000 && slow.push(request.target) });
 * ```
 */
export interface HttpObserver extends ServerObserver {
  /** A head is here, and its handler is next, unless it has to wait for its turn. */
  began?(request: ObservedRequest): void;
  /**
   * Has to call `run` once, before it returns: that is the handler, which runs in the async context that `run` is called
   * in. It never throws.
   */
  around?(request: ObservedRequest, run: () => void): void;
  /** A request is over: answered, broken off, or its connection was handed over. */
  ended?(request: ObservedRequest): void;
  /** Something that was no request was answered. */
  refused?(refusal: RefusedRequest): void;
  /** What a connection was handed over to is over. */
  upgradeEnded?(ended: EndedUpgrade): void;
}

/** What can be heard of requests. */
export const REQUEST_EVENTS: Events<Omit<HttpObserver, keyof ServerObserver>> = {
  began: true,
  around: true,
  ended: true,
  refused: true,
  upgradeEnded: true,
};

/** All that can be heard of. */
export const HTTP_EVENTS: Events<Omit<HttpObserver, "source">> = { ...SERVER_EVENTS, ...REQUEST_EVENTS };

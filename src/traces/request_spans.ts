/**
 * Spans of requests, and of what their connections were handed over to.
 *
 * @module
 */
import { OTHER } from "../conventions.ts";
import type { EndedUpgrade, HttpObserver, ObservedRequest, RefusedRequest } from "../http/mod.ts";
import { type CarrierGetter, ERROR, INTERNAL, SERVER, type TraceContext, type TraceSpan } from "./opentelemetry.ts";
import { attributesOf, peerAttributes, spanName } from "./request_attributes.ts";
import { markFailed, type OpenSpan, type SpanParts } from "./span_parts.ts";

/** For propagators: a request's head can be asked, and not listed. */
const HEAD: CarrierGetter<ObservedRequest> = {
  get: (request, name) => request.header(name) ?? undefined,
  keys: () => [],
};

/** Records the requests of one HTTP server. */
export class RequestSpans implements HttpObserver {
  readonly #parts: SpanParts;
  readonly #server: string;
  readonly #ignore: (request: ObservedRequest) => boolean;
  readonly #open: WeakMap<ObservedRequest, OpenSpan> = new WeakMap();
  readonly #upgraded: WeakMap<object, TraceSpan> = new WeakMap();

  constructor(parts: SpanParts, server: string, ignore: (request: ObservedRequest) => boolean) {
    this.#parts = parts;
    this.#server = server;
    this.#ignore = ignore;
  }

  began(request: ObservedRequest): void {
    if (this.#ignore(request)) return;
    const parent = this.#callerOf(request);
    const attributes = attributesOf(request, this.#server);
    const span = this.#parts.tracer.startSpan(spanName(request.method, ""), { kind: SERVER, attributes }, parent);
    this.#open.set(request, this.#parts.opened(span, parent));
    const fields = this.#parts.fieldsOf(span, parent);
    if (fields === null) return;
    request.traceparent = fields.traceparent;
    request.tracestate = fields.tracestate;
  }

  around(request: ObservedRequest, run: () => void): void {
    const open = this.#open.get(request);
    if (open === undefined) run();
    else this.#parts.api.context.with(open.context, run);
  }

  ended(request: ObservedRequest): void {
    const open = this.#open.get(request);
    if (open === undefined) return;
    this.#open.delete(request);
    const { span } = open;
    const { route, status, upgrade } = request;
    if (route !== "") {
      span.updateName(spanName(request.method, route));
      span.setAttributes({ "http.route": route });
    }
    if (status !== 0) span.setAttributes({ "http.response.status_code": status });
    this.#judge(span, request);
    if (upgrade !== "") this.#handedOver(request, open);
    span.end();
  }

  refused({ reason, status, conn }: RefusedRequest): void {
    const attributes = {
      "http.request.method": OTHER,
      "http.response.status_code": status,
      "error.type": reason,
      ...peerAttributes(conn.remote),
      "sluice.server": this.#server,
    };
    const { tracer, api } = this.#parts;
    const span = tracer.startSpan("HTTP", { kind: SERVER, attributes }, api.ROOT_CONTEXT);
    if (status >= 500) span.setStatus({ code: ERROR });
    span.end();
  }

  upgradeEnded({ protocol, conn, code, error }: EndedUpgrade): void {
    const span = this.#upgraded.get(conn);
    if (span === undefined) return;
    this.#upgraded.delete(conn);
    if (protocol === "websocket") span.setAttributes({ "websocket.close.code": code });
    if (error !== undefined) markFailed(span, error);
    span.end();
  }

  /** A client's own fault (4xx) is none of the server's; that it has not got its answer whole is an error of the call. */
  #judge(span: TraceSpan, { status, error, fault }: ObservedRequest): void {
    const cause = error ?? fault;
    if (cause !== undefined) return markFailed(span, cause);
    if (status < 500) return;
    span.setAttributes({ "error.type": String(status) });
    span.setStatus({ code: ERROR });
  }

  /** A span for as long as the other protocol has the connection; what its handler does stays the request's. */
  #handedOver({ upgrade, route, conn }: ObservedRequest, { context }: OpenSpan): void {
    const name = route === "" ? upgrade : `${upgrade} ${route}`;
    const attributes = {
      "network.protocol.name": upgrade,
      ...(route === "" ? {} : { "http.route": route }),
      ...peerAttributes(conn.remote),
      "sluice.server": this.#server,
    };
    this.#upgraded.set(conn, this.#parts.tracer.startSpan(name, { kind: INTERNAL, attributes }, context));
  }

  /** As the program's propagator reads it; where it has none, as W3C Trace Context. */
  #callerOf(request: ObservedRequest): TraceContext {
    const { propagation, ROOT_CONTEXT } = this.#parts.api;
    if (propagation.fields().length > 0) return propagation.extract(ROOT_CONTEXT, request, HEAD);
    const said = { traceparent: request.header("traceparent"), tracestate: request.header("tracestate") };
    return this.#parts.below(this.#parts.remote(said));
  }
}

/**
 * One request and its answer: the context that its handler gets.
 *
 * @module
 */
import { wallOf } from "../../clock.ts";
import { CancelContext, DeadlineExceeded } from "../../context/mod.ts";
import { DrainTimeoutError, OptionError, SluiceError } from "../../errors.ts";
import { formatAddress } from "../../address.ts";
import type { Logger } from "../../log.ts";
import type { Conn } from "../../server/conn/conn.ts";
import type { Connection } from "../../server/conn/connection.ts";
import type { Address } from "../../endpoint.ts";
import { type AnswerEvent, type AnswerState, TRANSITIONS } from "./answering.ts";
import { BodyError } from "../http_errors.ts";
import type { HttpObserver, ObservedRequest } from "../http_observer.ts";
import { fieldLine, pairsOf } from "../answer/fields.ts";
import type { RequestHead, RequestParser } from "../parser/mod.ts";
import type { ProxyView } from "../request/proxy.ts";
import type { QueuePlace } from "./request_limit.ts";
import type { HttpService } from "./service.ts";
import type { Takeover } from "./takeover.ts";
import { type BodySource, RequestBody } from "../request/body.ts";
import { requestLogger } from "../extras/request_log.ts";
import { continueTrace, isTraceparent, traceIdOf } from "../../traceparent.ts";
import { readTracestate } from "../../tracestate.ts";
import type { HeaderFields, HttpContext, HttpResult, HttpServer } from "../http_api.ts";

/** Longest name of a route: it is written by a programmer, and becomes a label. */
const MAX_ROUTE = 256;

/** A route is one line of printable characters. */
// deno-lint-ignore no-control-regex -- these are what it must not have
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;

/** A protocol that the connection may be handed over to. */
export interface Upgrading {
  /** Whether this is the answer that begins it. */
  takes(response: HttpResult): boolean;
  /** Begins it, behind the answer; false if it is too late. */
  begin(response: Response): boolean;
  /** The answer then. */
  unavailable(): Response;
}

/** A connection that speaks HTTP. */
export interface ExchangeHost {
  readonly conn: Connection;
  readonly service: HttpService;
  readonly parser: RequestParser;
  /** A drain has begun, for all or for this connection. */
  readonly isDraining: boolean;
  /**
   * The next part of the body; null at its end, undefined if it isn't here.
   *
   * @throws {HttpError} The peer broke the protocol or a limit.
   */
  pullBody(): Uint8Array | null | undefined;
  /** Somebody waits for a part of the body. */
  bodyWanted(): void;
  /** Sends an informational answer at once (RFC 9110 §15.2). */
  inform(status: number, lines: string): void;
  /** Gives the connection away, with what is unread. */
  handOver(exchange: HttpExchange): Conn;
  /** Another protocol has the connection: the request is over, and its context is when that is. */
  switched(exchange: HttpExchange): Takeover;
  /** Whether the connection ends with this exchange's answer. @param isWhole All of it is here. */
  closes(exchange: HttpExchange, wanted: boolean, isWhole: boolean): boolean;
  /** Sends a whole answer. @param head Status line, fields and Date. @param length Content-Length; -1 for none. */
  send(exchange: HttpExchange, head: string, length: number, body: Uint8Array | string | null, close: boolean): void;
  /** A stream whose length nobody has said is to be the answer; false if its client has closed, and it is let go. */
  opens(exchange: HttpExchange): boolean;
  /** The end of a streamed answer. */
  sent(exchange: HttpExchange, tail: string, close: boolean): void;
  /** The handler failed, or its answer can't be sent. */
  failed(exchange: HttpExchange, error: unknown): void;
  /** Does something that no data of this connection began. */
  outside(step: () => void): void;
}

/** The context of one request. */
export class HttpExchange extends CancelContext implements HttpContext, BodySource, ObservedRequest {
  readonly http: ExchangeHost;
  readonly head: RequestHead;
  /** Number within its connection, from 1. */
  readonly number: number;
  readonly body: RequestBody | null;
  #state: AnswerState = "none";
  /** The client was told to send its body. */
  continued = false;
  /** Status of the answer; 0 before there is one. */
  status = 0;
  /** The answer's head has characters beyond ASCII. */
  latin = false;
  /** Bytes of the answer's body. */
  bytesOut = 0;
  /** Its handler was called, and its answer is not out, or the handler is still running. */
  running = false;
  /** Its place among those who wait for their turn. */
  place: QueuePlace | null = null;
  /** Its handler, while that runs. */
  handling: Promise<unknown> | null = null;
  /** Another protocol, once the handler returns the answer that begins it. */
  upgrading: Upgrading | null = null;
  /** Name of the protocol that has the connection; empty for none. */
  upgrade = "";
  /** Observers that have heard of its beginning; null for none. */
  heard: readonly HttpObserver[] | null = null;
  /** What made it fail, once it is over. */
  error: unknown = undefined;
  /** What its handler threw, and is to blame for. */
  fault: unknown = undefined;
  /** Ms on the clock when it was over; -1 before. */
  #overAt = -1;
  /** Ends the stream that its answer is read from. */
  stop: ((reason: unknown) => void) | null = null;
  /** Its answer is a stream, and how long that will be nobody has said. */
  isEndless = false;
  /** Ms on the clock; -1 until something depends on it. */
  startedAt: number;
  /** When its handler's time is over, in ms on the clock; Infinity for never. */
  dueAt = Infinity;
  #deadline: number | null = null;
  #traceparent = "";
  #tracestate: string | null = null;
  #log: Required<Logger> | null = null;
  #route = "";
  #view: ProxyView | null = null;
  #trailers: Headers | null = null;
  #draining: AbortController | null = null;
  #leaving: AbortController | null = null;
  /** For the `Request`, which does not end with a whole answer. */
  #lost: AbortController | null = null;
  #isComplete = false;
  /** The protocol that has the connection, as long as nobody has looked at this context since. */
  #takeover: Takeover | null = null;
  /** It began after its connection was asked to finish. */
  readonly #isLate: boolean;

  constructor(http: ExchangeHost, head: RequestHead, number: number, startedAt: number) {
    super(http.conn.ctx!);
    this.http = http;
    this.head = head;
    this.number = number;
    this.startedAt = startedAt;
    this.#isLate = http.conn.ctx!.drainCause !== undefined;
    this.body = head.hasBody ? new RequestBody(this) : null;
  }

  /** How far its answer has come: see `answering.ts`. */
  get state(): AnswerState {
    return this.#state;
  }

  /** Something happened to its answer. */
  enter(event: AnswerEvent): void {
    this.#state = TRANSITIONS[event][this.#state];
  }

  // For the handler.

  /** Its own: who listens does so for this request, not for the life of the connection (issue 11). */
  get draining(): AbortSignal {
    if (this.#draining === null) {
      const { ctx } = this.http.conn;
      this.#draining = new AbortController();
      // In the lame duck newcomers are served as ever: they are asked when it is over.
      const isSpared = this.#isLate && this.http.service.server.isLameDuck;
      if (ctx!.drainCause !== undefined && !isSpared) this.#draining.abort(ctx!.drainCause);
      if (!this.done) ctx!.follow(this);
    }
    return this.#draining.signal;
  }

  /** As `draining`, when the lame duck is over: what has no end of its own is ended then, and not before. */
  get leaving(): AbortSignal {
    if (this.#leaving === null) {
      const { ctx } = this.http.conn;
      this.#leaving = new AbortController();
      this.#leaveFor(ctx!.drainCause);
      if (!this.done) ctx!.follow(this);
    }
    return this.#leaving.signal;
  }

  override get done(): boolean {
    this.#look();
    return super.done;
  }

  override get signal(): AbortSignal {
    this.#look();
    return super.signal;
  }

  override get deadline(): number | null {
    return this.#deadline ?? super.deadline;
  }

  get conn(): Conn {
    return this.http.conn;
  }

  get server(): HttpServer {
    return this.http.service.server;
  }

  get remote(): Address {
    return this.#proxied()?.remote ?? this.http.conn.remote;
  }

  get target(): string {
    return this.head.target;
  }

  get requestId(): string {
    return `${this.http.conn.id}-${this.number}`;
  }

  get traceparent(): string {
    return this.#traceparent === ""
      ? this.#traceparent = continueTrace(this.head.header("traceparent"))
      : this.#traceparent;
  }

  /** Who records a span of it says so. @throws {OptionError} It is none. */
  set traceparent(value: string) {
    if (typeof value !== "string" || !isTraceparent(value)) {
      throw new OptionError(
        "traceparent",
        `traceparent must be one of W3C Trace Context, got ${JSON.stringify(value)}`,
      );
    }
    this.#traceparent = value;
    this.#tracestate = null;
  }

  get tracestate(): string {
    return this.#tracestate ??= this.#continuesTrace() ? readTracestate(this.head.header("tracestate")) : "";
  }

  /** What can't be sent is left out: it is for other libraries, and no fault of who made the span. */
  set tracestate(value: string) {
    this.#tracestate = readTracestate(value);
  }

  get log(): Required<Logger> {
    return this.#log ??= requestLogger(this.http.service.server.log, this);
  }

  get route(): string {
    return this.#route;
  }

  set route(value: string) {
    if (typeof value !== "string" || value.length > MAX_ROUTE || UNPRINTABLE.test(value)) {
      const rule = `up to ${MAX_ROUTE} printable characters, such as "/users/:id"`;
      throw new OptionError("route", `ctx.route must be text of ${rule}, got ${JSON.stringify(value)}`);
    }
    this.#route = value;
  }

  get trailers(): Headers | null {
    return this.#trailers;
  }

  waitUntil(promise: Promise<unknown>): void {
    this.http.service.server.waitUntil(promise, () => this.log);
  }

  passThroughOnException(): void {}

  get props(): undefined {
    return undefined;
  }

  hijack(): Conn {
    this.checkFree("hijack()");
    this.enter("handOver");
    return this.http.handOver(this);
  }

  /** @throws {SluiceError} Nobody can take the connection any more. */
  checkFree(call: string): void {
    if (this.#state === "none" && !this.done) return;
    throw new SluiceError("ERR_HIJACK", `The request is answered or its connection is gone, call ${call} before`);
  }

  /**
   * Another protocol has the connection, and this context lasts as long as it. Few ever look at it again: it joins its
   * connection's when somebody does, and until then nothing holds it, its request or its parser.
   */
  outlast(takeover: Takeover): void {
    this.#takeover = takeover;
    if (this.isObserved || this.#lost !== null || this.#draining !== null || this.#leaving !== null) this.#look();
    else this.detach();
  }

  /** The caller's `tracestate` goes with the caller's trace, and with no other. */
  #continuesTrace(): boolean {
    const given = this.head.header("traceparent");
    return given !== null && isTraceparent(given) && traceIdOf(given) === traceIdOf(this.traceparent);
  }

  #look(): void {
    const takeover = this.#takeover;
    if (takeover === null) return;
    this.#takeover = null;
    this.detach();
    this.attach();
    const isOver = !takeover.carry(this);
    if (!isOver) return;
    // Whoever was ordered to stop has not ended by itself.
    if (this.done) this.#isComplete = !this.isOverdue;
    else this.complete();
  }

  /** Takes the connection for another protocol, whose answer the caller writes. */
  switch(): Connection {
    const conn = this.hijack();
    this.status = 101;
    this.http.service.answered(this.status);
    return conn as Connection;
  }

  earlyHints(headers: HeaderFields): void {
    let lines = "";
    for (const [name, value] of pairsOf(headers)) lines += fieldLine(name, value);
    if (this.#state === "none" && this.head.minor === 1) this.http.inform(103, lines);
  }

  // For the request.

  /** Aborts when the client has gone, or the request is ordered to stop; not when its answer is out. */
  get lostSignal(): AbortSignal {
    if (this.#lost === null) {
      this.#lost = new AbortController();
      if (this.done && !this.#isComplete) this.#lost.abort(this.cause());
    }
    return this.#lost.signal;
  }

  get scheme(): "http" | "https" {
    return this.#proxied()?.scheme ?? this.http.service.schemeOf(this.http.conn);
  }

  get host(): string {
    return this.#proxied()?.host ?? (this.head.host || formatAddress(this.http.conn.local));
  }

  get declared(): number {
    return this.head.contentLength;
  }

  get isLent(): boolean {
    return this.http.parser.isLent;
  }

  pull(): Uint8Array | null | undefined {
    const part = this.http.pullBody();
    if (part === null && this.http.parser.trailers !== null) this.#trailers = new Headers(this.http.parser.trailers);
    return part;
  }

  wanted(): void {
    if (this.head.expectContinue && !this.continued && this.#state === "none") {
      this.continued = true;
      this.http.inform(100, "");
    }
    this.http.bodyWanted();
  }

  // For the connection.

  beginDraining(cause: unknown): void {
    this.#draining?.abort(cause);
    this.#leaveFor(cause);
  }

  #leaveFor(cause: unknown): void {
    if (cause !== undefined && !this.http.service.server.isLameDuck) this.#leaving?.abort(cause);
  }

  /** Who looks from now on sees a fresh signal. */
  endDraining(): void {
    if (this.#draining?.signal.aborted) this.#draining = null;
  }

  /** The answer is out, and the handler has left: its context ends. */
  complete(): void {
    if (this.done) return;
    this.#isComplete = true;
    this.cancel();
  }

  /** Sets the handler's time. @param due Ms on the connection's clock. */
  limitTo(due: number): void {
    this.dueAt = due;
    const { clock } = this.http.conn.host;
    this.#deadline = wallOf(clock) + due - clock.now();
  }

  // For observers.

  get ctx(): HttpContext {
    return this;
  }

  get id(): string {
    return this.requestId;
  }

  get method(): string {
    return this.head.method;
  }

  get protocol(): "1.0" | "1.1" {
    return this.head.minor === 0 ? "1.0" : "1.1";
  }

  get duration(): number {
    return (this.#overAt < 0 ? this.http.service.clock.now() : this.#overAt) - this.startedAt;
  }

  get bytesIn(): number {
    return this.body?.size ?? 0;
  }

  header(name: string): string | null {
    return this.head.header(name.toLowerCase());
  }

  /** It is over, well or not. */
  over(error: unknown): void {
    this.#overAt = this.http.conn.host.moment.finish();
    this.error = error;
  }

  /** The handler's time is over. */
  expire(): void {
    this.finish(true, undefined);
  }

  /** Ordered to stop: whoever reads the body hears of it where it waits, not only if it looks at the signal. */
  protected override ended(): void {
    this.http.conn.ctx!.unfollow(this);
    if (!this.#isComplete) this.#lost?.abort(this.cause());
    if (this.bodyDone || !this.isOverdue) return;
    this.body!.stop(new BodyError("The request's time is over before the end of its body", { cause: this.cause() }));
  }

  /** The grace of a drain, or the handler's own time, is over. */
  get isOverdue(): boolean {
    const cause = this.cause();
    return cause instanceof DrainTimeoutError || cause instanceof DeadlineExceeded;
  }

  /** Whether the body needs no more attention. */
  get bodyDone(): boolean {
    return this.body === null || this.body.ended;
  }

  #proxied(): ProxyView | null {
    const { trust } = this.http.service;
    if (!trust.enabled) return null;
    return this.#view ??= trust.resolve(this.http.conn.remote, (name) => this.head.header(name));
  }
}

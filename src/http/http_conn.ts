/**
 * HTTP on one connection: requests one after the other, their answers in order, and the connection's end.
 *
 * @module
 */
import { ConnClosedError, DrainTimeoutError } from "../errors.ts";
import { farewell } from "../server/conn_leave.ts";
import * as flag from "../server/conn_flags.ts";
import type { Conn, Consumer } from "../server/conn_types.ts";
import type { Connection } from "../server/connection.ts";
import type { TimerTarget } from "../server/timers.ts";
import { answer, sendWhole } from "./answer.ts";
import { BodyError, HttpError } from "./errors.ts";
import { HttpExchange } from "./exchange.ts";
import { explain } from "./failure.ts";
import { latin1, noFields } from "./fields.ts";
import { END, type ParserEvent, RequestHead, RequestParser } from "./parser/mod.ts";
import { refusalAnswer } from "./refusals.ts";
import { LazyRequest } from "./request.ts";
import type { RequestBody } from "./request_body.ts";
import type { HttpService } from "./service.ts";
import { statusLine } from "./status.ts";
import type { HttpResult } from "./types.ts";

/** A whole answer but for its Connection field, which depends on what else arrives. */
interface Withheld {
  readonly head: string;
  readonly body: Uint8Array | string | null;
  readonly minor: 0 | 1;
  readonly latin: boolean;
}

/** The consumer of a connection that speaks HTTP/1.1. */
export class HttpConn implements Consumer, TimerTarget {
  timerSlot = 0;
  readonly conn: Connection;
  readonly service: HttpService;
  readonly parser: RequestParser;
  /** The request that is being answered. */
  #exchange: HttpExchange | null = null;
  #count = 0;
  /** Nothing more of this connection is run. */
  #over = false;
  /** The peer's FIN has come. */
  #ended = false;
  /** The client sends requests before it has the answers. */
  #pipelined = false;
  #withheld: Withheld | null = null;
  /** Bytes dropped of a body that nobody read; -1 while none is. */
  #dropped = -1;
  #advancing = false;
  #paused = false;
  #busy = false;
  #partial = false;
  /** When the incomplete head began; -1 for none. */
  #headSince = -1;

  constructor(conn: Connection, service: HttpService) {
    this.conn = conn;
    this.service = service;
    this.parser = new RequestParser(service.limits.parser);
  }

  get buffered(): number {
    return this.#over ? 0 : this.parser.buffered;
  }

  get scheme(): string {
    return this.service.secure || this.conn.alpnProtocol !== null ? "https" : "http";
  }

  // What the connection says.

  data(chunk: Uint8Array): void {
    if (this.#over) return;
    this.parser.feed(chunk);
    if (this.#dropped >= 0) this.#drop();
    else this.#exchange?.body?.arrived();
    this.#advance();
    this.#settle();
  }

  end(): void {
    if (this.#over || this.conn.state === "closing") return;
    this.#ended = true;
    const exchange = this.#exchange;
    // As in Go: who has closed waits for nothing any more, as far as anybody can tell; an answer is sent all the same.
    const gone = new ConnClosedError("The client closed its side of the connection");
    if (exchange !== null && !exchange.bodyDone) exchange.body!.cutOff(new BodyError(gone.message, { cause: gone }));
    exchange?.cancel(gone);
    if (this.#dropped >= 0) this.#leave();
    else this.outside(() => {});
  }

  closed(error?: Error): void {
    this.#over = true;
    this.conn.host.timers.disarm(this);
    const exchange = this.#exchange;
    this.#exchange = null;
    if (exchange === null || exchange.hijacked) return;
    const gone = error ?? new ConnClosedError("The client closed the connection");
    if (exchange.place !== null) this.service.limit?.cancel(exchange.place);
    exchange.body?.fail(new BodyError("The client has gone before the end of its body", { cause: gone }));
    if (exchange.state !== "done") {
      exchange.state = "done";
      this.service.aborted++;
      this.service.finished(exchange, gone);
    }
    exchange.cancel(gone);
    exchange.stop?.(gone);
  }

  goodbye(): void {
    if (!this.#over && this.parser.partial) this.#refuse(new HttpError("headTimeout"));
    else if (this.#withheld !== null) this.#release(true);
    this.#over = true;
    this.#settle();
  }

  late(chunk: Uint8Array): number {
    // The head that it goes on with was counted when it began, or answered with 408.
    const known = this.parser.partial ? 1 : 0;
    this.parser.feed(chunk);
    return Math.max(0, this.#countHeads() - known);
  }

  onTimer(now: number): void {
    if (this.#over) return;
    const { limits } = this.service;
    const exchange = this.#exchange;
    let next = Infinity;
    if (this.#headSince >= 0 && limits.readHeaderTimeout > 0) {
      next = this.#headSince + limits.readHeaderTimeout;
      if (now >= next) return this.outside(() => this.#refuse(new HttpError("headTimeout")));
    }
    if (exchange !== null && !exchange.bodyDone && limits.readTimeout > 0) {
      const due = exchange.startedAt + limits.readTimeout;
      if (now >= due) this.#bodyLate(exchange);
      else next = Math.min(next, due);
    }
    if (exchange !== null && exchange.state === "none") {
      if (now >= exchange.dueAt) this.#expire(exchange);
      else next = Math.min(next, exchange.dueAt);
    }
    if (next !== Infinity) this.conn.host.timers.arm(this, next);
  }

  // What an exchange asks for.

  /** The next part of the body; null at its end, undefined if it isn't here. @throws {HttpError} */
  pullBody(): Uint8Array | null | undefined {
    let event: ParserEvent;
    try {
      event = this.parser.next();
    } catch (error) {
      this.service.refused(error as HttpError);
      throw error;
    }
    if (this.#paused) this.#settle();
    if (event === null) return undefined;
    return event === END ? null : event as Uint8Array;
  }

  /** Somebody waits for a part of the body. */
  bodyWanted(): void {
    if (this.#paused) this.#settle();
  }

  /** Sends an informational answer at once (RFC 9110 §15.2). */
  inform(status: number, lines: string): void {
    this.service.answered(status);
    this.conn.write(latin1(`${statusLine(status)}${lines}\r\n`));
    this.conn.flush();
  }

  /** Gives the connection away, with what is unread. */
  handOver(exchange: HttpExchange): Conn {
    this.#over = true;
    // What is reported from now on is another protocol's.
    this.#busy = this.#partial = this.#paused = false;
    // The handler has returned its promise already: from now on the connection lives as long as that.
    if (exchange.handling !== null) this.#attend(exchange, exchange.handling);
    this.conn.host.timers.disarm(this);
    this.conn.release(this.parser.unread());
    return this.conn;
  }

  /** Sends a whole answer. @param head Its head, without the Connection field and the empty line. */
  send(exchange: HttpExchange, head: string, body: Uint8Array | string | null, close: boolean): void {
    if (!exchange.bodyDone && (this.#ended || this.isLeaving)) this.#skip(exchange.body!);
    const closes = this.closes(exchange, close);
    const { head: { minor }, latin } = exchange;
    if (!closes && this.#withholds) this.#withheld = { head, body, minor, latin };
    else this.#write(head, body, closes, minor, latin);
    this.#finish(exchange, closes);
  }

  /** The end of a streamed answer. */
  sent(exchange: HttpExchange, tail: string, close: boolean): void {
    if (this.#exchange !== exchange) return;
    this.outside(() => {
      if (tail !== "") this.conn.write(tail);
      this.#finish(exchange, close);
    });
  }

  /** Whether the connection ends with this exchange's answer. */
  closes(exchange: HttpExchange, wanted: boolean): boolean {
    const { head, body } = exchange;
    // Behind a body that is still being read there may be another request.
    const more = this.parser.buffered > 0;
    if (more && exchange.bodyDone) this.#pipelined = true;
    const { maxRequestsPerConnection, maxUnreadBody } = this.service.limits;
    if (
      wanted || !head.keepAlive || this.#count >= maxRequestsPerConnection ||
      (this.#ended && !more)
    ) {
      return true;
    }
    if (body !== null && !body.ended) {
      if (body.failed || (head.expectContinue && !exchange.continued && body.size === 0)) return true;
      if (!body.used && body.remaining !== Infinity && body.remaining > maxUnreadBody) return true;
    }
    return this.isLeaving && !more && !this.#pipelined;
  }

  /** A drain has begun, for all or for this connection. */
  get isLeaving(): boolean {
    return this.service.server.state !== "running" || this.#isParting;
  }

  /** The handler failed, or its answer can't be sent. */
  failed(exchange: HttpExchange, error: unknown): void {
    if (this.#exchange !== exchange || exchange.state === "done") return;
    const { status, message, refusal, isFault } = explain(error, exchange);
    if (refusal !== null) this.service.refused(refusal);
    if (isFault) {
      this.service.handlerErrors++;
      const { server } = this.service;
      server.log.error("Request failed", { server: server.name, request: exchange.requestId, error });
    }
    if (exchange.state === "begun" || status === 0) return this.#cut(exchange, error);
    if (exchange.place !== null) this.service.limit?.cancel(exchange.place);
    let lines = `content-type: text/plain; charset=utf-8\r\n`;
    if (status === 503) lines += `retry-after: ${this.service.limits.retryAfter}\r\n`;
    // A stream that was to be the answer is not read any more.
    exchange.stop?.(error);
    sendWhole(exchange, status, "", { ...noFields(), lines, close: status !== 500 }, `${message}\n`);
  }

  // Requests.

  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    while (this.#exchange === null && !this.#over) {
      const head = this.#nextHead();
      if (head === null) break;
      this.#begin(head);
    }
    this.#advancing = false;
    if (this.#ended && this.#exchange === null && !this.#over) this.#leave();
  }

  #nextHead(): RequestHead | null {
    try {
      return this.parser.next() as RequestHead | null;
    } catch (error) {
      this.#refuse(error as HttpError);
      return null;
    }
  }

  #begin(head: RequestHead): void {
    if (this.#withheld !== null) this.#release(false);
    this.#headSince = -1;
    const { service } = this;
    const exchange = new HttpExchange(this, head, ++this.#count, head.hasBody || service.isTimed ? this.#now() : 0);
    this.#exchange = exchange;
    if (!head.hasBody) this.parser.next();
    service.requests++;
    const { limit, limits: { handlerTimeout } } = service;
    if (handlerTimeout > 0) {
      exchange.limitTo(exchange.startedAt + handlerTimeout);
      this.conn.host.timers.arm(this, exchange.startedAt + handlerTimeout);
    }
    if (limit === null || limit.tryEnter()) return this.#run(exchange);
    exchange.place = limit.enqueue({
      run: () => this.outside(() => this.#run(exchange)),
      expired: () => this.outside(() => this.failed(exchange, new HttpError("queueTimeout"))),
    });
    if (exchange.place === null) this.failed(exchange, new HttpError("queueFull"));
  }

  #run(exchange: HttpExchange): void {
    exchange.place = null;
    exchange.running = true;
    this.service.active++;
    let result: HttpResult | Promise<HttpResult>;
    try {
      result = this.service.handler(new LazyRequest(exchange) as unknown as Request, exchange);
    } catch (error) {
      return exchange.hijacked ? this.#attend(exchange, Promise.reject(error)) : this.failed(exchange, error);
    }
    if (exchange.hijacked) return this.#attend(exchange, Promise.resolve(result));
    if (!isPromise(result)) return this.#answer(exchange, result);
    exchange.handling = result;
    result.then((response) => this.#later(exchange, response), (error) => this.#laterFailed(exchange, error));
  }

  #later(exchange: HttpExchange, response: HttpResult): void {
    exchange.handling = null;
    if (!exchange.hijacked) this.outside(() => this.#answer(exchange, response));
  }

  #laterFailed(exchange: HttpExchange, error: unknown): void {
    exchange.handling = null;
    if (!exchange.hijacked) this.outside(() => this.failed(exchange, error));
  }

  #answer(exchange: HttpExchange, response: HttpResult): void {
    if (this.#exchange !== exchange || exchange.state !== "none") return void response?.body?.cancel().catch(() => {});
    try {
      answer(exchange, response);
    } catch (error) {
      this.failed(exchange, error);
    }
  }

  /** Something happened that no data of this connection began. */
  outside(step: () => void): void {
    if (this.conn.is(flag.FEEDING)) return step();
    this.conn.cork();
    step();
    this.#advance();
    this.#settle();
    this.conn.uncork(this.#exchange !== null);
  }

  #finish(exchange: HttpExchange, close: boolean): void {
    exchange.state = "done";
    this.service.finished(exchange);
    exchange.cancel();
    if (close) return this.#leave();
    if (exchange.bodyDone) {
      this.#exchange = null;
      return;
    }
    exchange.body!.fail(new BodyError("The answer is sent, what is left of the body is dropped"));
    this.#dropped = 0;
    this.#drop();
  }

  /** Drops what is here of a body, so that its answer knows whether there is another request behind it. */
  #skip(body: RequestBody): void {
    let { maxUnreadBody: most } = this.service.limits;
    if (body.remaining > most && body.remaining !== Infinity) return;
    try {
      for (let part = body.take(); part != null && most >= 0; part = body.take()) most -= part.length;
    } catch {
      // The body has failed, and its answer closes the connection.
    }
  }

  /** Drops what nobody read of a body, so that the next request is found. */
  #drop(): void {
    try {
      for (;;) {
        const part = this.pullBody();
        if (part === undefined) return this.#ended ? this.#leave() : undefined;
        if (part === null) break;
        this.#dropped += part.length;
        if (this.#dropped > this.service.limits.maxUnreadBody) return this.#leave();
      }
    } catch {
      // The answer is out already.
      return this.#leave();
    }
    this.#dropped = -1;
    this.#exchange = null;
  }

  // Ends.

  /** Says FIN; nothing more is run. */
  #leave(): void {
    if (this.#withheld !== null) this.#release(true);
    // Whoever sent more has not seen that this answer was the last one.
    if (this.parser.buffered > 0) this.conn.lateMessages += this.#countHeads();
    this.#farewell();
  }

  #farewell(): void {
    this.#over = true;
    this.#exchange = null;
    farewell(this.conn);
  }

  /** Requests that begin in what is left, none of which is run. */
  #countHeads(): number {
    let heads = 0;
    try {
      for (let event = this.parser.next(); event !== null; event = this.parser.next()) {
        if (event instanceof RequestHead) heads++;
      }
    } catch {
      // What can't be read is no request.
      return heads;
    }
    return heads + (this.parser.partial ? 1 : 0);
  }

  /** A peer that broke the protocol, or a limit. */
  #refuse(error: HttpError): void {
    if (this.#withheld !== null) this.#release(false);
    this.service.refused(error);
    this.service.answered(error.status);
    this.conn.write(refusalAnswer(error, this.service.limits.retryAfter));
    this.#farewell();
  }

  /** An answer that can't be finished must not look finished. */
  #cut(exchange: HttpExchange, error: unknown): void {
    exchange.state = "done";
    this.#over = true;
    this.service.aborted++;
    this.service.finished(exchange, error);
    exchange.cancel(error);
    exchange.stop?.(error);
    // When its grace is over, a drain resets what is left, and names it.
    if (exchange.cause() instanceof DrainTimeoutError) return;
    this.#exchange = null;
    this.conn.abort(error);
  }

  #bodyLate(exchange: HttpExchange): void {
    if (exchange.body!.failed && this.#dropped < 0) return;
    const error = new HttpError("bodyTimeout");
    this.service.refused(error);
    if (this.#dropped >= 0) return this.#leave();
    exchange.body!.fail(new BodyError(error.message, { cause: error }));
  }

  #expire(exchange: HttpExchange): void {
    exchange.expire();
    this.outside(() => this.failed(exchange, exchange.cause()));
  }

  #attend(exchange: HttpExchange, handling: Promise<unknown>): void {
    this.#exchange = null;
    const settled = handling.then(() => {}).finally(() => {
      this.service.finished(exchange);
      exchange.cancel();
    });
    this.service.server.attend(this.conn, settled);
  }

  // Writing.

  #write(head: string, body: Uint8Array | string | null, close: boolean, minor: 0 | 1, latin: boolean): void {
    let text = head;
    if (close) text += "connection: close\r\n\r\n";
    else text += minor === 0 ? "connection: keep-alive\r\n\r\n" : "\r\n";
    if (typeof body === "string" && !latin) this.conn.write(text + body);
    else {
      this.conn.write(latin ? latin1(text) : text);
      if (body !== null) this.conn.write(body);
    }
  }

  /**
   * In a drain, the last answer of a client that pipelines waits for the quiet moment: it alone may say `close`, and
   * whatever comes before it is answered too.
   */
  get #withholds(): boolean {
    return this.#pipelined && this.#isParting && this.parser.buffered === 0;
  }

  get #isParting(): boolean {
    return this.conn.times !== null && this.conn.times.plan !== null;
  }

  #release(close: boolean): void {
    const { head, body, minor, latin } = this.#withheld!;
    this.#withheld = null;
    this.#write(head, body, close, minor, latin);
  }

  // State.

  #now(): number {
    return this.service.clock.now();
  }

  /** Tells the connection how things stand, and sets the clock for what is incomplete. */
  #settle(): void {
    const busy = this.#exchange !== null;
    const partial = !busy && !this.#over && this.parser.partial;
    this.#press(busy);
    if (!partial) this.#headSince = -1;
    else if (this.#headSince < 0) this.#awaitHead();
    if (busy && !this.#exchange!.bodyDone) this.#awaitBody(this.#exchange!);
    if (busy === this.#busy && partial === this.#partial) return;
    this.#busy = busy;
    this.#partial = partial;
    this.conn.report(busy, partial);
  }

  /** Makes the peer wait while what it sent is not wanted yet. */
  #press(busy: boolean): void {
    // A client that pipelines without end would keep a drain up: when its patience is over, nothing more is taken in.
    const enough = this.conn.is(flag.FIN_NEXT) && busy && this.#exchange!.bodyDone;
    const full = enough || (busy && this.parser.buffered >= this.conn.host.limits.readHighWaterMark);
    if (full === this.#paused || this.conn.is(flag.GONE)) return;
    this.#paused = full;
    if (full) this.conn.pause();
    else this.conn.resume();
  }

  #awaitHead(): void {
    this.#headSince = this.#now();
    const { readHeaderTimeout } = this.service.limits;
    if (readHeaderTimeout > 0) this.conn.host.timers.arm(this, this.#headSince + readHeaderTimeout);
  }

  #awaitBody(exchange: HttpExchange): void {
    const { readTimeout } = this.service.limits;
    if (readTimeout > 0) this.conn.host.timers.arm(this, exchange.startedAt + readTimeout);
  }
}

function isPromise(value: HttpResult | Promise<HttpResult>): value is Promise<HttpResult> {
  return typeof (value as Promise<HttpResult> | null | undefined)?.then === "function";
}

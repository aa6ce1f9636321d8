/**
 * HTTP on one connection: requests one after the other, their answers in order, and the connection's end.
 *
 * @module
 */
import { ConnClosedError, DrainTimeoutError } from "../../errors.ts";
import type { Conn, Consumer } from "../../server/conn/conn.ts";
import { Boundary } from "../../server/conn/boundary.ts";
import type { Connection } from "../../server/conn/connection.ts";
import { answer } from "./answer.ts";
import { type Delayed, HttpDeadlines } from "./deadlines.ts";
import { discard } from "../answer/discard.ts";
import { BodyError, HttpError } from "../http_errors.ts";
import { type ExchangeHost, HttpExchange } from "./exchange.ts";
import { account, sendFailure } from "./failure.ts";
import { blocksNext, countHeads, skipBody } from "./leftovers.ts";
import { Outgoing, type WholeAnswer } from "../answer/outgoing.ts";
import { END, type ParserEvent, type RequestHead, RequestParser } from "../parser/mod.ts";
import { refusalAnswer } from "./refusals.ts";
import { type HandlerOutcome, runHandler } from "./run_handler.ts";
import type { HttpService } from "./service.ts";
import { Takeover } from "./takeover.ts";
import type { HttpResult } from "../http_api.ts";

/** The consumer of a connection that speaks HTTP/1.1. */
export class HttpConn implements Consumer, ExchangeHost, Delayed, HandlerOutcome {
  readonly conn: Connection;
  readonly service: HttpService;
  readonly parser: RequestParser;
  /** The request that is being answered. */
  exchange: HttpExchange | null = null;
  readonly #out: Outgoing;
  readonly #deadlines: HttpDeadlines;
  #count = 0;
  /** Nothing more of this connection is run. */
  #over = false;
  /** The peer's FIN has come. */
  #ended = false;
  /** The client sends requests before it has the answers. */
  #pipelined = false;
  /** Bytes dropped of a body that nobody read; -1 while none is. */
  #dropped = -1;
  #advancing = false;
  readonly #boundary: Boundary;

  constructor(conn: Connection, service: HttpService) {
    this.conn = conn;
    this.service = service;
    this.parser = new RequestParser(service.limits.parser);
    this.#boundary = new Boundary(conn);
    this.#out = new Outgoing(conn);
    this.#deadlines = new HttpDeadlines(this, service, conn.host.timers);
  }

  get buffered(): number {
    return this.#over ? 0 : this.parser.buffered;
  }

  get handling(): number {
    return this.exchange === null || this.exchange.handling === null ? 0 : this.exchange.number;
  }

  /** Somebody reads the rest of a body that has not come, or it is dropped. */
  get isOwed(): boolean {
    return this.#dropped >= 0 || this.exchange?.body?.isAwaited === true;
  }

  // What the connection says.

  data(chunk: Uint8Array): void {
    if (this.#over) return;
    this.parser.feed(chunk);
    this.#arrived();
  }

  lend(buffer: Uint8Array, length: number): void {
    if (this.#over) return;
    this.parser.lend(buffer, length);
    try {
      this.#arrived();
    } finally {
      this.parser.keep();
    }
  }

  #arrived(): void {
    if (this.#dropped >= 0) this.#drop();
    else this.exchange?.body?.arrived();
    this.#advance();
    this.#settle();
  }

  end(): void {
    if (this.#over || this.conn.state === "closing") return;
    this.#ended = true;
    const exchange = this.exchange;
    // As in Go: who has closed waits for nothing any more, as far as anybody can tell; an answer is sent all the same,
    // but for a stream that may never end: nothing else would tell it that its client has gone (issue 11).
    const gone = halfClosed();
    if (exchange !== null && !exchange.bodyDone) exchange.body!.cutOff(new BodyError(gone.message, { cause: gone }));
    exchange?.cancel(gone);
    if (this.#dropped >= 0) this.#close();
    else this.outside(() => exchange?.isEndless === true && this.#forsake(exchange, gone));
  }

  closed(error?: Error): void {
    this.#over = true;
    this.#deadlines.stop();
    const exchange = this.exchange;
    this.exchange = null;
    if (exchange === null || exchange.state === "handed") return;
    const gone = error ?? new ConnClosedError("The client closed the connection");
    if (exchange.place !== null) this.service.limit?.cancel(exchange.place);
    exchange.body?.fail(new BodyError("The client has gone before the end of its body", { cause: gone }));
    if (exchange.state !== "done") {
      exchange.enter("finish");
      this.service.aborted++;
      this.service.finished(exchange, gone);
    }
    exchange.cancel(gone);
    exchange.stop?.(gone);
  }

  drained(): void {
    if (!this.#over) this.outside(() => {});
  }

  goodbye(): void {
    if (!this.#over && this.parser.partial) this.#refuse(new HttpError("headTimeout"));
    else this.#out.writeWithheld(true);
    this.#over = true;
    this.#settle();
  }

  hurry(): void {
    this.#settle();
  }

  afterFin(chunk: Uint8Array): number {
    // The head that it goes on with was counted when it began, or answered with 408.
    const known = this.parser.partial ? 1 : 0;
    this.parser.feed(chunk);
    return Math.max(0, countHeads(this.parser) - known);
  }

  headLate(): void {
    if (!this.#over) this.outside(() => this.#refuse(new HttpError("headTimeout")));
  }

  bodyLate(exchange: HttpExchange): void {
    if (this.#over || (exchange.body!.failed && this.#dropped < 0)) return;
    const error = new HttpError("bodyTimeout");
    this.service.refused(error);
    if (this.#dropped >= 0) return this.#close();
    exchange.body!.fail(new BodyError(error.message, { cause: error }));
  }

  handlerLate(exchange: HttpExchange): void {
    if (this.#over) return;
    exchange.expire();
    this.outside(() => this.failed(exchange, exchange.cause()));
  }

  // What an exchange asks for.

  pullBody(): Uint8Array | null | undefined {
    let event: ParserEvent;
    try {
      event = this.parser.next();
    } catch (error) {
      this.service.refused(error as HttpError);
      throw error;
    }
    if (this.#boundary.isPaused) this.#settle();
    return event === null ? undefined : event === END ? null : event as Uint8Array;
  }

  bodyWanted(): void {
    if (this.#boundary.isPaused) this.#settle();
  }

  inform(status: number, lines: string): void {
    this.service.answered(status);
    this.#out.inform(status, lines);
  }

  handOver(exchange: HttpExchange): Conn {
    this.#over = true;
    // What is reported from now on is another protocol's.
    this.#boundary.forget();
    // The handler has returned its promise already: from now on the connection lives as long as that.
    if (exchange.handling !== null) this.attend(exchange, exchange.handling);
    this.#deadlines.stop();
    this.conn.release(this.parser.unread());
    return this.conn;
  }

  switched(exchange: HttpExchange): Takeover {
    const { conn, service } = this;
    this.exchange = null;
    service.finished(exchange);
    const takeover = new Takeover(conn, service.server);
    exchange.outlast(takeover);
    conn.work.handed();
    return takeover;
  }

  send(exchange: HttpExchange, head: string, length: number, body: Uint8Array | string | null, close: boolean): void {
    if (!exchange.bodyDone && (this.#ended || this.isDraining)) {
      skipBody(exchange.body!, this.service.limits.maxUnreadBody);
    }
    const closes = this.closes(exchange, close, true);
    const whole: WholeAnswer = { head, length, body, minor: exchange.head.minor, latin: exchange.latin };
    // In a drain, the last answer of a client that pipelines waits for the quiet moment: it alone may say `close`, and
    // whatever comes before it is answered too.
    const withholds = this.#pipelined && this.conn.isDraining && this.parser.buffered === 0;
    if (!closes && withholds) this.#out.withhold(whole);
    else this.#out.write(whole, closes);
    this.#finish(exchange, closes);
  }

  opens(exchange: HttpExchange): boolean {
    exchange.isEndless = true;
    if (this.#ended) this.outside(() => this.#forsake(exchange, halfClosed()));
    return exchange.state === "none";
  }

  sent(exchange: HttpExchange, tail: string, close: boolean): void {
    if (this.exchange !== exchange) return;
    this.outside(() => {
      this.conn.write(tail);
      this.conn.output.gather(true);
      this.#finish(exchange, close);
    });
  }

  closes(exchange: HttpExchange, wanted: boolean, isWhole: boolean): boolean {
    // Behind a body that is still being read there may be another request.
    const more = this.parser.buffered > 0;
    if (more && exchange.bodyDone) this.#pipelined = true;
    const { maxRequestsPerConnection, maxUnreadBody } = this.service.limits;
    if (wanted || !exchange.head.keepAlive || this.#count >= maxRequestsPerConnection) return true;
    if ((this.#ended && !more) || blocksNext(exchange, maxUnreadBody, isWhole)) return true;
    return !more && !this.#pipelined && (this.isDraining || this.service.givesAway());
  }

  get isDraining(): boolean {
    return this.service.server.state !== "running" || this.conn.isDraining;
  }

  failed(exchange: HttpExchange, error: unknown): void {
    if (this.exchange !== exchange || exchange.state === "done") return;
    const { status, message } = account(error, exchange);
    if (exchange.state !== "none" || status === 0) return this.#cut(exchange, error);
    if (exchange.place !== null) this.service.limit?.cancel(exchange.place);
    // A stream that was to be the answer is not read any more.
    exchange.stop?.(error);
    sendFailure(exchange, status, message);
  }

  // Requests.

  #advance(): void {
    if (this.#advancing) return;
    this.#advancing = true;
    // A client that doesn't read its answers gets no more of them.
    while (this.exchange === null && !this.#over && !this.conn.output.isClogged) {
      const head = this.#nextHead();
      if (head === null) break;
      this.#begin(head);
    }
    this.#advancing = false;
    if (this.#ended && this.exchange === null && !this.#over && !this.#waits) this.#close();
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
    // An answer would open a tunnel behind a proxy's back (RFC 9110 §9.3.6).
    if (head.isConnect && this.service.onConnect === null) return this.#refuse(new HttpError("connectNotServed"));
    this.#out.writeWithheld(false);
    this.#deadlines.head(false);
    const { service } = this;
    const exchange = new HttpExchange(this, head, ++this.#count, service.begins(this.conn.host.moment));
    this.exchange = exchange;
    if (!head.hasBody) this.parser.next();
    service.requests++;
    if (service.observers.list !== null) service.began(exchange);
    const { limit, limits: { handlerTimeout } } = service;
    if (handlerTimeout > 0) {
      exchange.limitTo(exchange.startedAt + handlerTimeout);
      this.#deadlines.handler(exchange);
    }
    if (limit === null || limit.tryEnter()) return runHandler(exchange, this);
    exchange.place = limit.enqueue({
      run: () => this.outside(() => runHandler(exchange, this)),
      expired: () => this.outside(() => this.failed(exchange, new HttpError("queueTimeout"))),
    });
    if (exchange.place === null) this.failed(exchange, new HttpError("queueFull"));
  }

  answered(exchange: HttpExchange, response: HttpResult): void {
    if (this.exchange !== exchange || exchange.state !== "none") return discard(response);
    try {
      answer(exchange, response);
    } catch (error) {
      this.failed(exchange, error);
    }
  }

  outside(step: () => void): void {
    if (this.conn.output.isCorked) return step();
    this.conn.output.cork();
    try {
      step();
    } catch (error) {
      // A connection that stayed corked would never be answered again (issue 11).
      this.conn.output.uncork(false);
      throw error;
    }
    this.#advance();
    this.#settle();
    this.conn.output.uncork(this.exchange !== null);
  }

  #finish(exchange: HttpExchange, close: boolean): void {
    exchange.enter("finish");
    if (!exchange.bodyDone) {
      exchange.body!.fail(new BodyError("The answer is sent, what is left of the body is dropped"));
    }
    this.#done(exchange);
    if (close) return this.#close();
    if (exchange.bodyDone) {
      this.exchange = null;
      return;
    }
    this.#dropped = 0;
    this.#drop();
  }

  #done(exchange: HttpExchange): void {
    this.service.finished(exchange);
    exchange.complete();
  }

  /** Drops what nobody read of a body, so that the next request is found. */
  #drop(): void {
    try {
      for (;;) {
        const part = this.pullBody();
        if (part === undefined) return this.#ended ? this.#close() : undefined;
        if (part === null) break;
        this.#dropped += part.length;
        if (this.#dropped > this.service.limits.maxUnreadBody) return this.#close();
      }
    } catch {
      // The answer is out already.
      return this.#close();
    }
    this.#dropped = -1;
    this.exchange = null;
  }

  // Ends.

  /** Says FIN; nothing more is run. */
  #close(): void {
    this.#out.writeWithheld(true);
    // Whoever sent more has not seen that this answer was the last one.
    if (this.parser.buffered > 0) this.conn.cameAfterFin(countHeads(this.parser), 0);
    this.#sayGoodbye();
  }

  #sayGoodbye(): void {
    this.#over = true;
    this.exchange = null;
    this.conn.sayGoodbye();
  }

  /** A peer that broke the protocol, or a limit. */
  #refuse(error: HttpError): void {
    this.#out.writeWithheld(false);
    this.service.refused(error);
    this.service.refusedHead(error, this.conn);
    this.conn.write(refusalAnswer(error, this.service.date(), this.service.limits.retryAfter));
    this.#sayGoodbye();
  }

  /** An answer that can't be finished must not look finished. */
  #cut(exchange: HttpExchange, error: unknown): void {
    this.#abandon(exchange, error);
    exchange.body?.fail(new BodyError("The answer has failed, and the rest of the body with it", { cause: error }));
    // When its grace is over, a drain resets what is left, and names it.
    if (exchange.cause() instanceof DrainTimeoutError) return;
    this.exchange = null;
    this.conn.abort(error);
  }

  /** Nobody waits for the end of a stream: its place is free, and the FIN comes where its last chunk would be. */
  #forsake(exchange: HttpExchange, gone: Error): void {
    const isBegun = exchange.state === "begun";
    this.#abandon(exchange, gone);
    // Where the end of the connection is the end of the body, a FIN would say that it is whole (HTTP/1.0).
    if (isBegun && exchange.head.minor === 0) this.conn.abort(gone);
    this.#close();
  }

  /** An exchange ends without the end of its answer. */
  #abandon(exchange: HttpExchange, error: unknown): void {
    exchange.enter("finish");
    this.#over = true;
    this.service.aborted++;
    this.service.finished(exchange, error);
    exchange.cancel(error);
    exchange.stop?.(error);
  }

  attend(exchange: HttpExchange, handling: Promise<unknown>): void {
    this.exchange = null;
    const left = handling.then(() => {}).finally(() => this.#done(exchange));
    this.service.server.attend(this.conn, left);
  }

  /** Requests are here that wait until the client reads its answers. */
  get #waits(): boolean {
    return this.conn.output.isClogged && this.parser.buffered > 0;
  }

  /** Tells the connection how things stand, and sets the clock for what is incomplete. */
  #settle(): void {
    const busy = this.exchange !== null || (!this.#over && this.#waits);
    const partial = !busy && !this.#over && this.parser.partial;
    if (!this.conn.ending.isGone) this.#boundary.press(this.#isFull(busy));
    this.#deadlines.head(partial);
    if (this.exchange?.bodyDone === false) this.#deadlines.body(this.exchange!);
    this.#boundary.report(busy, partial);
  }

  /** What the peer has sent is not wanted yet. */
  #isFull(busy: boolean): boolean {
    // A client that pipelines without end would keep a drain up: when its patience is over, nothing more is taken in.
    const enough = this.conn.ending.isDue && busy && this.exchange?.bodyDone !== false;
    return enough || (busy && this.parser.buffered >= this.conn.host.limits.readHighWaterMark);
  }
}

function halfClosed(): ConnClosedError {
  return new ConnClosedError("The client closed its side of the connection");
}

/**
 * A connection to an upstream that speaks HTTP/1.1: one call after the other.
 *
 * @module
 */
import { isAscii, latin1 } from "../../http/answer/fields.ts";
import { RESPONSE_END, type ResponseEvent, ResponseParser } from "../../http/client/response_parser.ts";
import { ResponseHead } from "../../http/client/response_head.ts";
import { ResponseError } from "../../http/http_errors.ts";
import { type Clock, idleTimer } from "../../clock.ts";
import type { Conn, Consumer } from "../../server/conn/conn.ts";
import { UpstreamError } from "../upstream_errors.ts";
import { Call, type CallEnd, type CallHost } from "./call.ts";
import { headOf, type Outgoing } from "./outgoing.ts";
import type { OutgoingBody } from "./outgoing_body.ts";

/** What all connections to one address go by; durations in ms, `Infinity` for none. */
export interface ClientLimits {
  /** As errors name it: `http://10.0.0.7:8080`. */
  readonly address: string;
  /** For the Host field. */
  readonly host: string;
  readonly headTimeout: number;
  readonly bodyTimeout: number;
  readonly continueTimeout: number;
  readonly maxHeadBytes: number;
  readonly clock: Clock;
}

/** One connection, which is a pool's. */
export class ClientConn implements Consumer, CallHost {
  readonly longLived = true;
  readonly #conn: Conn;
  readonly #limits: ClientLimits;
  readonly #parser: ResponseParser;
  #call: Call | null = null;
  #onGone: ((reason: unknown) => void) | null = null;
  #isGone = false;
  /** Somebody has it for another protocol. */
  #isHanded = false;
  #isPaused = false;
  /** The last head has said that another request may follow. */
  #keepAlive = true;
  /** Until when the upstream has time, in ms on the clock; Infinity while nothing is waited for. */
  #dueAt = Infinity;
  #stopTimer: (() => void) | null = null;
  #timerAt = Infinity;
  /** Goes on with a body that waits for a 100 (Continue). */
  #goOn: (() => void) | null = null;

  constructor(conn: Conn, limits: ClientLimits) {
    this.#conn = conn;
    this.#limits = limits;
    this.#parser = new ResponseParser({ maxHeadBytes: limits.maxHeadBytes });
    conn.consume(this);
  }

  get address(): string {
    return this.#limits.address;
  }

  /** It has ended by itself: nothing can be sent on it. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Calls `gone` when it ends by itself, now if it has. */
  watch(gone: (reason?: unknown) => void): void {
    if (this.#isGone) return gone();
    this.#onGone = gone;
  }

  /** Ends it: gracefully, unless a call is under way. */
  close(): Promise<void> {
    this.#stopTimer?.();
    this.#onGone = null;
    if (this.#isHanded) return Promise.resolve();
    if (this.#call === null) return this.#conn.close();
    this.#conn.abort();
    return Promise.resolve();
  }

  /** Sends a request. @param onEnd Called once, when this is free again, or lost. */
  send(request: Outgoing, onEnd: (end: CallEnd) => void): Call {
    const call = new Call(request, this, onEnd);
    if (this.#isGone) {
      queueMicrotask(() => this.#lost(call, undefined));
      return call;
    }
    const { headTimeout, host } = this.#limits;
    this.#call = call;
    this.#parser.expect(request.method);
    const head = headOf(request, host);
    this.#write(isAscii(head) ? head : latin1(head));
    this.#wait(headTimeout);
    const { body } = request;
    if (body === null) call.isSent = true;
    else if (request.expectContinue) void this.#sendLater(call, body);
    else this.#sendBody(call, body);
    return call;
  }

  // What the connection says.

  data(chunk: Uint8Array): void {
    const call = this.#call;
    if (call === null) return this.#unasked();
    call.begun();
    this.#parser.feed(chunk);
    if (call.state === "body") this.#wait(this.#limits.bodyTimeout);
    this.#advance(call, false);
  }

  end(): void {
    const call = this.#call;
    if (call === null) return this.#gone("The upstream has closed it");
    this.#parser.end();
    this.#advance(call, true);
    this.#lost(call, undefined);
  }

  closed(error?: Error): void {
    const call = this.#call;
    if (call !== null) this.#lost(call, error);
    this.#gone(error ?? "It is closed");
  }

  // What its call asks for.

  press(isFull: boolean): void {
    if (this.#isGone) return;
    if (!isFull) {
      this.#resume();
      return this.#wait(this.#limits.bodyTimeout);
    }
    // Who is not read has no time limit, though it takes a body meanwhile: it is the reader who is slow.
    this.#dueAt = Infinity;
    this.#isPaused = true;
    this.#conn.pause();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#conn.resume();
  }

  drop(reason: unknown): void {
    this.#dueAt = Infinity;
    this.#call = null;
    this.#goOn?.();
    this.#conn.abort(reason);
  }

  continued(): void {
    this.#goOn?.();
  }

  // Answers.

  #advance(call: Call, isEnd: boolean): void {
    try {
      for (let event = this.#parser.next(); event !== null; event = this.#parser.next()) {
        this.#found(call, event, isEnd);
        // Behind an answer's end, or a 101, nothing is this call's.
        if (call.isOver) return;
      }
    } catch (error) {
      call.fail(this.#explain(call, error), true);
    }
  }

  #found(call: Call, event: ResponseEvent, isEnd: boolean): void {
    if (event === RESPONSE_END) return this.#answerOver(call, isEnd);
    if (!(event instanceof ResponseHead)) return call.part(event);
    if (event.status === 101) return this.#switch(call, event);
    if (event.status < 200) {
      this.#wait(this.#limits.headTimeout);
      return call.informed(event);
    }
    this.#wait(this.#limits.bodyTimeout);
    this.#keepAlive = event.keepAlive;
    call.head(event);
  }

  #answerOver(call: Call, isEnd: boolean): void {
    const { trailers, buffered } = this.#parser;
    // Bytes behind the end are an answer that nobody has asked for: who would take them for his is deceived.
    const isReusable = this.#keepAlive && call.isSent && buffered === 0 && !isEnd;
    this.#resume();
    this.#call = null;
    this.#dueAt = Infinity;
    this.#goOn?.();
    if (!call.isSent) call.request.body?.cancel("The answer came before the end of the body");
    if (!isReusable) this.#onGone = null;
    call.end(trailers, isReusable);
  }

  #switch(call: Call, head: ResponseHead): void {
    const asked = call.request.upgrade;
    if (asked === "" || !call.isSent) throw call.error("protocol", "switched to another protocol unasked");
    if (head.header("upgrade")?.toLowerCase() !== asked.toLowerCase()) {
      throw call.error("protocol", `switched to ${head.header("upgrade")}, asked for was ${asked}`);
    }
    this.#call = null;
    this.#dueAt = Infinity;
    this.#onGone = null;
    this.#stopTimer?.();
    this.#isGone = true;
    this.#isHanded = true;
    this.#conn.release(this.#parser.rest());
    call.switched(head, this.#conn);
  }

  // Requests.

  #sendBody(call: Call, body: OutgoingBody): void {
    const { whole } = body;
    if (whole === null) return void this.#pump(call, body).catch((error) => this.#bodyFailed(call, error));
    this.#write(whole);
    call.isSent = true;
  }

  /** Waits for a 100 (Continue), or long enough for an upstream that knows none (RFC 9110 §10.1.1). */
  async #sendLater(call: Call, body: OutgoingBody): Promise<void> {
    const { clock, continueTimeout } = this.#limits;
    await new Promise<void>((resolve) => {
      const stop = clock.setTimer(resolve, continueTimeout);
      this.#goOn = () => (stop(), resolve());
    });
    this.#goOn = null;
    if (call.state === "waiting" || call.state === "begun") this.#sendBody(call, body);
  }

  async #pump(call: Call, body: OutgoingBody): Promise<void> {
    const { length } = body;
    const isChunked = length < 0;
    let sent = 0;
    for (;;) {
      // A source that takes its time is not the upstream's fault.
      this.#dueAt = Infinity;
      const part = await body.read();
      if (call.isOver) return body.cancel("The call is over");
      this.#wait(call.state === "body" ? this.#limits.bodyTimeout : this.#limits.headTimeout);
      if (part === null) break;
      if (part.length === 0) continue;
      sent += part.length;
      if (!isChunked && sent > length) throw new RangeError(`It is longer than the ${length} bytes that were declared`);
      await (isChunked ? this.#writeChunk(part) : this.#conn.write(part).catch(() => {}));
    }
    if (!isChunked && sent < length) throw new RangeError(`It has ${sent} bytes, ${length} were declared`);
    if (call.isOver) return;
    if (isChunked) this.#write(`0\r\n${body.trailers()}\r\n`);
    call.isSent = true;
  }

  #writeChunk(part: Uint8Array): Promise<void> {
    this.#write(`${part.length.toString(16)}\r\n`);
    const written = this.#conn.write(part).catch(() => {});
    this.#write("\r\n");
    return written;
  }

  /** What can't be sent whole must not look whole. */
  #bodyFailed(call: Call, error: unknown): void {
    call.fail(call.error("body", "can't be sent the request's body, whose source has failed", error), false);
  }

  /** Whoever reads hears of it if this fails. */
  #write(data: Uint8Array | string): void {
    this.#conn.write(data).catch(() => {});
  }

  // Ends.

  #lost(call: Call, error: Error | undefined): void {
    if (call.isOver) return;
    const [failure, what] = call.state === "body"
      ? ["truncated", "ended the connection in the middle of its answer"] as const
      : ["closed", "ended the connection without an answer"] as const;
    call.fail(call.error(failure, what, error), true);
  }

  #explain(call: Call, error: unknown): unknown {
    if (error instanceof UpstreamError || !(error instanceof ResponseError)) return error;
    if (!error.truncated) return call.error("protocol", "does not speak HTTP/1.1 as it should", error);
    return call.error(
      call.state === "body" ? "truncated" : "closed",
      "ended the connection inside of its answer",
      error,
    );
  }

  /** Bytes that no call has asked for. */
  #unasked(): void {
    this.#conn.abort(new ResponseError("The upstream said something that nobody had asked for"));
    this.#gone("It said something that nobody had asked for");
  }

  #gone(reason: unknown): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#stopTimer?.();
    this.#timerAt = Infinity;
    const gone = this.#onGone;
    this.#onGone = null;
    gone?.(reason);
  }

  // Time.

  /** The upstream has so much time from now on. One timer goes on from call to call: most are never late. */
  #wait(limit: number): void {
    const { clock } = this.#limits;
    this.#dueAt = this.#isPaused ? Infinity : clock.now() + limit;
    if (this.#dueAt >= this.#timerAt || this.#dueAt === Infinity) return;
    this.#stopTimer?.();
    this.#arm();
  }

  #arm(): void {
    const { clock } = this.#limits;
    this.#timerAt = this.#dueAt;
    this.#stopTimer = idleTimer(clock, () => this.#look(), Math.max(0, this.#dueAt - clock.now()));
  }

  #look(): void {
    this.#timerAt = Infinity;
    this.#stopTimer = null;
    const call = this.#call;
    if (call === null || this.#dueAt === Infinity) return;
    if (this.#dueAt > this.#limits.clock.now()) return this.#arm();
    const { headTimeout, bodyTimeout } = this.#limits;
    const what = call.state === "body"
      ? `sent nothing of its answer's body for ${bodyTimeout} ms`
      : `gave no answer within ${headTimeout} ms`;
    call.fail(call.error("timeout", what), true);
  }
}

/**
 * One WebSocket, as its handler sees it.
 *
 * @module
 */
import { type Bytes, dataOf } from "../../bytes.ts";
import type { Connection } from "../../server/conn/connection.ts";
import { DONE, type PushEar, type Sink } from "../../server/conn/hand_out.ts";
import { quietly } from "../../server/conn/output.ts";
import { checkNames, type Names } from "../../names.ts";
import { checkCode, GOING_AWAY, NO_STATUS, NORMAL, TRY_AGAIN_LATER } from "../close_code.ts";
import { WebSocketClosedError } from "../websocket_errors.ts";
import { goodbyeTo, lastWordsTime } from "./goodbye.ts";
import { type LinkOwner, WebSocketLink } from "./link.ts";
import { refused } from "./outflow.ts";
import type { WebSocketAgreement, WebSocketSettings } from "./settings.ts";
import type { SharedFrame } from "./shared_frame.ts";
import type {
  WebSocketClose,
  WebSocketConn,
  WebSocketMessage,
  WebSocketSendOptions,
  WebSocketState,
} from "../websocket_api.ts";

/** A control frame's largest payload (RFC 6455 §5.5). */
const MAX_PING_BYTES = 125;

const SEND_NAMES: Names<WebSocketSendOptions> = { compress: true };

const encoder = new TextEncoder();

/** Has a WebSocket for itself, and needs no function and no promise for it: there may be many thousands of these. */
export interface WebSocketTaker {
  /** A message came. While a promise of this is pending the next one waits. */
  received(message: WebSocketMessage): void | Promise<void>;
  /** The WebSocket is over; called when `closed` would be. */
  gone(): void;
}

/** One WebSocket, on either side. */
export class WsConn implements WebSocketConn, PushEar, Sink<WebSocketMessage>, LinkOwner {
  readonly conn: Connection;
  readonly #link: WebSocketLink;
  readonly #agreement: WebSocketAgreement;
  #closed: Promise<WebSocketClose> | null = null;
  #resolveClosed: ((outcome: WebSocketClose) => void) | null = null;
  /** The last of the messages that wait for a `Blob` to be read; null if none does. */
  #behind: Promise<void> | null = null;
  /** The last `forEach()`; of a taker that has left, how. */
  pushed: Promise<void> | null = null;
  #ear: PushEar | null = null;
  #taker: WebSocketTaker | null = null;

  constructor(conn: Connection, settings: WebSocketSettings, agreement: WebSocketAgreement) {
    this.conn = conn;
    this.#agreement = agreement;
    this.#link = new WebSocketLink(conn, settings, agreement, this);
  }

  /** Takes the connection's bytes, unread ones first. */
  start(): void {
    this.#link.start();
    if (this.#agreement.beats) this.#link.sayBeat();
    // The farewell needs the round trip before it can say how long it will wait.
    if (this.#agreement.farewell) this.#link.beat();
  }

  /** It was connected from here, by `connectWebSocket()`. */
  get isClient(): boolean {
    return this.#link.settings.role === "client";
  }

  get protocol(): string {
    return this.#agreement.protocol;
  }

  get extensions(): string {
    return this.#agreement.extensions;
  }

  get state(): WebSocketState {
    if (this.#link.outcome !== null) return "closed";
    return this.#link.isClosing ? "closing" : "open";
  }

  get bufferedAmount(): number {
    this.#link.out.uncork();
    return this.conn.unsent;
  }

  get dropped(): number {
    return this.#link.out.dropped;
  }

  get roundTrip(): number | null {
    return this.#link.roundTrip;
  }

  get closed(): Promise<WebSocketClose> {
    this.conn.awaitEnd();
    return this.whenOver;
  }

  /** As `closed`, without a word about anybody's waiting: for parts of ours. */
  get whenOver(): Promise<WebSocketClose> {
    const { outcome } = this.#link;
    if (this.#closed === null) {
      this.#closed = outcome !== null
        ? Promise.resolve(outcome)
        : new Promise((resolve) => this.#resolveClosed = resolve);
    }
    return this.#closed;
  }

  // Sending.

  send(given: string | Bytes | Blob, options?: WebSocketSendOptions): Promise<void> {
    if (options !== undefined) checkNames("send()", options, SEND_NAMES);
    if (given instanceof Blob) return this.#sendBehind(given, options);
    const data = dataOf(given, "send()");
    if (this.#behind === null) return this.#sendNow(data, options);
    // Its maker may use the memory again before its turn comes.
    return this.#sendBehind(typeof data === "string" ? data : new Uint8Array(data), options);
  }

  /** A `Blob` takes time to read, and what is sent behind it comes behind it. A drain waits for both. */
  #sendBehind(data: string | Uint8Array | Blob, options: WebSocketSendOptions | undefined): Promise<void> {
    const before = this.#behind ?? Promise.resolve();
    const sent = before.then(async () => {
      await this.#sendNow(data instanceof Blob ? new Uint8Array(await data.arrayBuffer()) : data, options);
    });
    const over = sent.catch(() => {});
    this.#behind = over;
    this.conn.waitUntil(over);
    void over.then(() => this.#behind === over && (this.#behind = null));
    return sent;
  }

  #sendNow(data: string | Uint8Array, options: WebSocketSendOptions | undefined): Promise<void> {
    const { out, outcome, sentClose } = this.#link;
    if (outcome !== null) return this.#refused();
    // As in the browser: nothing may follow a Close, and who still answers what came before must not fail at it.
    if (sentClose) return this.#link.refuse(data);
    if (out.isSlow && this.#dropsSlow()) return out.drop();
    this.#link.settings.counts.sent++;
    const sent = out.message(data, options?.compress !== false);
    this.#link.gave();
    return sent;
  }

  /** Sends a frame that was encoded once for many; false if it was not sent. Nobody waits here for a slow peer. */
  sendShared(frame: SharedFrame): boolean {
    const { out, outcome, sentClose } = this.#link;
    if (outcome !== null) return false;
    if (sentClose || out.isSlow) {
      if (!sentClose) this.#dropsSlow();
      out.drop();
      return false;
    }
    this.#link.settings.counts.sent++;
    out.shared(frame);
    this.#link.gave();
    return true;
  }

  /** Whether a message to a peer that is slow is dropped, and its connection perhaps closed. */
  #dropsSlow(): boolean {
    const { slowConsumer, maxBufferedAmount } = this.#link.settings.limits;
    if (slowConsumer === "close") {
      this.#link.close(TRY_AGAIN_LATER, `more than ${maxBufferedAmount} bytes wait to be read`);
    }
    return slowConsumer !== "wait";
  }

  ping(data?: Bytes | string): Promise<number> {
    const payload = data === undefined ? undefined : payloadOf(data);
    if (payload !== undefined && payload.length > MAX_PING_BYTES) {
      const text = `A ping carries at most ${MAX_PING_BYTES} bytes, got ${payload.length}, send a message instead`;
      throw new TypeError(text);
    }
    if (this.#link.isClosing) return this.#refused();
    return this.#link.ping(payload);
  }

  // Receiving.

  next(): Promise<IteratorResult<WebSocketMessage>> {
    return this.#link.delivery.next();
  }

  return(): Promise<IteratorResult<WebSocketMessage>> {
    this.leave(NORMAL, "");
    return Promise.resolve(DONE);
  }

  forEach(fn: (message: WebSocketMessage) => void | Promise<void>): Promise<void> {
    const { delivery } = this.#link;
    if (delivery.isTaken) return delivery.forEach(fn);
    // A handler may return without it: its failure is heard all the same.
    return this.pushed = delivery.forEach(fn, this);
  }

  /** As `forEach`, for one who has this WebSocket for itself: the handler returns nothing then. */
  giveTo(taker: WebSocketTaker): void {
    this.#taker = taker;
    if (this.#link.outcome !== null) this.#tellTaker();
    this.#link.delivery.pushTo(this);
  }

  /** Who has it for itself; null where that is nobody. */
  get taker(): WebSocketTaker | null {
    return this.#taker;
  }

  take(message: WebSocketMessage): void | Promise<void> {
    return this.#taker!.received(message);
  }

  ended(error: unknown): void {
    this.#left(error === null ? Promise.resolve() : Promise.reject(error));
  }

  failed(error: unknown): void {
    this.#left(Promise.reject(error));
  }

  #left(how: Promise<void>): void {
    this.pushed = quietly(how);
    this.pushEnded();
  }

  /**
   * Lets `ear` hear of the end of `serving`, if that is a `forEach()` that goes on, or of its taker; false if it is
   * something else.
   */
  followPush(serving: unknown, ear: PushEar): boolean {
    if ((this.#taker === null && serving !== this.pushed) || !this.#link.delivery.isPushing) return false;
    this.#ear = ear;
    return true;
  }

  pushEnded(): void {
    this.#ear?.pushEnded();
    this.#ear = null;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  // Ending.

  close(code: number = NORMAL, reason: string = ""): Promise<WebSocketClose> {
    checkCode(code);
    const close = (): void => this.#link.closeByTaker(code, String(reason));
    if (this.#behind === null) close();
    else void this.#behind.then(close);
    return this.closed;
  }

  /** Nobody will take a message any more: closes, and drops what comes until the peer's Close. */
  leave(code: number, reason: string): void {
    if (this.#behind !== null) return void this.#behind.then(() => this.leave(code, reason));
    this.#link.close(code, reason);
    this.#link.unwant();
  }

  abort(reason?: unknown): void {
    this.conn.abort(reason);
    this.#link.unwant();
  }

  waitUntil(work: Promise<unknown>): void {
    this.conn.waitUntil(work);
  }

  answered(): void {
    this.conn.answered();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  over(outcome: WebSocketClose): void {
    if (this.#taker !== null) this.#tellTaker();
    this.#resolveClosed?.(outcome);
  }

  /** As late as by a promise: what is under way in this moment is done by then. */
  #tellTaker(): void {
    const taker = this.#taker!;
    queueMicrotask(() => taker.gone());
  }

  /** The end of a drain, or of this connection alone. */
  async sayGoodbye(): Promise<void> {
    const link = this.#link;
    if (!link.isClosing) await this.#sayLastMessage();
    const { reason, wait } = goodbyeTo(link.settings, this.#agreement, this.conn, link.roundTrip);
    link.close(GOING_AWAY, reason, wait);
    await this.whenOver;
  }

  async #sayLastMessage(): Promise<void> {
    const { lastMessage } = this.#link.settings.manners;
    if (lastMessage === null) return;
    const end = this.conn.host.clock.now() + lastWordsTime(this.#link.settings, this.conn);
    try {
      const message = await this.#until(end, lastMessage(this));
      if (message !== undefined) await this.#until(end, this.send(message));
    } catch (error) {
      if (!(error instanceof WebSocketClosedError)) {
        this.#link.settings.failed("The last message failed", error, this.conn);
      }
    }
  }

  /** Undefined if it has not come by `end`, in ms on the clock. */
  async #until<T>(end: number, promise: T | Promise<T>): Promise<T | void> {
    const { clock } = this.conn.host;
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => {
      cancel = clock.setTimer(resolve, Math.max(0, end - clock.now()));
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      cancel();
    }
  }

  #refused<T>(): Promise<T> {
    const { outcome } = this.#link;
    return refused(`The WebSocket is ${this.state} (code ${outcome?.code ?? NO_STATUS})`, outcome?.error) as Promise<T>;
  }
}

/** A copy: the caller's bytes are free again at once. */
function payloadOf(given: Bytes | string): Uint8Array {
  const data = dataOf(given, "ping()");
  return typeof data === "string" ? encoder.encode(data) : data.slice();
}

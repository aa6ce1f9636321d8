/**
 * A WebSocket that comes back.
 *
 * @module
 */
import { type Bytes, dataOf } from "../../bytes.ts";
import { BEAT } from "../beat.ts";
import { HandshakeError, WebSocketClosedError } from "../websocket_errors.ts";
import { cutReason, parseFarewell } from "../farewell.ts";
import { isOwnProtocol } from "../own_protocols.ts";
import { Announcer } from "./announcer.ts";
import { Backoff } from "./backoff.ts";
import { ConnectionDroppedError } from "./reconnect_errors.ts";
import { ConnectionEndEvent, type ReconnectEvents, type ReconnectListener, StateEvent } from "./events.ts";
import { guarded } from "./guarded.ts";
import { type EventHandler, EventHandlers } from "./handlers.ts";
import { Heart } from "./heart.ts";
import {
  checkBinaryType,
  checkClose,
  reconnectArguments,
  type ReconnectSettings,
  reconnectSettings,
  webSocketUrl,
} from "./reconnect_settings.ts";
import { Page } from "./page.ts";
import { SendQueue } from "./queue.ts";
import { type ReconnectState, TRANSITIONS, type Trigger } from "./reconnect_states.ts";
import type {
  ConnectionEnd,
  Hello,
  ReconnectBinaryType,
  ReconnectOptions,
  ReconnectUrl,
  TransportClose,
  TransportSocket,
} from "./reconnect_api.ts";

/** What this side says when the page is put away or the network is gone (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001;

/** What is reported where no Close came from the server. */
const NO_CLOSE = { code: 1006, reason: "", wasClean: false } as const;

/** What `close()` leaves behind where there was no connection. */
const NO_LOSS = { wasClean: true, opened: false, unsentBytes: 0, farewell: null } as const;

const READY_STATES: Readonly<Record<ReconnectState, 0 | 1 | 2 | 3>> = {
  connecting: 0,
  open: 1,
  waiting: 0,
  away: 0,
  closing: 2,
  closed: 3,
};

/** One attempt and the connection it becomes. */
interface Link {
  /** Null until the address is known. */
  socket: TransportSocket | null;
  opened: boolean;
  /** What comes first was said. */
  greeted: boolean;
  /** From when it is open. */
  heart: Heart | null;
}

/**
 * A WebSocket client that comes back after its connection is lost: with exponential backoff and full jitter, and not
 * before the time that a Sluice server asked for. In browsers, Deno, Bun and Node.
 *
 * It has the shape of the web's `WebSocket`, so that it can stand in for one: `open` comes with each connection, `close`
 * once, when it is over for good; in between it is `CONNECTING`, and takes messages. `end` tells of each connection.
 *
 * A message is sent at most once. `send()` fulfils when a connection takes the message; what such a connection could
 * not get rid of before it ended is counted in `unsentBytes` of the `close` event, and never sent again: only the
 * application knows whether it would do harm twice. While one waits to connect again, the process stays alive; `close()`
 * lets it go.
 *
 * A server that is gone without a word is found out by a heartbeat: see `heartbeat`. A page that is looked at again, or
 * has its network back, lets it beat at once.
 *
 * @example
 * ```ts
 * const socket = new ReconnectingWebSocket("wss://example.net/live", { farewell: true });
 * socket.addEventListener("message", ({ data }) => show(data));
 * socket.addEventListener("state", ({ state, delay }) => status(state, delay));
 * await socket.send("hello");
 * ```
 */
export class ReconnectingWebSocket extends EventTarget {
  /** `readyState`: there is no connection yet, or none at the moment. */
  static readonly CONNECTING = 0;
  /** `readyState`: messages flow. */
  static readonly OPEN = 1;
  /** `readyState`: `close()` waits for the server's Close. */
  static readonly CLOSING = 2;
  /** `readyState`: it is over for good. */
  static readonly CLOSED = 3;
  /** The same, as the web has it. */
  readonly CONNECTING = 0;
  /** The same, as the web has it. */
  readonly OPEN = 1;
  /** The same, as the web has it. */
  readonly CLOSING = 2;
  /** The same, as the web has it. */
  readonly CLOSED = 3;

  readonly #url: ReconnectUrl;
  readonly #settings: ReconnectSettings;
  readonly #queue: SendQueue;
  readonly #backoff: Backoff;
  readonly #page: Page;
  readonly #announcer: Announcer = new Announcer(this);
  readonly #handlers: EventHandlers = new EventHandlers(this);
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};
  #state: ReconnectState = "connecting";
  #link: Link | null = null;
  #protocol = "";
  #lastUrl = "";
  #binaryType: ReconnectBinaryType = "bytes";
  /** The one timer of the state: of an attempt, of a stable connection, of a wait, of a Close. */
  #cancelTimer: () => void = () => {};
  /** When the server lets us come back, in the clock's time. */
  #notBefore = 0;

  /**
   * Begins to connect. Events come in later turns only.
   *
   * @param url `ws:` or `wss:`, or a function that is asked before each attempt.
   * @param given Options, or as the web has it: subprotocols to offer. Then the options follow.
   * @throws {OptionError} The address or an option can't be used.
   * @throws {UnsupportedError} The runtime has no WebSocket of its own, and no transport was given.
   */
  constructor(url: ReconnectUrl, given?: string | readonly string[] | ReconnectOptions, options?: ReconnectOptions) {
    super();
    this.#url = typeof url === "function" ? url : webSocketUrl(url);
    if (typeof this.#url === "string") this.#lastUrl = this.#url;
    this.#settings = reconnectSettings(reconnectArguments(given, options));
    this.#queue = new SendQueue(this.#settings);
    this.#backoff = new Backoff(this.#settings);
    this.#closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#page = new Page(this.#settings.page, {
      away: () => this.#announcer.run(() => this.#away()),
      back: () => this.#announcer.run(() => this.#back()),
      // A hint, and no verdict: only silence proves it.
      offline: () => this.#link?.heart?.check(),
      awake: () => this.#announcer.run(() => this.#awake()),
    });
    queueMicrotask(() => this.#announcer.run(() => this.#first()));
  }

  /** State at that moment. */
  get state(): ReconnectState {
    return this.#state;
  }

  /** The state as the web's `WebSocket` has it: 0 to 3. */
  get readyState(): 0 | 1 | 2 | 3 {
    return READY_STATES[this.#state];
  }

  /** The address of the connection, or of the last one; empty before a function was asked for the first time. */
  get url(): string {
    return this.#lastUrl;
  }

  /** Empty: transports don't tell. */
  get extensions(): string {
    return "";
  }

  /**
   * What bytes arrive as: a `Uint8Array`, an `ArrayBuffer` or a `Blob`. @default "bytes"
   *
   * @throws {OptionError} When it is set to anything else.
   */
  get binaryType(): ReconnectBinaryType {
    return this.#binaryType;
  }

  set binaryType(type: ReconnectBinaryType) {
    this.#binaryType = checkBinaryType(type);
  }

  /** Called with each `open`. */
  get onopen(): EventHandler<Event> {
    return this.#handlers.get("open");
  }

  set onopen(handler: EventHandler<Event>) {
    this.#handlers.set("open", handler);
  }

  /** Called with each `message`. */
  get onmessage(): EventHandler<MessageEvent> {
    return this.#handlers.get("message");
  }

  set onmessage(handler: EventHandler<MessageEvent>) {
    this.#handlers.set("message", handler);
  }

  /** Called with `error`. */
  get onerror(): EventHandler<Event> {
    return this.#handlers.get("error");
  }

  set onerror(handler: EventHandler<Event>) {
    this.#handlers.set("error", handler);
  }

  /** Called with `close`. */
  get onclose(): EventHandler<ConnectionEndEvent> {
    return this.#handlers.get("close");
  }

  set onclose(handler: EventHandler<ConnectionEndEvent>) {
    this.#handlers.set("close", handler);
  }

  /** The subprotocol of the connection, or of the last one; empty for none. */
  get protocol(): string {
    return this.#protocol;
  }

  /** Messages that wait for a connection. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Bytes that wait for a connection, or in one. */
  get bufferedAmount(): number {
    return this.#queue.bytes + (this.#link?.socket?.bufferedAmount ?? 0);
  }

  /** Messages that the full queue turned away or gave up. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /** Fulfils when it is over for good: by `close()`, or because no other connection is wanted. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /**
   * Sends a message, or queues it until there is a connection. Fulfils when a connection has taken it. A promise that
   * nobody looks at does no harm when it rejects. Bytes must not be changed until it settles.
   *
   * @throws {WebSocketClosedError} It is closing or closed, or was before the message could leave.
   * @throws {QueueFullError} The queue has no room, or the message gave its place to a newer one.
   * @throws {TypeError} Synchronously: `data` is neither text nor bytes.
   */
  send(data: string | Bytes): Promise<void> {
    const message = dataOf(data, "send()");
    const sent = new Promise<void>((resolve, reject) => {
      if (this.#state === "closing" || this.#state === "closed") throw closedError(this.#state);
      if (this.#queue.length === 0 && this.#hand(message)) resolve();
      else this.#queue.add(message, resolve, reject);
    });
    sent.catch(() => {});
    return sent;
  }

  /**
   * Ends it for good: an open connection is closed, what is queued is rejected, timers and listeners are gone. Fulfils
   * like `closed`. Idempotent.
   *
   * @param code 1000, or 3000 to 4999. @default 1000
   * @param reason Text; a Close carries 123 bytes of UTF-8, a longer one is cut at a character's edge.
   * @throws {OptionError} The code can't be sent.
   */
  close(code: number = 1000, reason: string = ""): Promise<void> {
    checkClose(code);
    const fitting = cutReason(String(reason));
    this.#announcer.run(() => this.#leave(code, fitting));
    return this.#closed;
  }

  /** As in `EventTarget`, with the types of these events. */
  override addEventListener<K extends keyof ReconnectEvents>(
    type: K,
    listener: ReconnectListener<ReconnectEvents[K]>,
    options?: AddEventListenerOptions | boolean,
  ): void {
    super.addEventListener(type, listener as EventListener | null, options);
  }

  /** As in `EventTarget`, with the types of these events. */
  override removeEventListener<K extends keyof ReconnectEvents>(
    type: K,
    listener: ReconnectListener<ReconnectEvents[K]>,
    options?: EventListenerOptions | boolean,
  ): void {
    super.removeEventListener(type, listener as EventListener | null, options);
  }

  #move(trigger: Trigger, delay: number = 0): void {
    const previous = this.#state;
    const state = TRANSITIONS[previous][trigger];
    if (state === undefined) throw new Error(`A reconnecting WebSocket got ${trigger} while ${previous}`);
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    this.#state = state;
    this.#announcer.add(new StateEvent({ state, previous, delay, attempt: this.#backoff.retries }));
  }

  #after(delay: number, act: () => void): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#settings.clock.setTimer(() => this.#announcer.run(act), delay);
  }

  #first(): void {
    if (this.#state === "connecting") this.#connect();
  }

  #connect(): void {
    const link: Link = { socket: null, opened: false, greeted: false, heart: null };
    this.#link = link;
    const { connectTimeout } = this.#settings;
    this.#after(connectTimeout, () => this.#late(link, `No connection within connectTimeout (${connectTimeout} ms)`));
    const url = this.#url;
    if (typeof url !== "function") return this.#dial(link, url as string);
    void Promise.resolve().then(url).then(
      (fresh) => this.#announcer.run(() => this.#dial(link, fresh)),
      (error) => this.#announcer.run(() => this.#ended(link, { ...NO_CLOSE, error })),
    );
  }

  #dial(link: Link, url: string | URL): void {
    if (link !== this.#link) return;
    const { transport, protocols } = this.#settings;
    try {
      this.#lastUrl = webSocketUrl(url);
      link.socket = transport(this.#lastUrl, protocols, {
        open: (protocol) => this.#announcer.run(() => this.#opened(link, protocol)),
        message: (data) => this.#announcer.run(() => this.#message(link, data)),
        close: (close) => this.#announcer.run(() => this.#ended(link, close)),
      });
    } catch (error) {
      this.#ended(link, { ...NO_CLOSE, error: error as Error });
    }
  }

  #opened(link: Link, protocol: string): void {
    if (link !== this.#link || link.opened) return;
    link.opened = true;
    this.#protocol = isOwnProtocol(protocol) ? "" : protocol;
    this.#move("opened");
    this.#announcer.add(new Event("open"));
    link.heart = this.#heartOf(link);
    if (this.#settings.heartbeat?.message != null) link.heart?.begin();
    this.#greet(link);
  }

  #greet(link: Link): void {
    const failed = (error: unknown) => this.#ungreeted(link, "hello failed", error);
    let hello: Hello | Promise<Hello>;
    try {
      hello = this.#settings.hello();
    } catch (error) {
      return failed(error);
    }
    if (typeof (hello as Promise<Hello>)?.then !== "function") return this.#say(link, hello as Hello);
    const { connectTimeout } = this.#settings;
    this.#after(
      connectTimeout,
      () => this.#ungreeted(link, `hello took more than connectTimeout, ${connectTimeout} ms`),
    );
    Promise.resolve(hello).then(
      (hello) => this.#announcer.run(() => this.#say(link, hello)),
      (error) => this.#announcer.run(() => failed(error)),
    );
  }

  /** Says what comes first, then what has waited. */
  #say(link: Link, hello: Hello): void {
    if (link !== this.#link || this.#state !== "open") return;
    try {
      if (typeof hello === "string") throw new TypeError("hello() gives a list of messages, got a string");
      for (const message of [...hello].map((data) => dataOf(data, "hello()"))) link.socket!.send(message);
    } catch (error) {
      return this.#ungreeted(link, "hello failed", error);
    }
    link.greeted = true;
    this.#after(this.#settings.stableAfter, () => this.#backoff.reset());
    this.#queue.drain((message) => this.#hand(message));
  }

  /** Without its first words a connection is of no use. */
  #ungreeted(link: Link, why: string, cause?: unknown): void {
    if (link === this.#link && this.#state === "open") this.#afterwards(this.#drop(link, GOING_AWAY, why, cause));
  }

  /** Null where nobody wants one, or the transport has one of its own. */
  #heartOf(link: Link): Heart | null {
    const { heartbeat, clock } = this.#settings;
    if (heartbeat === null || (heartbeat.message === null && link.socket!.pings === true)) return null;
    const { message, interval, timeout } = heartbeat;
    return new Heart({
      interval,
      timeout,
      clock,
      ask: () =>
        guarded(
          () => void link.socket!.send(dataOf(message === null ? BEAT : message(), "heartbeat.message()")),
          undefined,
        ),
      unsent: () => link.socket!.bufferedAmount,
      dead: (silence) => this.#announcer.run(() => this.#late(link, `The server said nothing for ${silence} ms`)),
    });
  }

  #message(link: Link, data: string | Uint8Array): void {
    if (link !== this.#link) return;
    link.heart?.heard();
    // An answer to ours; the first one says that there is somebody who gives them.
    if (data === BEAT && this.#settings.offersBeat) return link.heart?.begin();
    this.#announcer.add(new MessageEvent("message", { data: this.#asWanted(data) }));
  }

  #asWanted(data: string | Uint8Array): string | Uint8Array | ArrayBuffer | Blob {
    if (typeof data === "string" || this.#binaryType === "bytes") return data;
    const bytes = data as Uint8Array<ArrayBuffer>;
    return this.#binaryType === "blob" ? new Blob([bytes]) : bytes.slice().buffer;
  }

  /** False if there is no connection that takes it. */
  #hand(message: string | Uint8Array): boolean {
    return this.#state === "open" && this.#link!.greeted && this.#link!.socket!.send(message);
  }

  /** The transport says that its connection, or the attempt, has ended. */
  #ended(link: Link, close: TransportClose): void {
    if (link === this.#link) this.#afterwards(this.#unlink(link, close));
  }

  /** This side has waited long enough. */
  #late(link: Link, why: string): void {
    this.#afterwards(this.#drop(link, GOING_AWAY, why));
  }

  #afterwards(end: ConnectionEnd): void {
    const again = this.#state !== "closing" && this.#wanted(end);
    this.#announcer.add(new ConnectionEndEvent("end", end, again));
    if (!again) return this.#end(end);
    if (end.farewell !== null) this.#notBefore = this.#settings.clock.now() + end.farewell.retry;
    this.#wait("lost", retryAfterOf(end));
  }

  #wanted(end: ConnectionEnd): boolean {
    const { maxAttempts, shouldReconnect } = this.#settings;
    const byDefault = comesBackAfter(end.code);
    return this.#backoff.retries < maxAttempts && guarded(() => shouldReconnect(end, byDefault), byDefault);
  }

  /** @param heldOff What a server that refused the attempt said in Retry-After, in ms. */
  #wait(trigger: "lost" | "back", heldOff: number = 0): void {
    const { clock } = this.#settings;
    // A farewell's time is drawn for each client; Retry-After is the same for all, who must not return together.
    const delay = Math.max(this.#backoff.next() + heldOff, this.#notBefore - clock.now());
    this.#move(trigger, delay);
    this.#after(delay, () => {
      this.#move("due");
      this.#connect();
    });
  }

  #away(): void {
    const link = this.#link;
    if (link !== null) {
      this.#announcer.add(new ConnectionEndEvent("end", this.#drop(link, GOING_AWAY, "The page is put away"), true));
    }
    this.#move("away");
  }

  /** With a first delay's jitter: the whole office is back at this moment. */
  #back(): void {
    this.#backoff.reset();
    this.#wait("back");
  }

  #awake(): void {
    if (this.#state === "waiting") this.#back();
    else this.#link?.heart?.checkIfAble();
  }

  #leave(code: number, reason: string): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    const link = this.#link;
    if (this.#state !== "open") {
      if (link !== null) this.#drop(link, code, "Closed before it was open");
      return this.#end({ ...NO_LOSS, code, reason });
    }
    this.#stop();
    link!.heart?.stop();
    this.#move("leave");
    const { closeTimeout } = this.#settings;
    this.#after(closeTimeout, () => this.#late(link!, `No Close came back within closeTimeout (${closeTimeout} ms)`));
    link!.socket!.close(code, reason);
  }

  #end(end: ConnectionEnd): void {
    this.#stop();
    this.#move("end");
    if (!end.wasClean) this.#announcer.add(new Event("error"));
    this.#announcer.add(new ConnectionEndEvent("close", end, false));
    this.#resolveClosed();
  }

  /** No more is sent, and the page is no concern any more. */
  #stop(): void {
    this.#page.stop();
    this.#queue.fail(closedError("closed"));
  }

  /** Gives a connection up; what its transport still says is not heard. */
  #drop(link: Link, code: number, why: string, cause?: unknown): ConnectionEnd {
    const end = this.#unlink(link, { ...NO_CLOSE, error: new ConnectionDroppedError(why, { cause }) });
    guarded(() => link.socket?.close(code, why), undefined);
    return end;
  }

  #unlink(link: Link, close: TransportClose): ConnectionEnd {
    this.#link = null;
    link.heart?.stop();
    const { code, reason, wasClean, error } = close;
    const unsentBytes = link.opened ? link.socket!.bufferedAmount : 0;
    return { code, reason, wasClean, error, opened: link.opened, unsentBytes, farewell: parseFarewell(reason) };
  }
}

/** False for what a server, or an application, decides; all else is an accident. */
function comesBackAfter(code: number): boolean {
  return code !== 1000 && code !== 1008 && code !== 1010 && code < 3000;
}

function closedError(state: "closing" | "closed"): WebSocketClosedError {
  return new WebSocketClosedError(`The WebSocket is ${state}: nothing can be sent any more`);
}

/** Only a transport of ours sees the answer that refuses a handshake; browsers don't show it. */
function retryAfterOf({ error }: ConnectionEnd): number {
  return error instanceof HandshakeError ? error.retryAfter ?? 0 : 0;
}

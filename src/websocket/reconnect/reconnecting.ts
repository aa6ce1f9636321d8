/**
 * A WebSocket that comes back.
 *
 * @module
 */
import { type Bytes, dataOf } from "../../bytes.ts";
import { HandshakeError, WebSocketClosedError } from "../errors.ts";
import { cutReason, FAREWELL_PROTOCOL, parseFarewell } from "../farewell.ts";
import { Announcer } from "./announcer.ts";
import { Backoff } from "./backoff.ts";
import { ConnectionDroppedError } from "./errors.ts";
import { ConnectionEndEvent, type ReconnectEvents, type ReconnectListener, StateEvent } from "./events.ts";
import { guarded } from "./guarded.ts";
import { checkClose, type ReconnectSettings, reconnectSettings, webSocketUrl } from "./options.ts";
import { type AwayReason, Page } from "./page.ts";
import { SendQueue } from "./queue.ts";
import { type ReconnectState, TRANSITIONS, type Trigger } from "./states.ts";
import type { ConnectionEnd, ReconnectOptions, ReconnectUrl, TransportClose, TransportSocket } from "./types.ts";

/** What this side says when the page is put away or the network is gone (RFC 6455 §7.4.1). */
const GOING_AWAY = 1001;

/** What is reported where no Close came from the server. */
const NO_CLOSE = { code: 1006, reason: "", wasClean: false } as const;

/** One attempt and the connection it becomes. */
interface Link {
  /** Null until the address is known. */
  socket: TransportSocket | null;
  opened: boolean;
}

/**
 * A WebSocket client that comes back after its connection is lost: with exponential backoff and full jitter, not before
 * the time that a Sluice server asked for, and not while there is no network. In browsers, Deno, Bun and Node.
 *
 * A message is sent at most once. `send()` fulfils when a connection takes the message; what such a connection could
 * not get rid of before it ended is counted in `unsentBytes` of the `close` event, and never sent again: only the
 * application knows whether it would do harm twice. While one waits to connect again, the process stays alive; `close()`
 * lets it go.
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
  readonly #url: ReconnectUrl;
  readonly #settings: ReconnectSettings;
  readonly #queue: SendQueue;
  readonly #backoff: Backoff;
  readonly #page: Page;
  readonly #announcer: Announcer = new Announcer(this);
  readonly #closed: Promise<void>;
  #resolveClosed: () => void = () => {};
  #state: ReconnectState = "connecting";
  #link: Link | null = null;
  #protocol = "";
  /** The one timer of the state: of an attempt, of a stable connection, of a wait, of a Close. */
  #cancelTimer: () => void = () => {};
  /** When the server lets us come back, in the clock's time. */
  #notBefore = 0;

  /**
   * Begins to connect. Events come in later turns only.
   *
   * @param url `ws:` or `wss:`, or a function that is asked before each attempt.
   * @throws {OptionError} The address or an option can't be used.
   * @throws {UnsupportedError} The runtime has no WebSocket of its own, and no transport was given.
   */
  constructor(url: ReconnectUrl, options: ReconnectOptions = {}) {
    super();
    this.#url = typeof url === "function" ? url : webSocketUrl(url);
    this.#settings = reconnectSettings(options);
    this.#queue = new SendQueue(this.#settings);
    this.#backoff = new Backoff(this.#settings);
    this.#closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#page = new Page(this.#settings.page, {
      away: (reason) => this.#announcer.run(() => this.#away(reason)),
      back: () => this.#announcer.run(() => this.#back()),
    });
    if (this.#page.away) this.#state = "offline";
    else queueMicrotask(() => this.#announcer.run(() => this.#first()));
  }

  /** State at that moment. */
  get state(): ReconnectState {
    return this.#state;
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
    this.#cancelTimer = this.#settings.clock.setTimer(() => this.#announcer.run(act), delay);
  }

  #first(): void {
    if (this.#state === "connecting") this.#connect();
  }

  #connect(): void {
    const link: Link = { socket: null, opened: false };
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
      link.socket = transport(webSocketUrl(url), protocols, {
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
    this.#protocol = protocol === FAREWELL_PROTOCOL ? "" : protocol;
    this.#move("opened");
    this.#after(this.#settings.stableAfter, () => this.#backoff.reset());
    for (const message of guarded(this.#settings.hello, [])) guarded(() => this.#hand(message), false);
    this.#queue.drain((message) => this.#hand(message));
  }

  #message(link: Link, data: string | Uint8Array): void {
    if (link === this.#link) this.#announcer.add(new MessageEvent("message", { data }));
  }

  /** False if there is no connection that takes it. */
  #hand(message: string | Uint8Array): boolean {
    return this.#state === "open" && this.#link!.socket!.send(message);
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
    this.#announcer.add(new ConnectionEndEvent(end, again));
    if (!again) return this.#end();
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

  #away(reason: AwayReason): void {
    const link = this.#link;
    if (link !== null) {
      const why = reason === "offline" ? "There is no network" : "The page is put away";
      this.#announcer.add(new ConnectionEndEvent(this.#drop(link, GOING_AWAY, why), true));
    }
    this.#move("away");
  }

  /** With a first delay's jitter: the whole office is back at this moment. */
  #back(): void {
    this.#backoff.reset();
    this.#wait("back");
  }

  #leave(code: number, reason: string): void {
    if (this.#state === "closing" || this.#state === "closed") return;
    const link = this.#link;
    if (this.#state !== "open") {
      if (link !== null) this.#drop(link, code, "Closed before it was open");
      return this.#end();
    }
    this.#stop();
    this.#move("leave");
    const { closeTimeout } = this.#settings;
    this.#after(closeTimeout, () => this.#late(link!, `No Close came back within closeTimeout (${closeTimeout} ms)`));
    link!.socket!.close(code, reason);
  }

  #end(): void {
    this.#stop();
    this.#move("end");
    this.#resolveClosed();
  }

  /** No more is sent, and the page is no concern any more. */
  #stop(): void {
    this.#page.stop();
    this.#queue.fail(closedError("closed"));
  }

  /** Gives a connection up; what its transport still says is not heard. */
  #drop(link: Link, code: number, why: string): ConnectionEnd {
    const end = this.#unlink(link, { ...NO_CLOSE, error: new ConnectionDroppedError(why) });
    guarded(() => link.socket?.close(code, why), undefined);
    return end;
  }

  #unlink(link: Link, close: TransportClose): ConnectionEnd {
    this.#link = null;
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

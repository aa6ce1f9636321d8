/**
 * A WebSocket that comes back.
 *
 * @module
 */
import { type Bytes, dataOf } from "../../bytes.ts";
import { cutReason } from "../farewell.ts";
import { isOwnProtocol } from "../own_protocols.ts";
import { WebSocketClosedError } from "../websocket_errors.ts";
import { ConnectionEndEvent, type ReconnectEvents, type ReconnectListener, StateEvent } from "./events.ts";
import { type EventHandler, EventHandlers } from "./handlers.ts";
import { SendQueue } from "./queue.ts";
import type { ConnectionEnd, Hello, ReconnectBinaryType, ReconnectOptions, ReconnectUrl } from "./reconnect_api.ts";
import { checkBinaryType, checkClose, reconnectArguments, reconnectSettings } from "./reconnect_settings.ts";
import type { ReconnectState } from "./reconnect_states.ts";
import { ConnectionDroppedError } from "./reconnect_errors.ts";
import { type DropReason, Reconnector } from "./reconnector.ts";
import { webSocketUrl } from "./websocket_url.ts";

const READY_STATES: Readonly<Record<ReconnectState, 0 | 1 | 2 | 3>> = {
  connecting: 0,
  open: 1,
  waiting: 0,
  away: 0,
  closing: 2,
  closed: 3,
};

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

  readonly #reconnector: Reconnector;
  readonly #queue: SendQueue;
  readonly #handlers: EventHandlers = new EventHandlers(this);
  #binaryType: ReconnectBinaryType = "bytes";

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
    const address = typeof url === "function" ? url : webSocketUrl(url);
    const settings = reconnectSettings(reconnectArguments(given, options));
    this.#queue = new SendQueue(settings);
    const { maxAttempts } = settings;
    this.#reconnector = new Reconnector(address, {
      ...settings,
      dropped,
      checked,
      shouldReconnect: (end, byDefault, attempt) => attempt < maxAttempts && settings.shouldReconnect(end, byDefault),
    }, {
      state: (change) => this.#tell(new StateEvent(change)),
      open: () => this.#tell(new Event("open")),
      ready: () => this.#queue.drain((message) => this.#reconnector.hand(message)),
      message: (data) => this.#tell(new MessageEvent("message", { data: this.#asWanted(data) })),
      end: (end, willReconnect) => this.#tell(new ConnectionEndEvent("end", end, willReconnect)),
      stopped: () => this.#queue.fail(closedError("closed")),
      close: (end) => this.#over(end),
    });
  }

  /** State at that moment. */
  get state(): ReconnectState {
    return this.#reconnector.state;
  }

  /** The state as the web's `WebSocket` has it: 0 to 3. */
  get readyState(): 0 | 1 | 2 | 3 {
    return READY_STATES[this.#reconnector.state];
  }

  /** The address of the connection, or of the last one; empty before a function was asked for the first time. */
  get url(): string {
    return this.#reconnector.url;
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
    const { protocol } = this.#reconnector;
    return isOwnProtocol(protocol) ? "" : protocol;
  }

  /** Messages that wait for a connection. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Bytes that wait for a connection, or in one. */
  get bufferedAmount(): number {
    return this.#queue.bytes + this.#reconnector.unsent;
  }

  /** Messages that the full queue turned away or gave up. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /** Fulfils when it is over for good: by `close()`, or because no other connection is wanted. */
  get closed(): Promise<void> {
    return this.#reconnector.closed;
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
      const { state } = this.#reconnector;
      if (state === "closing" || state === "closed") throw closedError(state);
      if (this.#queue.length === 0 && this.#reconnector.hand(message)) resolve();
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
    this.#reconnector.close(code, cutReason(String(reason)));
    return this.#reconnector.closed;
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

  #tell(event: Event): void {
    this.dispatchEvent(event);
  }

  #asWanted(data: string | Uint8Array): string | Uint8Array | ArrayBuffer | Blob {
    if (typeof data === "string" || this.#binaryType === "bytes") return data;
    const bytes = data as Uint8Array<ArrayBuffer>;
    return this.#binaryType === "blob" ? new Blob([bytes]) : bytes.slice().buffer;
  }

  #over(end: ConnectionEnd): void {
    if (!end.wasClean) this.#tell(new Event("error"));
    this.#tell(new ConnectionEndEvent("close", end, false));
  }
}

/** Why this side gave a connection up, in words. */
const DROPPED: Readonly<Record<DropReason, (ms: number) => string>> = {
  connect: (ms) => `No connection within connectTimeout (${ms} ms)`,
  hello: () => "hello failed",
  "late hello": (ms) => `hello took more than connectTimeout, ${ms} ms`,
  silence: (ms) => `The server said nothing for ${ms} ms`,
  away: () => "The page is put away",
  unopened: () => "Closed before it was open",
  close: (ms) => `No Close came back within closeTimeout (${ms} ms)`,
};

function dropped(why: DropReason, ms: number, cause: unknown): ConnectionDroppedError {
  return new ConnectionDroppedError(DROPPED[why](ms), { cause });
}

/** @throws {TypeError} Something in it can't be sent. */
function checked(hello: Hello): Hello {
  if (typeof hello === "string") throw new TypeError("hello() gives a list of messages, got a string");
  return [...hello].map((data) => dataOf(data, "hello()"));
}

function closedError(state: "closing" | "closed"): WebSocketClosedError {
  return new WebSocketClosedError(`The WebSocket is ${state}: nothing can be sent any more`);
}

/**
 * What users see of a WebSocket.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";
import type { HandlerContext } from "../server/conn/handler_context.ts";
import type { Conn } from "../server/conn/conn.ts";

/** Text or binary; what is received is a string or bytes of its own. */
export type WebSocketMessage = string | Uint8Array;

/** `open → closing → closed`; *closing* from the first Close frame, ours or the peer's. */
export type WebSocketState = "open" | "closing" | "closed";

/** How a WebSocket ended. */
export interface WebSocketClose {
  /** The peer's close code; 1005 if its Close had none, 1006 if there was no Close (RFC 6455 §7.4.1). */
  readonly code: number;
  /** The peer's words, at most 123 bytes of UTF-8. */
  readonly reason: string;
  /** A Close went each way. */
  readonly wasClean: boolean;
  /** Why it ended badly. */
  readonly error?: Error;
}

/** How one message is sent. */
export interface WebSocketSendOptions {
  /** False sends it uncompressed, whatever was negotiated. @default true */
  readonly compress?: boolean;
}

/**
 * One WebSocket (RFC 6455), on either side. Take its messages in one of two ways: `for await`, or `forEach()`, which
 * costs no promise per message.
 */
export interface WebSocketConn extends AsyncIterableIterator<WebSocketMessage>, AsyncDisposable {
  /** The connection below. Don't read or write it. */
  readonly conn: Conn;
  /** The subprotocol agreed on; empty for none. */
  readonly protocol: string;
  /** Extensions agreed on, as in the answer's `Sec-WebSocket-Extensions`; empty for none. */
  readonly extensions: string;
  /** State at that moment. */
  readonly state: WebSocketState;
  /** Bytes of messages and framing that are not with the kernel yet. */
  readonly bufferedAmount: number;
  /** Messages dropped because the peer is slow: only with `slowConsumer: "drop"`. */
  readonly dropped: number;
  /** Round trip of the last answered ping, in ms; null before the first. */
  readonly roundTrip: number | null;
  /** Fulfils when the WebSocket has ended, however it did; never rejects. */
  readonly closed: Promise<WebSocketClose>;
  /**
   * Sends one message; fulfils below the high-water mark. What is sent in one turn leaves in one write. Bytes must not
   * be changed until the promise fulfils.
   *
   * @throws {WebSocketClosedError} The WebSocket is closing or closed.
   * @param data Text, or bytes in an `ArrayBuffer` or a view on one. A `Blob` is read first, and
   *   what is sent meanwhile, a Close too, goes out behind it.
   * @throws {TypeError} Synchronously: `data` is neither text, nor bytes, nor a `Blob`.
   */
  send(data: string | Bytes | Blob, options?: WebSocketSendOptions): Promise<void>;
  /**
   * Sends a ping and fulfils with the round trip in ms when its pong comes (RFC 6455 §5.5.2).
   *
   * @param data At most 125 bytes; by default a number of its own.
   * @throws {TypeError} Synchronously: it is more, or neither text nor bytes.
   * @throws {WebSocketClosedError} It ended before.
   */
  ping(data?: Bytes | string): Promise<number>;
  /**
   * Begins the closing handshake, and fulfils like `closed`. What was sent before is delivered; what the peer still
   * sends is handed out until its Close. Idempotent.
   *
   * @param code 1000 to 1003, 1007 to 1014, or 3000 to 4999. @default 1000
   * @param reason Text; a Close carries 123 bytes of UTF-8, a longer one is cut at a character's edge.
   * @throws {OptionError} Synchronously: the code can't be sent.
   */
  close(code?: number, reason?: string): Promise<WebSocketClose>;
  /**
   * The WebSocket is not told goodbye, and not closed behind its handler, before `work` has settled or the grace of a
   * drain is over. A failure is logged. For handlers that take the next message while they still work on an answer.
   *
   * @example
   * ```ts
   * await ws.forEach((message) => ws.waitUntil(look(message).then((found) => ws.send(found))));
   * ```
   * @throws {TypeError} `work` is no promise.
   */
  waitUntil(work: Promise<unknown>): void;
  /** The message that was taken last needs no answer. */
  answered(): void;
  /** Drops the connection: the peer sees 1006. Idempotent. */
  abort(reason?: unknown): void;
  /** The next message; done when no more will come. Asking again says that the message before is dealt with. */
  next(): Promise<IteratorResult<WebSocketMessage>>;
  /** Takes no more messages: closes with 1000. */
  return(): Promise<IteratorResult<WebSocketMessage>>;
  /**
   * Calls `fn` for each message, straight from the data callback; fulfils when no more will come. While a promise of
   * `fn` is pending the next message waits.
   */
  forEach(fn: (message: WebSocketMessage) => void | Promise<void>): Promise<void>;
  /** Itself. */
  [Symbol.asyncIterator](): this;
}

/**
 * Serves one WebSocket. When it settles the WebSocket is closed with 1000, or with 1011 if it threw; one that has begun
 * `forEach()` may return at once.
 */
export type WebSocketHandler = (ws: WebSocketConn, ctx: HandlerContext) => void | Promise<void>;

/** What becomes of a message to a peer that doesn't take them fast enough. */
export type SlowConsumerPolicy = "wait" | "drop" | "close";

/** When a silent peer counts as dead; all in ms. */
export interface HeartbeatOptions {
  /** A ping goes out after so long without a byte from the peer. @default 30000 */
  readonly interval?: number;
  /** How long each ping waits for any byte. @default 10000 */
  readonly timeout?: number;
  /** Pings without an answer that are forgiven. @default 1 */
  readonly misses?: number;
}

/** permessage-deflate (RFC 7692). */
export interface CompressionOptions {
  /** Messages below so many bytes are sent as they are. @default 1024 */
  readonly threshold?: number;
  /** zlib's level, 0 to 9. Compressing blocks the loop: a MiB 3 ms at level 1, 14 ms at level 6. @default 3 */
  readonly level?: number;
  /** zlib's memory level, 1 to 9. @default 8 */
  readonly memLevel?: number;
  /** The server's compressor forgets after each message: 250 KiB less for each connection, weaker compression. @default true */
  readonly serverNoContextTakeover?: boolean;
  /** The client's compressor forgets after each message: 50 KiB less for each connection of a server. @default false */
  readonly clientNoContextTakeover?: boolean;
  /** Largest window of the server's compressor, 9 to 15 (log2 of bytes); an offer that demands 8 is passed over. @default 15 */
  readonly serverMaxWindowBits?: number;
  /** Largest window of the client's compressor, 9 to 15. Below 15, clients that can't limit it don't compress. @default 15 */
  readonly clientMaxWindowBits?: number;
}

/** Limits and manners of a WebSocket on either side. Durations in ms, sizes in bytes. */
export interface WebSocketLimitOptions {
  /** Size of a message, inflated; over it the connection is closed with 1009. @default 1048576 */
  readonly maxMessageBytes?: number;
  /** Frames of one message; over it 1008. @default one for each 64 bytes of `maxMessageBytes`, but at least 1024 */
  readonly maxFragments?: number;
  /** Messages that wait unread hold this much before the peer has to wait. @default 65536 */
  readonly readHighWaterMark?: number;
  /** `bufferedAmount` above which a peer is slow. @default 1048576 */
  readonly maxBufferedAmount?: number;
  /** What then becomes of a message: it waits, it is dropped, or the connection is closed with 1013. @default "wait" */
  readonly slowConsumer?: SlowConsumerPolicy;
  /**
   * Whether a peer may wait for an answer to its message. By default that is told from what connections show; false says
   * that nobody ever waits for one. @default true
   */
  readonly answers?: boolean;
  /** How long a Close waits for the peer's. @default 5000 */
  readonly closeTimeout?: number;
  /** Finds dead peers; false for never. @default { interval: 30000, timeout: 10000, misses: 1 } */
  readonly heartbeat?: HeartbeatOptions | false;
  /** Compresses, if the peer can; `true` for the defaults. It costs memory, and time of the loop. @default false */
  readonly compression?: CompressionOptions | boolean;
}

/** Everything `upgradeWebSocket()` takes. It is checked once for each object: keep one, and don't change it. */
export interface WebSocketOptions extends WebSocketLimitOptions {
  /** Subprotocols we speak (Chromium gives up if it offers some and none is taken), most wanted first, or a function that chooses among those offered. @default none */
  readonly protocols?: readonly string[] | ((offered: readonly string[]) => string | null | undefined);
  /**
   * Origins whose pages may connect, or `"*"` for all; a list has to name the server's own, too. By default the request's own host: browsers send cookies with a
   * WebSocket from any page, so an open default would let every page act as its visitor. Requests without an Origin
   * don't come from a page and are let in. @default the request's own host
   */
  readonly allowedOrigins?: readonly string[] | "*";
  /** Fields to add to the 101 answer. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * A drain's last word, sent before the Close; what it gives, if anything, is sent as a message. A promise is waited
   * for up to `closeTimeout`, or half of what is left of the drain's budget. @default none
   */
  readonly lastMessage?: (ws: WebSocketConn) => WebSocketMessage | void | Promise<WebSocketMessage | void>;
  /** Reason of the drain's Close. @default "going away" */
  readonly goingAway?: string;
  /** What a client that understands a farewell is told to wait before it comes back, in ms, drawn from 0 to here. @default 1000 */
  readonly retryAfter?: number;
}

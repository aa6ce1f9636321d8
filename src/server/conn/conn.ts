/**
 * What a handler sees of a connection.
 *
 * @module
 */
import type { Bytes } from "../../bytes.ts";
import type { Address, ConnTls } from "../../endpoint.ts";
import type { ProxyHeader } from "../../proxied.ts";

/** `new → active ⇄ idle → closing → closed`; *idle* is at a message boundary with nothing buffered. */
export type ConnState = "new" | "active" | "idle" | "closing" | "closed";

/**
 * A protocol that takes a connection's bytes from the callback, without a promise per read. All methods are called
 * synchronously and must not throw; one that does costs its connection.
 */
export interface Consumer {
  /** It only serves the handler: when that settles, the connection is closed all the same. @default false */
  readonly attended?: boolean;
  /** It stays open through long silences: neither `idleTimeout` nor `idleGrace` is meant for it. @default false */
  readonly longLived?: boolean;
  /** Its goodbye ends by itself, whatever a user's code does: `lingerTimeout` is not meant for it. @default false */
  readonly timesGoodbye?: boolean;
  /** It takes nothing more, and only counts what comes late: another may take its place. @default false */
  readonly spent?: boolean;
  /**
   * Ms of hearing from `consume` within which its first message has to be here, whole: it says so by `report(true, …)` or
   * `took()`. Else the connection is dropped. @default none
   */
  readonly firstWithin?: number;
  /** Bytes of an incomplete message that it holds; for the drain's report. @default 0 */
  readonly buffered?: number;
  /** Number of the message whose handler runs, from 1; 0 while none does. @default one for as long as it is busy */
  readonly handling?: number;
  /** It is busy with a message whose rest it waits for, and not its peer for an answer. @default false */
  readonly isOwed?: boolean;
  /** Bytes from the peer; they belong to the consumer. */
  data(chunk: Uint8Array): void;
  /**
   * In place of `data`, where it is there: the first bytes of a buffer that others overwrite once this returns. Whoever
   * keeps some of them copies those; the others cost no copy.
   */
  lend?(buffer: Uint8Array, length: number): void;
  /** Nothing more will arrive: the peer's FIN, or the drain closed the input. */
  end(): void;
  /** Everything written is with the kernel again, after `write` exceeded the high-water mark. */
  drained?(): void;
  /** The connection is gone; `error` tells why if it did not end well. Last call. */
  closed(error?: Error): void;
  /**
   * The drain found a quiet moment, or patience ended: say goodbye, then FIN follows. A promise defers the FIN until
   * it settles, for `lingerTimeout` or what is left of the budget at the most; data is still delivered meanwhile.
   */
  goodbye?(): void | Promise<void>;
  /** Patience is over: the goodbye comes at the next boundary, so nothing more should be taken in. */
  hurry?(): void;
  /** Bytes that came after our FIN; returns how many messages began in them. They are counted and never run. */
  afterFin?(chunk: Uint8Array): number;
}

/** A tracked connection (Go: `net.Conn`). */
export interface Conn extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** Unique within its server, counted from 1. */
  readonly id: number;
  /** State at that moment. */
  readonly state: ConnState;
  /** Our end. */
  readonly local: Address;
  /** The peer's end; with `proxyProtocol` that of the client that the proxy names. */
  readonly remote: Address;
  /** The proxy's end, where `remote` is the client that it names; null where the peer speaks for itself. */
  readonly via: Address | null;
  /** What the proxy has said in its PROXY header; null where there was none. */
  readonly proxy: ProxyHeader | null;
  /** Protocol agreed by ALPN, or null. */
  readonly alpnProtocol: string | null;
  /** What TLS has agreed on, and the peer's certificate; null where none is spoken. */
  readonly tls: ConnTls | null;
  /** Bytes that arrived from the peer. */
  readonly bytesRead: number;
  /** Bytes given to `write`. */
  readonly bytesWritten: number;
  /** Bytes handed to the kernel. */
  readonly bytesFlushed: number;
  /** Fulfils when the connection is gone, however it ended; never rejects. */
  readonly closed: Promise<void>;
  /**
   * A drain, `idleTimeout`, `maxLifetime` or `closeWhenIdle()` has closed the input: the peer had not finished, so that
   * what was read need not be all.
   */
  readonly isDrained: boolean;

  /**
   * Next bytes from the peer, or null after its FIN.
   *
   * @throws {DrainedError} It is not the peer that has finished: a drain has said goodbye. The same holds for
   * `readable` and `for await`.
   * @throws {ConnResetError} The peer dropped the connection.
   * @throws {DeadlineError} The read deadline passed.
   * @throws {ConnClosedError} The connection was closed or aborted here.
   * @throws {InUseError} A consumer has the bytes, or another `read` is pending.
   */
  read(): Promise<Uint8Array | null>;
  /**
   * Queues bytes, or text as UTF-8; fulfils below the high-water mark. What is written in one turn leaves in one
   * system call. When the promise fulfils, the memory may be used again (Go: `io.Writer`): bytes below 16 KiB are
   * copied at once, larger ones are given to the kernel without a copy, and waited for where it doesn't take all.
   * Where the promise rejects, they may still be on their way: don't change them then.
   *
   * @throws {DrainedError} A drain has said goodbye: it reports what was refused.
   * @throws {DeadlineError} The write deadline has passed, and nothing of this is sent; or it passed while this waited
   * for the peer, and what the connection had taken stays on its way. The connection lives on.
   * @throws {ConnResetError} The peer dropped the connection.
   * @throws {ConnClosedError} The write side is closed.
   */
  write(data: Bytes | string): Promise<void>;
  /**
   * Hands what is queued to the kernel; fulfils when the kernel has it all.
   *
   * @throws {DeadlineError} The write deadline passed while the kernel had not all.
   * @throws {ConnResetError} The peer dropped the connection.
   * @throws {ConnClosedError} It was aborted here.
   */
  flush(): Promise<void>;
  /**
   * The connection is not told goodbye, and not closed behind its handler, before `work` has settled or the grace of a
   * drain is over. A failure is logged.
   *
   * @throws {TypeError} `work` is no promise.
   */
  waitUntil(work: Promise<unknown>): void;
  /**
   * The message that was taken last needs no answer. Without this word an answer is presumed to follow: see
   * `answers` of `ServeOptions`.
   */
  answered(): void;
  /** Flushes, then FIN: half-close. Reading goes on. */
  closeWrite(): Promise<void>;
  /** Flushes, FIN, then waits for the peer's FIN or the linger timeout. Idempotent. */
  close(): Promise<void>;
  /** Drops the connection now: the peer sees a reset. Idempotent. */
  abort(reason?: unknown): void;

  /**
   * Sets read and write deadline: a point in time as `Date.now()` counts, in ms; null for none (Go: `SetDeadline`). A
   * `read()` or `write()` that waits then, or is called later, rejects with a `DeadlineError`; the connection lives on,
   * and a later deadline, or none, lets both go on. With a protocol on it (`lines()`, HTTP, a WebSocket) a message that
   * is incomplete at the read deadline ends the connection.
   *
   * @throws {TypeError} `at` is neither a number nor null.
   */
  setDeadline(at: number | null): void;
  /** Sets the read deadline alone. @throws {TypeError} `at` is neither a number nor null. */
  setReadDeadline(at: number | null): void;
  /** Sets the write deadline alone. @throws {TypeError} `at` is neither a number nor null. */
  setWriteDeadline(at: number | null): void;
  /** TCP_NODELAY: small packets leave at once. */
  setNoDelay(on: boolean): void;
  /** TCP keep-alive; `delay` in ms before the first probe. */
  setKeepAlive(on: boolean, delay?: number): void;

  /** The inbound bytes as a web stream, with backpressure. Use it instead of `read`. */
  readonly readable: ReadableStream<Uint8Array>;
  /** The outbound side as a web stream; closing it half-closes. */
  readonly writable: WritableStream<Uint8Array | string>;

  /**
   * Hands the connection's bytes to a protocol, unread ones first, at once. One consumer has them, until `release`:
   * no other can, and neither can `read`.
   *
   * @throws {InUseError} A consumer has them, or a `read` is pending.
   */
  consume(consumer: Consumer): void;
  /**
   * Ends `consume`, for the consumer itself: `unread`, what it holds and gives back, comes from the next `read` or goes
   * to the next consumer. A stream of frames does it when its loop ends.
   */
  release(unread?: Uint8Array): void;
  /** Stops and restarts inbound bytes, for a consumer's backpressure. */
  pause(): void;
  /** Undoes `pause`. */
  resume(): void;
  /**
   * A protocol's boundary report: `busy` while a complete message is unanswered, `partial` while part of one is
   * buffered. Both false is a boundary.
   */
  report(busy: boolean, partial: boolean): void;
  /**
   * A protocol's report: messages were handed to whoever takes them, and may have to be answered by a write each.
   *
   * @param messages How many. @default 1
   */
  took(messages?: number): void;
  /** Closes gracefully at the next boundary, as the drain does: goodbye, FIN, linger. */
  closeWhenIdle(): void;
}

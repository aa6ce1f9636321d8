/**
 * What users see of a reconnecting WebSocket, and what it needs below.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Farewell } from "../farewell.ts";

/** How a connection ended, as a transport tells it. */
export interface TransportClose {
  /** The server's close code; 1005 if its Close had none, 1006 if there was no Close. */
  readonly code: number;
  /** The server's words. */
  readonly reason: string;
  /** A Close went each way. */
  readonly wasClean: boolean;
  /** Why it ended badly, if that is known; browsers don't say. */
  readonly error?: Error;
}

/** Who is told what happens on a connection. Nothing is told before the transport has returned, or after `close`. */
export interface TransportEvents {
  /** The handshake succeeded; `protocol` is the subprotocol agreed on, empty for none. */
  open(protocol: string): void;
  /** A message came; bytes belong to the receiver. */
  message(data: string | Uint8Array): void;
  /** The connection, or the attempt to make it, has ended: exactly once, last. */
  close(close: TransportClose): void;
}

/** One connection, from its attempt to its end. */
export interface TransportSocket {
  /** Bytes that were taken and are not with the kernel yet; after the end, those that never will be. */
  readonly bufferedAmount: number;
  /** It pings by itself, and ends with an error when its peer is gone. @default false */
  readonly pings?: boolean;
  /** Takes a message; false if it can't any more because a Close was sent or received. */
  send(data: string | Uint8Array): boolean;
  /** Begins to close, or gives the attempt up. Idempotent. */
  close(code: number, reason: string): void;
}

/** Begins to connect, and returns without waiting. What it throws counts as a failed attempt. */
export type Transport = (url: string, protocols: readonly string[], events: TransportEvents) => TransportSocket;

/** What becomes of a message for which the queue has no room. */
export type WhenFull = "reject" | "dropOldest";

/** Where a page, or a worker, tells about its network and its life; `globalThis` is one. */
export interface PageTarget {
  /** `hidden`: nobody sees it. */
  readonly document?: { readonly visibilityState?: string };
  /** As in `EventTarget`. */
  addEventListener(type: string, listener: (event: Event) => void, options: { readonly capture: true }): void;
  /** As in `EventTarget`. */
  removeEventListener(type: string, listener: (event: Event) => void, options: { readonly capture: true }): void;
}

/**
 * How a connection that can't ping is seen to be alive: any message counts, and bytes that the server takes. A script
 * sees a message only when it is whole: one that takes longer than `interval` and `timeout` is taken for a silence.
 * Durations in ms.
 */
export interface ReconnectHeartbeat {
  /**
   * What the server answers, or a function that gives it: the answer is an ordinary message. Without one, nothing is
   * asked but of Sluice's own servers, and only with the option `farewell`. @default none
   */
  readonly message?: string | Uint8Array | (() => string | Uint8Array);
  /** Silence after which the message is sent. @default 30000 */
  readonly interval?: number;
  /** How long nothing may come after it, until the connection is given up. @default 10000 */
  readonly timeout?: number;
}

/** What bytes arrive as; the web's `WebSocket` knows the last two. */
export type ReconnectBinaryType = "bytes" | "arraybuffer" | "blob";

/** What a connection says first. */
export type Hello = readonly (string | Uint8Array)[];

/** How a connection, or an attempt, ended. */
export interface ConnectionEnd extends TransportClose {
  /** It had been open; false for an attempt that failed. */
  readonly opened: boolean;
  /** Bytes that `send()` handed over and that never left this machine, as far as is known: Deno's own WebSocket says 0. */
  readonly unsentBytes: number;
  /** What the server said to a client that understands it, or null. */
  readonly farewell: Farewell | null;
}

/** Everything a `ReconnectingWebSocket` takes. Durations in ms. */
export interface ReconnectOptions {
  /** Subprotocols to offer, most wanted first. @default [] */
  readonly protocols?: readonly string[];
  /**
   * Offers the subprotocols `farewell.sluice` and `heartbeat.sluice` as well, behind the others, so that a Sluice server
   * says in its Close when to come back, and answers a heartbeat. Only for servers that know them: browsers fail a
   * connection on which no offer was accepted.
   * @default false
   */
  readonly farewell?: boolean;
  /** Upper end of the first delay, which is drawn from 0 to here. @default 500 */
  readonly minDelay?: number;
  /** Upper end of every delay; the upper end doubles up to here. @default 30000 */
  readonly maxDelay?: number;
  /** Attempts in a row to come back, without a connection that lasted, after which it gives up. @default Infinity */
  readonly maxAttempts?: number;
  /** How long one attempt may take, the address included. @default 10000 */
  readonly connectTimeout?: number;
  /** A connection that lasts so long ends the row of attempts: the next delay is a first one. @default 5000 */
  readonly stableAfter?: number;
  /** How long `close()` waits for the server's Close. @default 5000 */
  readonly closeTimeout?: number;
  /** Messages that may wait for a connection. @default 1000 */
  readonly maxQueued?: number;
  /** Bytes they may have together. @default 1048576 */
  readonly maxQueuedBytes?: number;
  /** Which message loses when the queue is full: the new one, or the oldest ones. @default "reject" */
  readonly whenFull?: WhenFull;
  /**
   * What to say first on every connection, before anything queued: a login, subscriptions. A promise has
   * `connectTimeout`, and the queue waits for it. If it fails, or gives anything else, the connection is dropped, with
   * the reason in its `end` event. @default nothing
   */
  readonly hello?: () => Hello | Promise<Hello>;
  /** Finds out that the server is gone; false for never. @default that of `farewell`, if the transport can't ping */
  readonly heartbeat?: ReconnectHeartbeat | false;
  /**
   * Whether to come back after a connection, or an attempt, has ended. `byDefault` is false after 1000, 1008, 1010 and
   * 3000 to 4999: those are decisions of the server or of the application; everything else is an accident.
   * @default byDefault
   */
  readonly shouldReconnect?: (end: ConnectionEnd, byDefault: boolean) => boolean;
  /** Makes the connections. @default the runtime's own `WebSocket` */
  readonly transport?: Transport;
  /** What tells about network and page; null for nothing. @default globalThis, where it can be listened to */
  readonly page?: PageTarget | null;
  /** Time. @default the machine's */
  readonly clock?: Clock;
  /** A number from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number;
}

/** Where to connect: an address, or a function that is asked before each attempt, for one with a fresh token. */
export type ReconnectUrl = string | URL | (() => string | URL | Promise<string | URL>);

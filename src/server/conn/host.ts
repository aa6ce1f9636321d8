/**
 * What a connection needs of whoever keeps it: a server, a bare listener or a client.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Conn, ConnState } from "./conn.ts";
import type { Habits } from "./dues.ts";
import type { Silence } from "./rhythm.ts";
import type { Moment } from "./moment.ts";
import type { TimerQueue } from "./timers.ts";
import type { WriteBatch } from "./write_batch.ts";

/** Default delay of TCP keep-alive, in ms: Go's. */
export const KEEP_ALIVE_DELAY = 15_000;

/** Limits of every connection of one host, all in ms or bytes; 0 is none. May change while it runs. */
export interface ConnLimits extends Silence {
  readTimeout: number;
  writeTimeout: number;
  idleTimeout: number;
  maxLifetime: number;
  lifetimeJitter: number;
  lingerTimeout: number;
  readHighWaterMark: number;
  writeHighWaterMark: number;
  keepAlive: number;
  noDelay: boolean;
  /** Silence before a goodbye, where no drain says otherwise. */
  quiet: number;
  idleGrace: number;
  /** How long a debt is waited for, and a connection that ends by itself served on. */
  patience: number;
  /** What a handler takes is answered, as far as can be told; false says that it never is. */
  answers: boolean;
}

/** A connection, as its keeper is told of it: the keeper knows what it has made. */
export interface HostedConn {
  readonly id: number;
}

/** Keeper of connections. */
export interface ConnHost {
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly moment: Moment;
  readonly batch: WriteBatch;
  /** Where quiet connections wait for their goodbye. */
  readonly goodbyes: { add(conn: HostedConn): void };
  readonly limits: ConnLimits;
  /** What its connections have shown of their protocol. */
  readonly habits: Habits;
  /** Observer of state changes, or null. */
  readonly onState: ((conn: Conn, from: ConnState, to: ConnState) => void) | null;
  /** Says goodbye on a connection whose protocol has no word of its own, or null. */
  readonly goodbye: ((conn: Conn) => void | Promise<void>) | null;
  /** Nothing more can be said to it: it was said goodbye to, its write side was closed, or it is gone. May be repeated. */
  unwritable(conn: HostedConn): void;
  /** The socket is gone. */
  gone(conn: HostedConn): void;
  /** The last promise that held the connection has settled. */
  released(conn: HostedConn): void;
  /** Work that no connection waits for any more. */
  waitUntil(work: Promise<unknown>): void;
  /** Work that held a connection has failed. */
  workFailed(conn: HostedConn, error: unknown): void;
}

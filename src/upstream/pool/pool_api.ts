/**
 * What users see of a pool.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Context, ContextParent } from "../../context/mod.ts";
import type { Logger } from "../../log.ts";

/** Makes a connection; `ctx` ends at `connectTimeout` and when the pool drains. */
export type Connect<T> = (ctx: Context) => T | Promise<T>;

/** Everything `pool()` takes; durations in ms. */
export interface PoolOptions<T> {
  /** Name in logs, errors and metrics. @default "pool" */
  name?: string;
  /** Connections at the most, those that are being made included. @default 10 */
  max?: number;
  /** Idle connections that are kept ready, within `max`; the default makes a pool of fixed size. @default max */
  minIdle?: number;
  /** Connections beyond `minIdle` that nobody used for so long are closed; 0 for never. @default 600000 */
  idleTimeout?: number;
  /** Age at which a connection is replaced, once nobody has it; 0 for never. @default 1800000 */
  maxLifetime?: number;
  /** Share by which each connection's `maxLifetime` is shortened at random, so that they don't end together. @default 0.1 */
  lifetimeJitter?: number;
  /** Longest wait of an `acquire()`, beside its context's; 0 for none. @default 30000 */
  acquireTimeout?: number;
  /** Longest time that `connect` may take; 0 for none. @default 10000 */
  connectTimeout?: number;
  /**
   * A connect that fails is tried again, more and more slowly, while those who wait have time; false tells the one who
   * waits longest at once. @default true
   */
  retryConnect?: boolean;
  /** Whoever has a connection for longer is named in a warning, with the place where it was taken; 0 for never. @default 0 */
  leakWarning?: number;
  /** Says whether a connection lives: false, or a failure, replaces it. @default every connection that did not end lives */
  validate?: (conn: T, ctx: Context) => boolean | Promise<boolean>;
  /** Idle for so long, a connection is asked by `validate` before it is given out. @default 500 */
  validateAfter?: number;
  /** Longest time that `validate` may take; 0 for none. @default 5000 */
  validateTimeout?: number;
  /**
   * Tells when a connection dies by itself: calls `gone` then, at once if it is dead already. For what `connect()` of
   * this library makes nothing is needed. @default none
   */
  watch?: (conn: T, gone: (reason?: unknown) => void) => void;
  /** Ends a connection. @default its `Symbol.asyncDispose`, `Symbol.dispose` or `close()` */
  close?: (conn: T) => void | Promise<unknown>;
  /** Where records go. @default JSON lines on stderr */
  logger?: Logger;
  /** Time, for tests. @default the machine's */
  clock?: Clock;
}

/** Why members were closed. */
export type CloseReason =
  /** It ended by itself, or said something that nobody had asked for. */
  | "died"
  /** `validate` said no. */
  | "invalid"
  /** `maxLifetime`. */
  | "lifetime"
  /** `idleTimeout`. */
  | "idle"
  /** Whoever had it said so. */
  | "discarded"
  /** The pool was drained. */
  | "drained";

/** Counts of a pool: what is, and what was since it began. */
export interface PoolStats {
  /** Connections at the most. */
  readonly max: number;
  /** Idle ones that are kept ready. */
  readonly minIdle: number;
  /** Connections now, without those that are being made. */
  readonly total: number;
  /** Connections that nobody has. */
  readonly idle: number;
  /** Connections that somebody has. */
  readonly inUse: number;
  /** Connections that are being made. */
  readonly connecting: number;
  /** Callers of `acquire()` that wait. */
  readonly waiting: number;
  /** Connections given out since. */
  readonly acquired: number;
  /** Callers that gave up at `acquireTimeout` or with their context. */
  readonly gaveUp: number;
  /** Connections made since. */
  readonly connects: number;
  /** Connects that failed. */
  readonly connectErrors: number;
  /** Connections closed since, by reason. */
  readonly closed: Readonly<Record<CloseReason, number>>;
  /** Warnings of `leakWarning`. */
  readonly leaks: number;
  /** Ms that callers of `acquire()` have waited, in all. */
  readonly waitTime: number;
  /** Ms that connections were out, in all. */
  readonly useTime: number;
  /** Ms that connects took which have succeeded, in all. */
  readonly connectTime: number;
}

/** A connection that was taken: until it is given back, nobody else has it. */
export interface Loan<T> extends Disposable, AsyncDisposable {
  /** The connection. */
  readonly conn: T;
  /** How often it was given out before. */
  readonly uses: number;
  /** Gives it back; calling it twice is harmless. */
  release(): void;
  /** It is of no more use: closes it, and makes room for another. @param reason For the log. */
  discard(reason?: unknown): void;
}

/** A loan that was out when a drain ended. */
export interface LoanLeft {
  /** Ms since it was taken. */
  readonly age: number;
  /** Where it was taken; empty without `leakWarning`. */
  readonly stack: string;
}

/** What a drain of a pool has cost. */
export interface PoolReport {
  /** The pool's name. */
  readonly name: string;
  /** Ms that it took. */
  readonly duration: number;
  /** Connections that were closed. */
  readonly closed: number;
  /** Connections that somebody still had; they are closed when they come back. */
  readonly left: readonly LoanLeft[];
}

/** A pool of connections. */
export interface Pool<T> extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** `draining` from `drain()` on. */
  readonly state: "open" | "draining" | "closed";
  /** Counts, for metrics. */
  readonly stats: PoolStats;
  /**
   * Takes a connection, after everybody who asked before.
   *
   * @param ctx Gives up when it ends.
   * @throws {PoolTimeoutError} None came free within `acquireTimeout`.
   * @throws {PoolClosedError} The pool drains.
   * @throws The context's cause.
   * @throws {OptionError} Synchronously: `ctx` is no context.
   */
  acquire(ctx?: ContextParent): Promise<Loan<T>>;
  /** Takes a connection if one is idle, needs no check, and nobody waits; null otherwise. @throws {PoolClosedError} */
  tryAcquire(): Loan<T> | null;
  /**
   * Runs `work` with a connection, and gives it back. When `work` fails, the connection is checked by `validate` before
   * anybody gets it again, and closed where there is no such check: nobody knows what it was in the middle of.
   *
   * @throws What `acquire()` and `work` throw.
   * @throws {TypeError} Synchronously: `work` is no function.
   */
  use<R>(work: (conn: T) => R | Promise<R>, ctx?: ContextParent): Promise<R>;
  /**
   * Gives out nothing more, waits for what is out, and closes everything. A second call returns the same promise. As a
   * hook it comes last, if it is registered first: `server.onShutdown("pool", (signal) => pool.drain(signal))`.
   *
   * @param ctx Waits no longer than this: what is still out then is named in the report, and closed at its return.
   */
  drain(ctx?: ContextParent): Promise<PoolReport>;
}

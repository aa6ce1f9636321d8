/**
 * What users see of calls.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Context, ContextParent } from "../../context/mod.ts";
import type { Logger } from "../../log.ts";
import type { RpcEnvelope } from "./rpc_wire.ts";

/** What calls need of frames; every `Framed` is one. */
export interface RpcFrames<In, Out> {
  /** The connection below. */
  readonly conn: RpcConn;
  /** Writes one frame. */
  readonly send: (frame: Out) => Promise<void>;
  /** Calls `fn` for each frame; settles with the end of the stream. */
  readonly forEach: (fn: (frame: In) => void | Promise<void>) => Promise<void>;
}

/** What calls need of a connection. */
export interface RpcConn {
  /** Fulfils when the connection is gone. */
  readonly closed: Promise<void>;
  /** As `closed`, where asking for that says that somebody waits. @default closed */
  readonly whenGone?: Promise<void>;
  /** Flushes, FIN. */
  close(): Promise<void>;
  /** Drops it. */
  abort(reason?: unknown): void;
  /** A drain waits for this. @default nothing is waited for */
  waitUntil?(work: Promise<unknown>): void;
  /** The message that was taken last needs no answer. @default nobody is told */
  answered?(): void;
}

/**
 * A method that the peer may call. What it returns is the result; it may throw an `RpcError`.
 *
 * @param params What the caller gave: anything that the codec carries, so check it.
 * @param ctx Ends when the caller gives the call up, its time is over, or the connection is gone.
 */
export type RpcMethod = (params: unknown, ctx: Context) => unknown;

/** The methods of a peer, by name, as functions of what they are given: as they are called, without `ctx`. */
export type RpcApi<Remote> = { readonly [Method in keyof Remote]: (params: never) => unknown };

/** Any methods. */
export type AnyMethods = Readonly<Record<string, (params: unknown) => unknown>>;

/** What a method is called with: nothing, where its params may be undefined, and how. */
export type RpcCallArgs<Fn> = Fn extends (params: infer Params) => unknown
  ? undefined extends Params ? [params?: Params, options?: RpcCallOptions] : [params: Params, options?: RpcCallOptions]
  : never;

/** What a method gives. */
export type RpcResult<Fn> = Fn extends (...args: never) => infer Result ? Awaited<Result> : never;

/** Options of `rpc()`. */
export interface RpcOptions {
  /** What the peer may call. @default nothing */
  readonly methods?: Readonly<Record<string, RpcMethod>>;
  /**
   * Parent of the contexts of the peer's calls: a handler's `ctx`. When its `draining` fires, the peer is told goodbye.
   * @default none: calls end with the connection
   */
  readonly ctx?: ContextParent & { readonly draining?: AbortSignal };
  /** Calls of the peer that run at once. @default 16 */
  readonly maxConcurrent?: number;
  /** Calls of the peer that wait for their turn; what comes above that is refused as `ERR_RPC_BUSY`. @default 256 */
  readonly maxQueued?: number;
  /** Calls of ours that wait for their answers; one above that is refused as `ERR_RPC_BUSY`. @default 1024 */
  readonly maxPending?: number;
  /** How long a call of ours may take in ms, where the call says nothing; 0 for no end. @default 30000 */
  readonly timeout?: number;
  /** The peer takes no more calls: connect elsewhere for those to come. @default nothing */
  readonly onGoodbye?: () => void;
  /** Where it goes what a method throws that is no `RpcError`. @default JSON lines on stderr */
  readonly logger?: Logger;
  /** Time, for tests. @default the machine's */
  readonly clock?: Clock;
}

/** `RpcOptions` for frames that are not any value. */
export interface RpcEnvelopeOptions<In, Out> extends RpcOptions {
  /** How messages stand in frames. */
  readonly envelope: RpcEnvelope<In, Out>;
}

/** Options of one call. */
export interface RpcCallOptions {
  /** When it ends, the call is given up, and the peer told; its deadline goes along. @default none */
  readonly ctx?: ContextParent;
  /** How long it may take in ms; 0 for no end but that of `ctx`. @default that of `rpc()` */
  readonly timeout?: number;
}

/** Calls both ways over one connection. */
export interface Rpc<Remote extends RpcApi<Remote> = AnyMethods> {
  /**
   * Calls a method of the peer.
   *
   * @throws {OptionError} At once: params can't be encoded, or an option can't be used.
   * @throws {RpcError} What the method threw, or why it has no result: see `RpcErrorCode`.
   * @throws {DeadlineExceeded} Its time is over; and the cause of `ctx`, when that has ended.
   */
  call<Method extends keyof Remote & string>(
    method: Method,
    ...args: RpcCallArgs<Remote[Method]>
  ): Promise<RpcResult<Remote[Method]>>;
  /**
   * Says goodbye: the peer makes no more calls, and what it has made is served. A drain does it by itself, by `ctx`.
   * Idempotent.
   */
  leave(): void;
  /** Calls of ours that wait for their answers. */
  readonly pending: number;
  /** Calls of the peer that run; those that were given up and go on are among them. */
  readonly running: number;
  /** Calls of the peer that wait for their turn. */
  readonly queued: number;
  /** Calls of ours are taken: neither has the peer said goodbye, nor is it gone. */
  readonly isOpen: boolean;
  /**
   * Fulfils when the peer has sent its FIN, or a drain has said goodbye, and what was running is answered: what a handler
   * returns. Nobody has to look at it.
   *
   * @throws {FrameError} The peer broke the framing, or said what can't be.
   * @throws {SluiceError} The connection was lost, with the connection's own error.
   */
  readonly done: Promise<void>;
}

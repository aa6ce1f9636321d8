/**
 * The context that a handler gets: a connection's lifetime, with the soft signal beside the hard one.
 *
 * @module
 */
import { CancelContext, type Context, type ContextParent } from "../../context/mod.ts";

/** A lifetime with two ends: `draining` asks to finish, `signal` orders to stop. */
export interface HandlerContext extends Context {
  /** Aborts when the server, or this connection, begins to drain: finish what you have, take nothing new. */
  readonly draining: AbortSignal;
  /**
   * The connection is not told goodbye, and not closed behind its handler, before this promise has settled or the grace
   * of a drain is over; what it rejects with is logged. For handlers that read on while they still work on an answer.
   *
   * @example
   * ```ts
   * const server = await serve({ port: 9000 }, async (conn, ctx) => {
   *   for await (const line of lines(conn)) ctx.waitUntil(look(line).then((found) => conn.write(found)));
   * });
   * ```
   * @throws {TypeError} `promise` is none.
   */
  waitUntil(promise: Promise<unknown>): void;
}

/** What a promise can hold. */
interface Held {
  waitUntil(work: Promise<unknown>): void;
}

/** Who has a signal of its own for the same, as a request has. */
export interface DrainFollower {
  beginDraining(cause: unknown): void;
  endDraining(): void;
}

/** A connection's context. Both signals are built when somebody looks. */
export class ConnContext extends CancelContext implements HandlerContext {
  #draining: AbortController | null = null;
  #cause: unknown = undefined;
  #follower: DrainFollower | null = null;
  readonly #held: Held;

  constructor(parent: ContextParent, held: Held) {
    super(parent);
    this.#held = held;
  }

  waitUntil(promise: Promise<unknown>): void {
    this.#held.waitUntil(promise);
  }

  get draining(): AbortSignal {
    if (this.#draining === null) {
      this.#draining = new AbortController();
      if (this.#cause !== undefined) this.#draining.abort(this.#cause);
    }
    return this.#draining.signal;
  }

  /** Why it drains; undefined if it does not. */
  get drainCause(): unknown {
    return this.#cause;
  }

  /** Who hears of a drain from now on, besides the signal's listeners: one at a time. */
  follow(follower: DrainFollower): void {
    this.#follower = follower;
  }

  unfollow(follower: DrainFollower): void {
    if (this.#follower === follower) this.#follower = null;
  }

  /** Asks to finish. */
  beginDraining(cause: unknown): void {
    this.#follower?.beginDraining(cause);
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#draining?.abort(cause);
  }

  /** The drain was called off: who looks from now on sees a fresh signal. */
  endDraining(): void {
    this.#cause = undefined;
    if (this.#draining?.signal.aborted) this.#draining = null;
    this.#follower?.endDraining();
  }
}

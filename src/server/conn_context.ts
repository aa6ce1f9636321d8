/**
 * The context that a handler gets: a connection's lifetime, with the soft signal beside the hard one.
 *
 * @module
 */
import { CancelContext, type Context, type ContextParent } from "../context.ts";

/** A lifetime with two ends: `draining` asks to finish, `signal` orders to stop. */
export interface HandlerContext extends Context {
  /** Aborts when the server, or this connection, begins to drain: finish what you have, take nothing new. */
  readonly draining: AbortSignal;
}

/** A connection's context. Both signals are built when somebody looks. */
export class ConnContext extends CancelContext implements HandlerContext {
  #draining: AbortController | null = null;
  #cause: unknown = undefined;

  constructor(parent: ContextParent) {
    super(parent);
  }

  get draining(): AbortSignal {
    if (this.#draining === null) {
      this.#draining = new AbortController();
      if (this.#cause !== undefined) this.#draining.abort(this.#cause);
    }
    return this.#draining.signal;
  }

  /** Asks to finish. */
  beginDraining(cause: unknown): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    this.#draining?.abort(cause);
  }

  /** The drain was called off: who looks from now on sees a fresh signal. */
  endDraining(): void {
    this.#cause = undefined;
    if (this.#draining?.signal.aborted) this.#draining = null;
  }
}

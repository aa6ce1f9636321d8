/**
 * Calls that we have made and that wait for their answers.
 *
 * @module
 */
import { afterFunc, type Context } from "../../context/mod.ts";
import { type RpcError, rpcError } from "./rpc_errors.ts";
import { malformed } from "./rpc_wire.ts";

/** One of them. */
interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** Forgets its context, and its timer. */
  readonly stop: () => void;
}

/** Each call has a number that no other has had, so an answer is its own or nobody's. */
export class Asked {
  readonly #waiting: Map<number, Waiting> = new Map();
  #lastId = 0;

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** The number of the next call. */
  nextId(): number {
    return ++this.#lastId;
  }

  /**
   * Waits for the answer to a call that is under way.
   *
   * @param ctx Gives it up when it ends. @param cancel Ends `ctx`. @param onGivenUp Is told then.
   */
  wait(id: number, ctx: Context, cancel: () => void, onGivenUp: () => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const stopWatching = afterFunc(ctx, () => {
        if (!this.fail(id, ctx.cause())) return;
        onGivenUp();
      });
      const stop = (): void => {
        stopWatching();
        cancel();
      };
      this.#waiting.set(id, { resolve, reject, stop });
    });
  }

  /** Its result has come. One that was given up is nobody's. @throws {FrameError} There was no such call. */
  answer(id: number, result: unknown): void {
    this.#take(id)?.resolve(result);
  }

  /** It has no result. @throws {FrameError} There was no such call. */
  refuse(id: number, error: RpcError): void {
    this.#take(id)?.reject(error);
  }

  /** Nobody waits any more; false if nobody did. */
  fail(id: number, error: unknown): boolean {
    const waiting = this.#remove(id);
    waiting?.reject(error);
    return waiting !== null;
  }

  /** No answer will come to any of them. */
  failAll(cause: unknown): void {
    for (const id of [...this.#waiting.keys()]) this.fail(id, gone(cause));
  }

  #take(id: number): Waiting | null {
    if (id > this.#lastId) throw malformed(`it answers call ${id}, which nobody has made`);
    return this.#remove(id);
  }

  #remove(id: number): Waiting | null {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return null;
    this.#waiting.delete(id);
    waiting.stop();
    return waiting;
  }
}

/** The error of a call that the connection did not outlive. */
export function gone(cause: unknown): RpcError {
  return rpcError("ERR_RPC_GONE", "The connection ended before the call was answered", { cause });
}

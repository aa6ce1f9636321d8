/**
 * Calls that the peer has made: so many run, some more wait, and each is answered once.
 *
 * @module
 */
import {
  afterFunc,
  type CancelCauseFunc,
  Canceled,
  type Context,
  type ContextParent,
  DeadlineExceeded,
  withCancelCause,
  withTimeout,
} from "../../context/mod.ts";
import type { RpcMethod } from "./rpc_api.ts";
import { RpcError, rpcError } from "./rpc_errors.ts";
import { CALL, type CallEvent, type CallState } from "./rpc_states.ts";
import { malformed, type MessageOf } from "./rpc_wire.ts";

/** What this needs of its owner. */
export interface ServedHost {
  /** Parent of the calls' contexts. */
  readonly parent: ContextParent;
  readonly methods: Readonly<Record<string, RpcMethod>>;
  readonly maxConcurrent: number;
  readonly maxQueued: number;
  /** Sends an answer, and what stands in for one that can't be sent; never rejects. @param method Whose it is. */
  answer(message: MessageOf<"result" | "error">, method: string): Promise<void>;
  /** A method threw what is no `RpcError`. */
  failed(method: string, error: unknown): void;
  /** A drain waits for this. */
  hold(work: Promise<void>): void;
}

/** One of them. */
interface Call {
  readonly id: number;
  readonly name: string;
  readonly method: RpcMethod;
  readonly params: unknown;
  readonly ctx: Context;
  readonly cancel: CancelCauseFunc;
  state: CallState;
  /** Forgets its context, and its timer. */
  stop: () => void;
  /** Fulfils the promise that holds the connection. */
  release: () => void;
}

/** The calls of one peer. */
export class Served {
  readonly #host: ServedHost;
  /** Those that are not over, by number. */
  readonly #calls: Map<number, Call> = new Map();
  readonly #queue: Set<Call> = new Set();
  #running = 0;
  readonly #idlers: (() => void)[] = [];

  constructor(host: ServedHost) {
    this.#host = host;
  }

  get running(): number {
    return this.#running;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Runs a call, lets it wait, or refuses it; a promise is a refusal that the peer has not taken yet. */
  take(message: MessageOf<"call">): void | Promise<void> {
    const { id, method: name } = message;
    if (this.#calls.has(id)) throw malformed(`it makes call ${id} a second time`);
    const method = Object.hasOwn(this.#host.methods, name) ? this.#host.methods[name] : undefined;
    if (method === undefined) {
      return this.refuse(id, rpcError("ERR_RPC_UNKNOWN_METHOD", `There is no method ${JSON.stringify(name)}`));
    }
    if (message.timeout === 0) return this.refuse(id, late());
    const isFull = this.#running >= this.#host.maxConcurrent;
    if (isFull && this.#queue.size >= this.#host.maxQueued) {
      return this.refuse(id, rpcError("ERR_RPC_BUSY", "Too many calls are waiting, call again later"));
    }
    const call = this.#begin(message, method);
    if (isFull) this.#queue.add(call);
    else this.#start(call);
  }

  /** Answers a call that is not run. */
  refuse(id: number, error: RpcError): Promise<void> {
    return this.#host.answer(errorMessage(id, error), "");
  }

  /** The caller has given a call up; one that is over is left alone. */
  cancel(id: number): void {
    this.#calls.get(id)?.cancel(new Canceled("The caller has given the call up"));
  }

  /** Nobody is left to answer. */
  endAll(cause: unknown): void {
    for (const call of [...this.#calls.values()]) call.cancel(cause);
  }

  /** Fulfils when all calls are over. */
  idle(): Promise<void> {
    return this.#calls.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idlers.push(resolve));
  }

  #begin({ id, method: name, params, timeout }: MessageOf<"call">, method: RpcMethod): Call {
    const [limited, stopTimer] = withTimeout(this.#host.parent, timeout ?? Infinity);
    const [ctx, cancel] = withCancelCause(limited);
    const call: Call = { id, name, method, params, ctx, cancel, state: "queued", stop: stopTimer, release: () => {} };
    this.#calls.set(id, call);
    this.#host.hold(new Promise((resolve) => call.release = resolve));
    const stopWatching = afterFunc(ctx, () => this.#giveUp(call));
    call.stop = () => {
      stopWatching();
      stopTimer();
    };
    return call;
  }

  #start(call: Call): void {
    this.#step(call, "start");
    this.#running++;
    this.#run(call);
  }

  async #run(call: Call): Promise<void> {
    const message = await this.#messageOf(call);
    const answers = this.#step(call, "settle");
    if (answers) await this.#host.answer(message, call.name);
    this.#running--;
    this.#end(call);
    this.#startNext();
  }

  async #messageOf(call: Call): Promise<MessageOf<"result" | "error">> {
    const { id, name, method, params, ctx } = call;
    try {
      return { kind: "result", id, result: await method(params, ctx) };
    } catch (error) {
      if (error instanceof RpcError) return errorMessage(id, error);
      // Who is given up mostly throws, and says nothing new by it.
      if (call.state === "running") this.#host.failed(name, error);
      return errorMessage(id, rpcError("ERR_RPC_FAILED", "The method failed"));
    }
  }

  #startNext(): void {
    for (const call of this.#queue) {
      if (this.#running >= this.#host.maxConcurrent) return;
      this.#queue.delete(call);
      this.#start(call);
    }
  }

  #giveUp(call: Call): void {
    const wasQueued = call.state === "queued";
    if (!this.#step(call, "giveUp")) return;
    const answered = this.#host.answer(errorMessage(call.id, whyGivenUp(call.ctx.cause())), call.name);
    if (!wasQueued) return;
    this.#queue.delete(call);
    answered.then(() => this.#end(call));
  }

  /** The call is answered, and nothing of it runs. */
  #end(call: Call): void {
    this.#calls.delete(call.id);
    call.stop();
    call.release();
    // Whoever derived a context from it, or listens to it, is let go.
    call.cancel();
    if (this.#calls.size === 0) { for (const wake of this.#idlers.splice(0)) wake(); }
  }

  /** Whether the caller is answered now. */
  #step(call: Call, event: CallEvent): boolean {
    const [next, answers] = CALL[event][call.state];
    call.state = next;
    return answers;
  }
}

function errorMessage(id: number, { code, message, data }: RpcError): MessageOf<"error"> {
  return { kind: "error", id, code, message, data };
}

function whyGivenUp(cause: unknown): RpcError {
  if (cause instanceof DeadlineExceeded) return late();
  return rpcError("ERR_RPC_CANCELED", "The call was given up");
}

function late(): RpcError {
  return rpcError("ERR_RPC_DEADLINE", "The caller's time is over");
}

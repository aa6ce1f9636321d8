/**
 * Calls over frames: each side calls, each side serves, and answers come in any order.
 *
 * @module
 */
import { type Clock, systemClock, wallOf } from "../../clock.ts";
import { background, type Context, type ContextParent, withCancel, withTimeout } from "../../context/mod.ts";
import { FrameError, OptionError, SluiceError } from "../../errors.ts";
import { jsonLogger, type Logger, safeLogger } from "../../log.ts";
import { checkNames, type Names } from "../../names.ts";
import { callable, checkParts, count, duration, text } from "../../validate.ts";
import { Asked, gone } from "./asked.ts";
import type {
  AnyMethods,
  Rpc,
  RpcApi,
  RpcCallOptions,
  RpcConn,
  RpcEnvelopeOptions,
  RpcFrames,
  RpcMethod,
  RpcOptions,
} from "./rpc_api.ts";
import { RpcError, rpcError } from "./rpc_errors.ts";
import {
  ASKING,
  type AskingEvent,
  type AskingState,
  TAKING,
  type TakingEvent,
  type TakingState,
} from "./rpc_states.ts";
import {
  malformed,
  type MessageOf,
  PLAIN_ENVELOPE,
  readMessage,
  type RpcEnvelope,
  type RpcMessage,
} from "./rpc_wire.ts";
import { Served, type ServedHost } from "./served.ts";

const NAMES: Names<RpcEnvelopeOptions<unknown, unknown>> = {
  methods: true,
  ctx: true,
  maxConcurrent: true,
  maxQueued: true,
  maxPending: true,
  timeout: true,
  onGoodbye: true,
  logger: true,
  clock: true,
  envelope: true,
};
const CALL_NAMES: Names<RpcCallOptions> = { ctx: true, timeout: true };

/** As many as a machine has use for, of methods that wait for a disk or a database. */
const MAX_CONCURRENT = 16;
/** A burst; whoever sends more has not heard of waiting. */
const MAX_QUEUED = 256;
const MAX_PENDING = 1024;
/** Nobody waits longer, whatever was asked. */
const TIMEOUT = 30_000;

/** What each kind of message does. */
type Takers = { readonly [Kind in RpcMessage["kind"]]: (message: MessageOf<Kind>) => void | Promise<void> };

class Peer implements ServedHost {
  readonly done: Promise<void>;
  readonly parent: ContextParent;
  readonly methods: Readonly<Record<string, RpcMethod>>;
  readonly maxConcurrent: number;
  readonly maxQueued: number;
  readonly #frames: RpcFrames<unknown, unknown>;
  readonly #conn: RpcConn;
  readonly #envelope: RpcEnvelope<unknown>;
  readonly #maxPending: number;
  readonly #timeout: number;
  readonly #onGoodbye: (() => void) | undefined;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #root: Context;
  readonly #asked: Asked = new Asked();
  readonly #served: Served;
  readonly #draining: AbortSignal | undefined;
  readonly #leave = (): void => this.leave();
  #taking: TakingState = "open";
  #asking: AskingState = "open";
  /** Why it is over. */
  #cause: unknown = undefined;

  readonly #takers: Takers = {
    call: (message) => this.#takeCall(message),
    result: ({ id, result }) => this.#quietly(() => this.#asked.answer(id, result)),
    error: ({ id, code, message, data }) =>
      this.#quietly(() => this.#asked.refuse(id, new RpcError(code, message, { data }))),
    cancel: ({ id }) => this.#quietly(() => this.#served.cancel(id)),
    goodbye: () => this.#takeGoodbye(),
    seen: () => this.#quietly(() => this.#takes("seen")),
    ping: () => this.#tell({ kind: "pong" }),
    pong: () => this.#quietly(() => {}),
  };

  constructor(frames: RpcFrames<unknown, unknown>, options: RpcEnvelopeOptions<unknown, unknown>) {
    this.#frames = frames;
    this.#conn = frames.conn;
    this.#envelope = options.envelope;
    this.#clock = options.clock ?? systemClock;
    this.#root = background(this.#clock);
    this.parent = options.ctx ?? this.#root;
    this.methods = checkMethods(options.methods);
    this.maxConcurrent = count("maxConcurrent", options.maxConcurrent, MAX_CONCURRENT);
    this.maxQueued = count("maxQueued", options.maxQueued, MAX_QUEUED, 0);
    this.#maxPending = count("maxPending", options.maxPending, MAX_PENDING);
    this.#timeout = duration("timeout", options.timeout, TIMEOUT);
    this.#onGoodbye = callable("onGoodbye", options.onGoodbye);
    this.#log = safeLogger(options.logger ?? jsonLogger());
    this.#served = new Served(this);
    this.#draining = options.ctx?.draining;
    this.done = this.#serve(frames.forEach((frame) => this.#take(frame)));
    this.done.catch(ignore);
    this.#watchDrain();
  }

  get pending(): number {
    return this.#asked.size;
  }

  get running(): number {
    return this.#served.running;
  }

  get queued(): number {
    return this.#served.queued;
  }

  get isOpen(): boolean {
    return this.#asking === "open";
  }

  call(method: string, params?: unknown, options: RpcCallOptions = {}): Promise<unknown> {
    checkNames("call()", options, CALL_NAMES);
    text("method", method, "");
    const timeout = duration("timeout", options.timeout, this.#timeout);
    const refusal = this.#refusal();
    if (refusal !== null) return Promise.reject(refusal);
    const parent = options.ctx ?? this.#root;
    const [ctx, cancel] = timeout > 0 ? withTimeout(parent, timeout) : withCancel(parent);
    if (ctx.err() !== null) return Promise.reject(ctx.cause());
    const id = this.#asked.nextId();
    let sent: Promise<void>;
    try {
      sent = this.#send({ kind: "call", id, method, params, timeout: this.#left(ctx) });
    } catch (error) {
      cancel();
      throw error;
    }
    sent.catch((cause) => this.#asked.fail(id, gone(cause)));
    const answer = this.#asked.wait(id, ctx, cancel, () => this.#tell({ kind: "cancel", id }));
    this.hold(answer.then(ignore, ignore));
    return answer;
  }

  leave(): void {
    if (this.#taking !== "open") return;
    this.#takes("leave");
    this.#tell({ kind: "goodbye" });
  }

  async answer(message: MessageOf<"result" | "error">, method: string): Promise<void> {
    try {
      await this.#send(message);
    } catch (error) {
      // What can't be sent is the method's mistake, and its caller must not wait for it; else nobody is left.
      if (isOfTheConnection(error)) return;
      this.failed(method, error);
      const { id } = message;
      const text = "The result can't be sent";
      await this.#tell({ kind: "error", id, code: "ERR_RPC_FAILED", message: text, data: undefined });
    }
  }

  failed(method: string, error: unknown): void {
    this.#log.error("Method failed", { method, error });
  }

  hold(work: Promise<void>): void {
    this.#conn.waitUntil?.(work);
  }

  #refusal(): RpcError | null {
    if (this.#asking === "gone") return gone(this.#cause);
    if (this.#asking === "told") return rpcError("ERR_RPC_DRAINING", "The peer takes no more calls, call another one");
    if (this.#asked.size < this.#maxPending) return null;
    return rpcError("ERR_RPC_BUSY", `${this.#asked.size} calls wait for their answers, which is maxPending`);
  }

  /** What is left of a context's time; null for no end. */
  #left({ deadline }: Context): number | null {
    if (deadline === null) return null;
    const now = wallOf(this.#clock);
    return Math.max(0, Math.ceil(deadline - now));
  }

  async #serve(taken: Promise<void>): Promise<void> {
    try {
      await taken;
      this.#end(undefined);
      // The peer has said all that it had to say, and may still listen.
      const { closed, whenGone } = this.#conn;
      await Promise.race([this.#served.idle(), whenGone ?? closed]);
      this.#served.endAll(gone(undefined));
    } catch (error) {
      this.#end(error);
      this.#served.endAll(gone(error));
      if (error instanceof FrameError) this.#conn.close().catch(ignore);
      else this.#conn.abort(error);
      throw error;
    }
  }

  #take(frame: unknown): void | Promise<void> {
    const message = readMessage(this.#envelope, frame);
    const take = this.#takers[message.kind] as ((message: RpcMessage) => void | Promise<void>) | undefined;
    if (take === undefined) throw malformed(`it is of the kind ${JSON.stringify(message.kind)}`);
    return take(message);
  }

  #takeCall(message: MessageOf<"call">): void | Promise<void> {
    if (this.#taking !== "left") return this.#served.take(message);
    return this.#served.refuse(
      message.id,
      rpcError("ERR_RPC_DRAINING", "No more calls are taken here, call another one"),
    );
  }

  #takeGoodbye(): Promise<void> {
    this.#asks("goodbye");
    const sent = this.#tell({ kind: "seen" });
    try {
      this.#onGoodbye?.();
    } catch (error) {
      this.#log.error("onGoodbye failed", { error });
    }
    return sent;
  }

  /** A message that nothing is written for. */
  #quietly(take: () => void): void {
    this.#conn.answered?.();
    take();
  }

  #end(cause: unknown): void {
    this.#draining?.removeEventListener("abort", this.#leave);
    this.#cause = cause;
    this.#takes("end");
    this.#asks("end");
    this.#asked.failAll(cause);
  }

  #takes(event: TakingEvent): void {
    const next = TAKING[event][this.#taking];
    if (next === null) throw malformed("it has seen a goodbye that nobody has said");
    this.#taking = next;
  }

  #asks(event: AskingEvent): void {
    const next = ASKING[event][this.#asking];
    if (next === null) throw malformed("it says goodbye a second time");
    this.#asking = next;
  }

  #watchDrain(): void {
    if (this.#draining === undefined) return;
    if (this.#draining.aborted) this.leave();
    else this.#draining.addEventListener("abort", this.#leave, { once: true });
  }

  #send(message: RpcMessage): Promise<void> {
    return this.#frames.send(this.#envelope.wrap(message));
  }

  /** Sends what nobody waits for; never rejects. */
  async #tell(message: RpcMessage): Promise<void> {
    try {
      await this.#send(message);
    } catch (error) {
      if (!isOfTheConnection(error)) this.failed("", error);
    }
  }
}

function checkMethods(methods: unknown): Readonly<Record<string, RpcMethod>> {
  if (methods === undefined) return {};
  if (typeof methods !== "object" || methods === null) {
    throw new OptionError("methods", `methods must be an object of functions, got ${String(methods)}`);
  }
  for (const [name, method] of Object.entries(methods)) callable(`methods.${name}`, method);
  return methods as Readonly<Record<string, RpcMethod>>;
}

function checkEnvelope(envelope: unknown): void {
  const { wrap, unwrap } = (envelope ?? {}) as Partial<RpcEnvelope<unknown>>;
  if (typeof wrap === "function" && typeof unwrap === "function") return;
  throw new OptionError("envelope", "envelope must have the functions wrap() and unwrap()");
}

/** Nobody is left to tell; else it is an envelope or a codec that can't say it. */
function isOfTheConnection(error: unknown): boolean {
  return error instanceof SluiceError && !(error instanceof OptionError);
}

function ignore(): void {}

/**
 * Calls of methods over frames, both ways at once: answers come in any order, deadlines and cancellation go along, and a
 * drain loses no call. It takes over the frames at once.
 *
 * @param frames What `framed()` gives, of any codec; where its values are not `unknown`, `envelope` says how messages
 * stand in them.
 * @throws {OptionError} An option can't be used.
 * @throws {InUseError} Somebody takes the frames already.
 * @example
 * ```ts
 * const server = await serve({ port: 9000 }, (conn, ctx) => {
 *   const methods = { add: (params: unknown) => sum(params) };
 *   return rpc(framed(conn, lengthPrefix(json())), { ctx, methods }).done;
 * });
 * ```
 */
export function rpc<Remote extends RpcApi<Remote> = AnyMethods>(
  frames: RpcFrames<unknown, unknown>,
  options?: RpcOptions,
): Rpc<Remote>;
/** The same over frames of a type of their own. */
export function rpc<In, Out, Remote extends RpcApi<Remote> = AnyMethods>(
  frames: RpcFrames<In, Out>,
  options: RpcEnvelopeOptions<In, Out>,
): Rpc<Remote>;
export function rpc(
  frames: RpcFrames<unknown, unknown>,
  options: RpcOptions & { readonly envelope?: RpcEnvelope<unknown> } = {},
): Rpc {
  if (typeof frames?.send !== "function" || typeof frames.forEach !== "function") {
    throw new OptionError("frames", `frames must be what framed() gives, got ${String(frames)}`);
  }
  checkNames("rpc()", options, NAMES);
  checkParts(options);
  const envelope = options.envelope ?? PLAIN_ENVELOPE;
  checkEnvelope(envelope);
  return new Peer(frames, { ...options, envelope });
}

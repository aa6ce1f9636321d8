/**
 * What the two sides say to each other, and how it looks in a frame.
 *
 * @module
 */
import { FrameError } from "../../errors.ts";
import { frameError } from "../base_decoder.ts";

/** What one side says to the other. */
export type RpcMessage =
  /** Run a method; `timeout` is what is left of the caller's time in ms, null for no end. */
  | {
    readonly kind: "call";
    readonly id: number;
    readonly method: string;
    readonly params: unknown;
    readonly timeout: number | null;
  }
  /** What a call's method has returned. */
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  /** Why a call has no result. */
  | {
    readonly kind: "error";
    readonly id: number;
    readonly code: string;
    readonly message: string;
    readonly data: unknown;
  }
  /** Nobody waits for this call any more; it is answered all the same. */
  | { readonly kind: "cancel"; readonly id: number }
  /** No more calls, please: what was called is answered, and then this side leaves. */
  | { readonly kind: "goodbye" }
  /** The goodbye is seen: no call comes behind this. */
  | { readonly kind: "seen" }
  /** Are you there? */
  | { readonly kind: "ping" }
  /** Yes. */
  | { readonly kind: "pong" };

/** The message of a kind. */
export type MessageOf<Kind extends RpcMessage["kind"]> = Extract<RpcMessage, { readonly kind: Kind }>;

/** How messages stand in frames, for codecs that carry values of their own, such as messages of a protobuf schema. */
export interface RpcEnvelope<In, Out = In> {
  /** The frame of a message. */
  wrap(message: RpcMessage): Out;
  /** The message in a frame; what it throws is the peer's fault. */
  unwrap(frame: In): RpcMessage;
}

/** The ping of `heartbeat()`, where messages are plain objects: a peer answers it by itself. */
export const RPC_PING: { readonly ping: true } = { ping: true };

/** Longest name of a method. */
const MAX_METHOD = 256;

type Plain = Readonly<Record<string, unknown>>;

/** Messages as plain objects, for codecs that carry any value: JSON and MessagePack. */
export const PLAIN_ENVELOPE: RpcEnvelope<unknown> = { wrap: toPlain, unwrap: fromPlain };

function toPlain(message: RpcMessage): Plain {
  switch (message.kind) {
    case "call": {
      const { id, method, params, timeout } = message;
      return { id, method, ...(params === undefined ? {} : { params }), ...(timeout === null ? {} : { timeout }) };
    }
    case "result": {
      const { id, result } = message;
      return result === undefined ? { re: id } : { re: id, result };
    }
    case "error": {
      const { id, code, message: text, data } = message;
      return { re: id, error: { code, message: text, ...(data === undefined ? {} : { data }) } };
    }
    case "cancel":
      return { cancel: message.id };
    default:
      return { [message.kind]: true };
  }
}

function fromPlain(frame: unknown): RpcMessage {
  if (typeof frame !== "object" || frame === null) throw malformed("it is no object");
  const { id, method, params, timeout, re, result, error, cancel, ...rest } = frame as Plain;
  if (method !== undefined) {
    return {
      kind: "call",
      id: id as number,
      method: method as string,
      params,
      timeout: (timeout ?? null) as number | null,
    };
  }
  if (re !== undefined && error !== undefined) {
    const { code, message, data } = (error ?? {}) as Plain;
    return { kind: "error", id: re as number, code: code as string, message: message as string, data };
  }
  if (re !== undefined) return { kind: "result", id: re as number, result };
  if (cancel !== undefined) return { kind: "cancel", id: cancel as number };
  for (const kind of ["goodbye", "seen", "ping", "pong"] as const) if (rest[kind] === true) return { kind };
  throw malformed("it says nothing that is known");
}

/** What a frame says. @throws {FrameError} It says nothing that can be. */
export function readMessage<In>(envelope: RpcEnvelope<In, unknown>, frame: In): RpcMessage {
  let message: RpcMessage;
  try {
    message = envelope.unwrap(frame);
  } catch (cause) {
    if (cause instanceof FrameError) throw cause;
    throw malformed(cause instanceof Error ? cause.message : String(cause), cause);
  }
  check(message);
  return message;
}

function check(message: RpcMessage): void {
  if ("id" in message && !(Number.isSafeInteger(message.id) && message.id > 0)) throw malformed("it has no number");
  if (message.kind === "call") {
    const { method, timeout } = message;
    if (typeof method !== "string" || method === "" || method.length > MAX_METHOD) {
      throw malformed("it names no method");
    }
    if (timeout !== null && !(typeof timeout === "number" && timeout >= 0)) throw malformed("its timeout is none");
  }
  if (message.kind !== "error") return;
  const { code, message: text } = message;
  if (typeof code !== "string" || typeof text !== "string") throw malformed("its error has no code and message");
}

/** The error of a peer that says what can't be. */
export function malformed(why: string, cause?: unknown): FrameError {
  return frameError("ERR_FRAME_MALFORMED", `A frame is no message of a call: ${why}`, { cause });
}

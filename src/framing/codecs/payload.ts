/**
 * What a frame carries: values, where the framing below has bytes.
 *
 * @module
 */
import { FrameError, OptionError } from "../../errors.ts";
import { frameError } from "../base_decoder.ts";
import type { Codec } from "../decoder.ts";
import { lengthPrefixCodec, type LengthPrefixOptions } from "../length_prefix.ts";
import { SealedDecoder } from "./sealed_decoder.ts";

/**
 * Makes the bytes of one frame out of a value, and the value out of the bytes. It remembers nothing from frame to frame,
 * so that all connections of a program may have the same one.
 */
export interface Payload<In, Out = In> {
  /** The bytes of a value. @throws {OptionError} It can't be encoded. */
  encode(value: Out): Uint8Array;
  /** The value in the bytes of a whole frame, of which it may be a view. @throws {FrameError} There is none. */
  decode(bytes: Uint8Array): In;
}

/** Frames of bytes, whatever tells where they end. */
export type ByteFraming = Codec<Uint8Array, Uint8Array>;

/**
 * Values in the frames of a framing: each is decoded when somebody takes it. Like any codec it serves one connection.
 *
 * @throws {OptionError} `payload` is none.
 * @example
 * ```ts
 * const codec = payloadCodec(delimiterCodec("\0"), json());
 * ```
 */
export function payloadCodec<In, Out>(framing: ByteFraming, payload: Payload<In, Out>): Codec<In, Out> {
  checkPayload(payload);
  const { decoder, encoder } = framing;
  return {
    decoder: new SealedDecoder(decoder, (bytes) => payload.decode(bytes)),
    encoder: { encode: (value) => encoder.encode(payload.encode(value)) },
  };
}

/**
 * Values in frames that begin with their length. Like any codec it serves one connection.
 *
 * @throws {OptionError} An option can't be used.
 * @example
 * ```ts
 * const messages = framed(conn, lengthPrefix(json(), { size: 2 }));
 * for await (const message of messages) await messages.send({ echo: message });
 * ```
 */
export function lengthPrefix<In, Out>(payload: Payload<In, Out>, options: LengthPrefixOptions = {}): Codec<In, Out> {
  return payloadCodec(lengthPrefixCodec(options), payload);
}

/** Bytes as they are: what `deflated()` is given where bytes are to be compressed. */
export function bytes(): Payload<Uint8Array> {
  return { encode: (value) => checkBytes(value), decode: (frame) => frame };
}

function checkBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw unfit(value, "must be bytes");
}

/** @throws {OptionError} It is none. */
export function checkPayload(payload: unknown): void {
  const { encode, decode } = (payload ?? {}) as Partial<Payload<unknown>>;
  if (typeof encode === "function" && typeof decode === "function") return;
  throw new OptionError("payload", `payload must have encode() and decode(), such as json(), got ${nameOf(payload)}`);
}

/** The error of a value that can't be sent. @param must What it has to be, as in `must be a JSON value`. */
export function unfit(value: unknown, must: string, cause?: unknown): OptionError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new OptionError("frame", `frame ${must}, got ${nameOf(value)}${why}`, { cause });
}

/** What `decode` makes of a frame that came; whatever it throws is the peer's fault. */
export function opened<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof FrameError) throw cause;
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    throw frameError("ERR_FRAME_MALFORMED", `A frame is no ${what}${why}`, { cause });
  }
}

/** Longest part of a value that a message shows. */
const SHOWN = 40;

/** A value for a message, in a few words. */
export function nameOf(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value);
  if (typeof value === "function") return `the function ${value.name || "without a name"}`;
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value !== "object" || value === null) return String(value);
  const { $typeName } = value as { readonly $typeName?: unknown };
  if (typeof $typeName === "string") return `a message ${$typeName}`;
  const name: unknown = value.constructor?.name;
  return typeof name === "string" && name !== "" ? `${/^[AEIOU]/.test(name) ? "an" : "a"} ${name}` : "an object";
}

/**
 * MessagePack in frames, by the user's own library.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { integer } from "../../validate.ts";
import { frameError } from "../base_decoder.ts";
import { PARSE_NAMES, type ParseOptions, parserOf } from "./json.ts";
import { whatIsWrong } from "./msgpack_check.ts";
import { nameOf, opened, type Payload, unfit } from "./payload.ts";

/** What is used of a library: `encode` and `decode` of `@msgpack/msgpack`, or functions that call them with options. */
export interface MsgpackLibrary {
  /** The bytes of a value. */
  encode(value: unknown): Uint8Array;
  /** The value in bytes. */
  decode(bytes: Uint8Array): unknown;
}

/** Options of `msgpack`. */
export interface MsgpackOptions<T> extends ParseOptions<T> {
  /** Levels of arrays and maps within each other, in what comes. @default 64 */
  readonly maxDepth?: number;
}

const NAMES: Names<MsgpackOptions<unknown>> = { ...PARSE_NAMES, maxDepth: true };

/** As deep as data is, and less than any library's recursion takes. */
const DEFAULT_MAX_DEPTH = 64;
const MOST_DEPTH = 1024;

/**
 * A MessagePack value in each frame. What comes is looked through before the library decodes it: a library makes room for
 * as many elements as a frame announces, so that a few kilobytes could take gigabytes.
 *
 * @param library `encode` and `decode` of `@msgpack/msgpack`, or of another one that has such functions.
 * @throws {OptionError} The library or an option can't be used.
 * @example
 * ```ts
 * import { decode, encode } from "@msgpack/msgpack";
 *
 * const messages = framed(conn, lengthPrefix(msgpack({ encode, decode })));
 * ```
 */
export function msgpack(library: MsgpackLibrary): Payload<unknown>;
/** A MessagePack value of a type that `parse` sees to. */
export function msgpack<T = unknown>(library: MsgpackLibrary, options: MsgpackOptions<T>): Payload<T>;
export function msgpack(library: MsgpackLibrary, options: MsgpackOptions<unknown> = {}): Payload<unknown> {
  checkLibrary(library);
  checkNames("msgpack()", options, NAMES);
  const parse = parserOf(options);
  const maxDepth = integer("maxDepth", options.maxDepth, DEFAULT_MAX_DEPTH, 1, MOST_DEPTH);
  return {
    encode: (value) => encodeBy(library, value),
    decode: (bytes) => {
      const wrong = whatIsWrong(bytes, maxDepth);
      if (wrong !== null) throw frameError("ERR_FRAME_MALFORMED", `A frame is no MessagePack: ${wrong}`);
      return opened("MessagePack", () => parse(library.decode(bytes)));
    },
  };
}

function checkLibrary(library: unknown): void {
  const { encode, decode } = (library ?? {}) as Partial<MsgpackLibrary>;
  if (typeof encode === "function" && typeof decode === "function") return;
  throw new OptionError(
    "library",
    `library must be { encode, decode } of @msgpack/msgpack or the like, got ${nameOf(library)}`,
  );
}

function encodeBy(library: MsgpackLibrary, value: unknown): Uint8Array {
  try {
    return library.encode(value);
  } catch (cause) {
    throw unfit(value, "must be a MessagePack value", cause);
  }
}

/**
 * JSON in frames.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { callable } from "../../validate.ts";
import type { Codec, Encoder } from "../decoder.ts";
import type { Unterminated } from "../delimiter.ts";
import { lineDecoder, lineEncoder } from "../lines.ts";
import { DEFAULT_MAX_LENGTH } from "../option_checks.ts";
import { toBytes, toText } from "../text.ts";
import { opened, type Payload, unfit } from "./payload.ts";
import { SealedDecoder } from "./sealed_decoder.ts";

/** Options of values whose type nothing tells. */
export interface ParseOptions<T> {
  /**
   * Makes a value of the type that is meant out of what came, or throws, which is the peer's fault: a schema's `parse`.
   * @default what came, as `unknown`
   */
  readonly parse?: (value: unknown) => T;
}

/** Options of `jsonLines`. */
export interface JsonLineOptions<T> extends ParseOptions<T> {
  /** Longest line, in bytes, without its end, in both directions. @default 65536 */
  readonly maxLength?: number;
  /** What to do with a last line that nothing ends: a number that was cut off is a number. @default "error" */
  readonly unterminated?: Unterminated;
  /** What ends a line. @default "\n" */
  readonly eol?: "\n" | "\r\n";
}

/** Names of `ParseOptions`. */
export const PARSE_NAMES: Names<ParseOptions<unknown>> = { parse: true };

/** What a value goes through. @throws {OptionError} It is no function. */
export function parserOf({ parse }: ParseOptions<unknown>): (value: unknown) => unknown {
  return callable("parse", parse) ?? ((value) => value);
}

const LINE_NAMES: Names<JsonLineOptions<unknown>> = { ...PARSE_NAMES, maxLength: true, unterminated: true, eol: true };

/**
 * A JSON value in each frame (RFC 8259), as UTF-8.
 *
 * @throws {OptionError} An option can't be used.
 * @example
 * ```ts
 * const orders = framed(conn, lengthPrefix(json({ parse: (value) => parse(Order, value) })));
 * ```
 */
export function json(): Payload<unknown>;
/** A JSON value of a type that `parse` sees to. */
export function json<T>(options: ParseOptions<T>): Payload<T>;
export function json(options: ParseOptions<unknown> = {}): Payload<unknown> {
  checkNames("json()", options, PARSE_NAMES);
  const parse = parserOf(options);
  return {
    encode: (value) => toBytes(stringify(value)),
    decode: (bytes) => opened("JSON", () => parse(JSON.parse(toText(bytes, true)))),
  };
}

/**
 * A JSON value in each line (NDJSON); empty lines are passed over. Like any codec it serves one connection.
 *
 * @throws {OptionError} An option can't be used.
 * @example
 * ```ts
 * const events = framed(conn, jsonLines());
 * await events.send({ hello: "world" });
 * ```
 */
export function jsonLines(): Codec<unknown>;
/** JSON values of a type that `parse` sees to. */
export function jsonLines<T = unknown>(options: JsonLineOptions<T>): Codec<T>;
export function jsonLines(options: JsonLineOptions<unknown> = {}): Codec<unknown> {
  checkNames("jsonLines()", options, LINE_NAMES);
  const parse = parserOf(options);
  const { maxLength = DEFAULT_MAX_LENGTH, unterminated = "error", eol = "\n" } = options;
  const cut = lineDecoder({ maxLength, unterminated, keepEmpty: false, fatal: true });
  return {
    decoder: new SealedDecoder(cut, (line) => opened("JSON", () => parse(JSON.parse(line)))),
    encoder: lineOf(lineEncoder({ eol }), maxLength),
  };
}

function lineOf(line: Encoder<Uint8Array | string>, maxLength: number): Encoder<unknown> {
  const checked = (value: unknown): string => {
    const text = stringify(value);
    // A unit of UTF-16 becomes three bytes at the most.
    const length = text.length * 3 <= maxLength ? 0 : toBytes(text).length;
    if (length <= maxLength) return text;
    throw new OptionError(
      "frame",
      `A line of ${length} bytes is longer than ${maxLength}: raise maxLength, or send less`,
    );
  };
  return { encode: (value) => line.encode(checked(value)), encodeText: (value) => line.encodeText!(checked(value)) };
}

/** @throws {OptionError} It has no JSON. */
function stringify(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw unfit(value, `must be a JSON value${placeOf(value)}`, cause);
  }
  if (text === undefined) throw unfit(value, "must be a JSON value");
  return text;
}

/** `, which .price is not`: where the first value stands that JSON has no form for. */
function placeOf(value: unknown): string {
  const above = new Set<unknown>();
  const look = (value: unknown, path: string): string | null => {
    if (typeof value === "bigint" || above.has(value)) return path;
    if (typeof value !== "object" || value === null) return null;
    above.add(value);
    for (const [key, member] of Object.entries(value)) {
      const found = look(member, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
      if (found !== null) return found;
    }
    above.delete(value);
    return null;
  };
  try {
    const path = look(value, "") ?? "";
    return path === "" ? "" : `, which ${path} is not`;
  } catch {
    // A getter that throws, or more levels than the stack has.
    return "";
  }
}

/**
 * What the application gives to be published or sent: as it is kept, or refused. What JSON would change without a word
 * is refused by its name; what is within an object is as `JSON.stringify()` has it.
 *
 * @module
 */
import { dataOf, nameOf } from "../../bytes.ts";
import { OptionError } from "../../errors.ts";
import type { ChannelData, ChannelHeaders, PublishOptions } from "../channels_api.ts";
import { areHeaders, HEADERS_RULE } from "./headers.ts";

/** Longest `id` of a message. */
const MAX_ID = 255;

/** What an application's `id` is in the log. @throws {OptionError} It is none. */
export function idOf({ id }: PublishOptions): string | null {
  if (id === undefined) return null;
  if (typeof id === "string" && id.length > 0 && id.length <= MAX_ID) return `a:${id}`;
  const got = typeof id === "string" ? `one of ${(id as string).length}` : nameOf(id);
  throw new OptionError("id", `id must be a text of 1 to ${MAX_ID} characters, got ${got}`);
}

/** A user or a session, and never both. @throws {OptionError} It is neither, or both. */
export function ownerNamed(
  option: string,
  given: unknown,
  wanted: string,
): { readonly user: string | null; readonly session: string | null } {
  if (isText(given)) return { user: given, session: null };
  const { user, session } = (given ?? {}) as { readonly user?: unknown; readonly session?: unknown };
  if (isText(user) && session === undefined) return { user, session: null };
  if (isText(session) && user === undefined) return { user: null, session };
  const isBoth = user !== undefined && session !== undefined;
  const got = isBoth ? "both" : given === "" || user === "" || session === "" ? "an empty text" : nameOf(given);
  throw new OptionError(option, `${option} must be ${wanted}, got ${got}`);
}

/** JSON text, or the bytes that were given: nobody changes them before the log has them. @throws {OptionError} It is neither. */
export function keptOf(data: ChannelData): string | Uint8Array {
  if (ArrayBuffer.isView(data) || data instanceof ArrayBuffer) return dataOf(data, "publish()");
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (error) {
    throw new OptionError("data", `data must be what JSON can say, or bytes: ${(error as Error).message}`);
  }
  if (json !== undefined && !isChanged(data, json)) return json;
  throw new OptionError("data", `data must be what JSON can say, or bytes, got ${shown(data)}`);
}

/** What a call is answered with, as a frame has it. @throws {OptionError} JSON would change it without a word. */
export function answerOf(answer: unknown): unknown {
  if (ArrayBuffer.isView(answer) || answer instanceof ArrayBuffer) return dataOf(answer, "onCall");
  // An object that JSON says something of is not said twice for this.
  if (answer !== undefined && !Array.isArray(answer) && !isPlain(answer)) keptOf(answer);
  return answer ?? null;
}

/** Headers as they are kept; null for none. @throws {OptionError} They are none. */
export function headersOf(given: PublishOptions["headers"]): ChannelHeaders | null {
  if (given === undefined) return null;
  const headers: unknown = given instanceof Headers ? Object.fromEntries(given) : given;
  if (typeof headers !== "object" || headers === null || Symbol.iterator in headers) {
    throw new OptionError("headers", `headers must be an object of texts, or Headers, got ${nameOf(headers)}`);
  }
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== "string") {
      throw new OptionError("headers", `headers.${name} must be a text, got ${nameOf(value)}`);
    }
  }
  if (!areHeaders(headers)) throw new OptionError("headers", `headers may have ${HEADERS_RULE}`);
  return Object.keys(headers).length === 0 ? null : { ...headers };
}

/**
 * Whether JSON says nothing of what was given: of a Map, a Set, a promise that nobody awaited, an Error it makes `{}`, of
 * NaN and of an invalid date `null`. Only these two texts are looked at: it costs other data nothing.
 */
function isChanged(data: unknown, json: string): boolean {
  if (json === "null") return data !== null;
  return json === "{}" && !isPlain(data);
}

/** An object of no class, of whichever realm. */
function isPlain(data: unknown): boolean {
  if (typeof data !== "object" || data === null) return false;
  const prototype = Object.getPrototypeOf(data);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function shown(data: unknown): string {
  if (typeof data === "number") return String(data);
  const name = nameOf(data);
  return name === "Promise" ? "a Promise: await it" : name;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

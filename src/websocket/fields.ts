/**
 * Fields of a handshake's heads, on both sides: lists of tokens read, and fields of the user's checked.
 *
 * @module
 */
import { OptionError } from "../errors.ts";

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** RFC 9110 §5.5 without obs-text: a head that leaves as text must come out as the same bytes. */
const VALUE = /^[\t\x20-\x7e]*$/;

/** Fields whose meaning is the connection's or the handshake's: they are not the user's to write. */
const RESERVED = /^(?:upgrade|connection|keep-alive|content-length|transfer-encoding|trailer|te|sec-websocket-.*)$/i;

/** Whether `text` is a token. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** The entries of a comma-separated list; empty ones don't count (RFC 9110 §5.6.1.2). */
export function listOf(value: string): string[] {
  return value.split(",").map(trimmed).filter((entry) => entry !== "");
}

/** Whether a comma-separated list has `token`, in any case; `token` in lower case. */
export function hasToken(value: string | null, token: string): boolean {
  if (value === null) return false;
  const lower = value.toLowerCase();
  // Most fields name nothing else.
  return lower === token || listOf(lower).includes(token);
}

/** Without the whitespace around it: spaces and tabs, and no more than that. */
export function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text, start)) start++;
  while (end > start && isBlank(text, end - 1)) end--;
  return text.slice(start, end);
}

function isBlank(text: string, at: number): boolean {
  const char = text[at];
  return char === " " || char === "\t";
}

/**
 * The user's fields as lines, each with its CRLF.
 *
 * @param own Further names that the handshake writes itself, in lower case, each with the option to use instead.
 * @throws {OptionError} A name or a value can't stand in a head, or is the handshake's to write.
 */
export function headerLines(headers: unknown, own: Readonly<Record<string, string>> = {}): string {
  if (headers === undefined) return "";
  if (typeof headers !== "object" || headers === null || Symbol.iterator in headers) {
    throw new OptionError("headers", `headers must be an object of names and values, got ${kindOf(headers)}`);
  }
  return Object.entries(headers).map(([name, value]) => headerLine(name, value, own)).join("");
}

function headerLine(name: string, value: unknown, own: Readonly<Record<string, string>>): string {
  const shown = JSON.stringify(name);
  if (!TOKEN.test(name)) {
    throw new OptionError("headers", `headers has the name ${shown}, which is not a token: use letters and "-"`);
  }
  if (RESERVED.test(name)) {
    throw new OptionError("headers", `headers has ${shown}, which is the handshake's to write: leave it out`);
  }
  const option = Object.hasOwn(own, name.toLowerCase()) ? own[name.toLowerCase()] : undefined;
  if (option !== undefined) throw new OptionError("headers", `headers has ${shown}: use the option ${option} for that`);
  if (typeof value !== "string" || !VALUE.test(value)) {
    const got = typeof value === "string" ? JSON.stringify(value) : kindOf(value);
    throw new OptionError("headers", `headers[${shown}] must be one line of ASCII text, got ${got}`);
  }
  return `${name}: ${value}\r\n`;
}

/** A value for a message, where its content says nothing. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object") return value instanceof Headers ? "Headers: use Object.fromEntries()" : "an object";
  return typeof value === "function" ? "a function" : String(value);
}

/**
 * Fields of an answer: checked so that nobody can smuggle a line into a head, and written out.
 *
 * @module
 */
import type { HeaderFields } from "../http_api.ts";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §5.5: no control characters but HTAB, nothing beyond latin1. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
// deno-lint-ignore no-control-regex
const ASCII = /^[\x00-\x7f]*$/;

/** What the server decides for itself, and what it learns from an answer's fields. */
export interface OwnFields {
  /** The fields to write, each with its CRLF. */
  lines: string;
  /** The answer's own Content-Length, or -1. */
  length: number;
  /** `Connection: close` was asked for. */
  close: boolean;
  /** The answer has a Date of its own. */
  dated: boolean;
  /** A value has characters beyond ASCII: each is one byte. */
  latin: boolean;
  /** The answer has a Content-Type. */
  typed: boolean;
  /** The answer's Content-Encoding; empty for none. */
  coding: string;
}

/** Whether it is one (RFC 9110 §5.6.2): a name, a method, a protocol. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** One field as a line. @throws {TypeError} The name or the value has a character that a head can't carry. */
export function fieldLine(name: string, value: string): string {
  if (!isToken(name)) throw new TypeError(`Header name ${JSON.stringify(name)} is not a token, use letters and "-"`);
  if (!VALUE.test(value)) {
    throw new TypeError(
      `Header ${name} has the value ${
        JSON.stringify(value)
      }: control characters and text beyond latin1 must be encoded`,
    );
  }
  return `${name}: ${value}\r\n`;
}

/** Sorts out fields whose meaning is the connection's: they are the server's to write (RFC 9110 §7.6.1). */
export function addField(own: OwnFields, name: string, value: string): void {
  switch (name.length) {
    case 4:
      if (name === "date") own.dated = true;
      break;
    case 10:
      if (name === "connection") {
        if (/\bclose\b/i.test(value)) own.close = true;
        // It says that the Upgrade field beside it is for this connection (RFC 9110 §7.8).
        if (/\bupgrade\b/i.test(value)) own.lines += "connection: Upgrade\r\n";
        return;
      }
      if (name === "keep-alive") return;
      break;
    case 12:
      if (name === "content-type") own.typed = true;
      break;
    case 14:
      if (name === "content-length") {
        own.length = /^\d+$/.test(value) ? Number(value) : -1;
        return;
      }
      break;
    case 16:
      if (name === "content-encoding") own.coding = value;
      break;
    case 17:
      if (name === "transfer-encoding") return;
  }
  if (!isAscii(value)) own.latin = true;
  own.lines += `${name}: ${value}\r\n`;
}

/** Nothing yet. */
export function noFields(): OwnFields {
  return { lines: "", length: -1, close: false, dated: false, typed: false, latin: false, coding: "" };
}

/** The reason phrase of a Response; not every runtime has checked it. @throws {TypeError} It can't stand in a head. */
export function checkPhrase(phrase: string): void {
  if (VALUE.test(phrase)) return;
  throw new TypeError(
    `Status text ${JSON.stringify(phrase)} has a control character or text beyond latin1, leave it out`,
  );
}

/** Whether UTF-8 and latin1 make the same bytes of it. */
export function isAscii(text: string): boolean {
  return ASCII.test(text);
}

/** A head's bytes: each character is one. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Pairs of either form. */
export function pairsOf(headers: HeaderFields): Iterable<readonly [string, string]> {
  return Symbol.iterator in headers ? headers : Object.entries(headers);
}

/** The fields of an answer. Those of the runtime's own `Headers` are checked, by it. @throws {TypeError} One can't stand in a head. */
export function fieldsOf(headers: Headers): OwnFields {
  const own = noFields();
  if (Object.getPrototypeOf(headers) === Headers.prototype) {
    headers.forEach((value, name) => addField(own, name, value));
  } else headers.forEach((value, name) => addChecked(own, name, value));
  return own;
}

/** Lines of a head, each with its CRLF, as `Headers`. */
export function headersOf(lines: string): Headers {
  const headers = new Headers();
  for (const line of lines.split("\r\n").slice(0, -1)) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 2));
  }
  return headers;
}

/** The same of what `fetch()` has decoded: its coding and its length were the upstream's. */
export function decodedFields(headers: Headers): OwnFields {
  const rest = new Headers(headers);
  rest.delete("content-encoding");
  rest.delete("content-length");
  return fieldsOf(rest);
}

function addChecked(own: OwnFields, name: string, value: string): void {
  fieldLine(name, value);
  addField(own, name.toLowerCase(), value);
}

/** Checks fields that no `Headers` has checked, and sorts them. */
export function checkedFields(headers: HeaderFields): OwnFields {
  const own = noFields();
  for (const [name, value] of pairsOf(headers)) {
    addChecked(own, name, value);
  }
  return own;
}

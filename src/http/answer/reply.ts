/**
 * `reply()`: small answers without building a `Response`.
 *
 * @module
 */
import { type Bytes, dataOf } from "../../bytes.ts";
import { gotNumber } from "../../names.ts";
import { checkedFields, noFields, type OwnFields } from "./fields.ts";
import { type Lazy, standInFor } from "../lazy.ts";
import type { HeaderFields } from "../http_api.ts";

/** Status and fields of a `reply()`. */
export interface ReplyInit {
  /** Its status, from 200 to 599. @default 200 */
  readonly status?: number;
  /** Its fields. @default none */
  readonly headers?: HeaderFields;
}

/** The runtime's own, whatever a program puts in its place later. */
export const NativeResponse: typeof Response = Response;

const TEXT = "text/plain;charset=UTF-8";
const PLAIN_TEXT: OwnFields = typedAs(TEXT);
const JSON_TEXT: OwnFields = typedAs("application/json");
const NO_FIELDS: OwnFields = noFields();

/** A whole answer that is no `Response` until somebody looks at more than this. */
export class Reply implements Lazy<Response> {
  readonly content: string | Uint8Array | null;
  readonly code: number;
  readonly own: OwnFields;
  /** The real one, once somebody has looked: it may have been changed. */
  real: Response | null = null;

  constructor(content: string | Uint8Array | null, code: number, own: OwnFields) {
    this.content = content;
    this.code = code;
    this.own = own;
  }

  get status(): number {
    return this.code;
  }

  get ok(): boolean {
    return this.code < 300;
  }

  native(): Response {
    if (this.real !== null) return this.real;
    const headers = new Headers();
    for (const line of this.own.lines.split("\r\n").slice(0, -1)) {
      const colon = line.indexOf(":");
      headers.append(line.slice(0, colon), line.slice(colon + 2));
    }
    if (this.own.close) headers.set("connection", "close");
    return this.real = new NativeResponse(this.content as BodyInit | null, { status: this.code, headers });
  }
}

standInFor(Reply, NativeResponse, new NativeResponse());

/**
 * A whole answer, several times cheaper than `new Response(body, init)`. It is a `Response` to whoever looks, and
 * becomes a real one then.
 *
 * @param body Text is sent as UTF-8, with `content-type: text/plain;charset=UTF-8` unless the fields say otherwise.
 *   Bytes (any view, or an `ArrayBuffer`) are copied, as by `Response`; one `reply()` may answer any number of requests.
 * @throws {TypeError} The body is none of these, or a field's name or value can't stand in a head.
 * @throws {RangeError} The status is none of a final answer.
 * @example
 * ```ts
 * await serveHttp({ port: 8080 }, () => reply("hello world"));
 * ```
 */
export function reply(body: string | Bytes | null = null, init?: ReplyInit): Response {
  const given = body === null ? null : dataOf(body, "reply()");
  // As `Response` does: it may leave much later, and its maker may use the memory again.
  const content = given instanceof Uint8Array ? new Uint8Array(given) : given;
  return replyWith(content, init, typeof content === "string" ? PLAIN_TEXT : NO_FIELDS);
}

/** `Response.json()` as a `reply()`; of what is no JSON it throws as the runtime's does. */
export function replyJson(value: unknown, init?: ReplyInit): Response {
  const text = JSON.stringify(value);
  return text === undefined ? NativeResponse.json(value, init as ResponseInit) : replyWith(text, init, JSON_TEXT);
}

function replyWith(content: string | Uint8Array | null, init: ReplyInit | undefined, fields: OwnFields): Response {
  const made = init === undefined ? new Reply(content, 200, fields) : replyOf(content, init, fields);
  return made as unknown as Response;
}

function replyOf(body: string | Uint8Array | null, { status = 200, headers }: ReplyInit, fields: OwnFields): Reply {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`Status must be a whole number from 200 to 599, got ${gotNumber(status)}`);
  }
  if (body !== null && isBodyless(status)) {
    throw new TypeError(`An answer with status ${status} has no body, pass null`);
  }
  if (headers === undefined) return new Reply(body, status, fields);
  const own = checkedFields(headers);
  if (!own.typed) own.lines += fields.lines;
  return new Reply(body, status, own);
}

function typedAs(type: string): OwnFields {
  return { ...noFields(), lines: `content-type: ${type}\r\n`, typed: true };
}

/** Answers that never have a body (RFC 9110 §6.4.1). */
export function isBodyless(status: number): boolean {
  return status === 204 || status === 304 || status === 205;
}

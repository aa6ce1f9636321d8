/**
 * `reply()`: small answers without building a `Response`.
 *
 * @module
 */
import { type Bytes, dataOf } from "../../bytes.ts";
import { gotNumber } from "../../names.ts";
import { checkedFields, fieldsOf, headersOf, noFields, type OwnFields } from "./fields.ts";
import { type Lazy, standInFor } from "../lazy.ts";
import type { HeaderFields } from "../http_api.ts";

/** Status and fields of a `reply()`. */
export interface ReplyInit {
  /** Its status, from 200 to 599. @default 200 */
  readonly status?: number;
  /** Its fields. @default none */
  readonly headers?: HeaderFields;
}

/** What a body's kind adds, where its fields say nothing else. */
interface Kind {
  /** Its Content-Type; empty for none. */
  readonly type: string;
  /** The same as the only field. */
  readonly own: OwnFields;
}

const TEXT: Kind = kindOf("text/plain;charset=UTF-8");
const JSON_TEXT: Kind = kindOf("application/json");
const BYTES: Kind = { type: "", own: noFields() };

let own: typeof Response | null = null;

/** The runtime's own `Response`, whatever a program puts in its place after the first call. */
export function nativeResponse(): typeof Response {
  return own ??= Response;
}

/** A whole answer that is no `Response` until somebody looks at more than this. */
export class Reply implements Lazy<Response> {
  readonly content: string | Uint8Array | null;
  readonly status: number;
  /** Its fields, unless somebody has asked for `headers`: then those are. */
  readonly #own: OwnFields | null;
  #headers: Headers | null;
  #body: ReplyBody | null = null;
  #real: Response | null = null;

  /** Fields are given in one of two forms, and never changed in the first. */
  constructor(content: string | Uint8Array | null, status: number, own: OwnFields | null, headers: Headers | null) {
    this.content = content;
    this.status = status;
    this.#own = own;
    this.#headers = headers;
  }

  /** What is to be sent now. */
  get fields(): OwnFields {
    return this.#headers === null ? this.#own! : fieldsOf(this.#headers);
  }

  get statusText(): string {
    return "";
  }

  get ok(): boolean {
    return this.status < 300;
  }

  get headers(): Headers {
    return this.#headers ??= allOf(this.#own!);
  }

  /** Frameworks make another answer of it, `new Response(answer.body, answer)`, and read nothing. */
  get body(): ReadableStream<Uint8Array> | null {
    if (this.content === null) return null;
    if (!takesStandIn()) return this.native().body;
    return (this.#body ??= new ReplyBody(this)) as unknown as ReadableStream<Uint8Array>;
  }

  get bodyUsed(): boolean {
    return this.#real !== null && this.#real.bodyUsed;
  }

  /** Nobody reads its body, or has read it. */
  get isUnread(): boolean {
    return this.#real === null || !(this.#real.bodyUsed || this.#real.body!.locked);
  }

  /** Another with the same fields. */
  with(content: string | Uint8Array | null): Reply {
    return this.#headers === null
      ? new Reply(content, this.status, this.#own, null)
      : new Reply(content, this.status, null, new Headers(this.#headers));
  }

  clone(): Response {
    if (!this.isUnread) return this.#real!.clone();
    return this.with(this.content) as unknown as Response;
  }

  native(): Response {
    const { status, headers } = this;
    return this.#real ??= new (nativeResponse())(this.content as BodyInit | null, { status, headers });
  }
}

standInFor(Reply, nativeResponse, () => new (nativeResponse())());

/** The stream of a `Reply`, until somebody reads it. */
export class ReplyBody implements Lazy<ReadableStream<Uint8Array>> {
  readonly of: Reply;

  constructor(of: Reply) {
    this.of = of;
  }

  native(): ReadableStream<Uint8Array> {
    return this.of.native().body!;
  }
}

standInFor(ReplyBody, () => ReadableStream, () => new ReadableStream());

let takes: boolean | null = null;

/** Whether the methods of this runtime's streams work on what only looks like one: those of Bun don't. */
function takesStandIn(): boolean {
  if (takes !== null) return takes;
  const standIn = new ReplyBody(new Reply("", 200, BYTES.own, null));
  try {
    return takes = Reflect.get(ReadableStream.prototype, "locked", standIn) === false;
  } catch {
    return takes = false;
  }
}

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
  return replyWith(content, init, typeof content === "string" ? TEXT : BYTES);
}

/** `Response.json()` as a `reply()`; of what is no JSON it throws as the runtime's does. */
export function replyJson(value: unknown, init?: ReplyInit): Response {
  const text = JSON.stringify(value);
  return text === undefined ? nativeResponse().json(value, init as ResponseInit) : replyWith(text, init, JSON_TEXT);
}

function replyWith(content: string | Uint8Array | null, init: ReplyInit | undefined, kind: Kind): Response {
  const made = init === undefined ? new Reply(content, 200, kind.own, null) : replyOf(content, init, kind);
  return made as unknown as Response;
}

function replyOf(body: string | Uint8Array | null, { status = 200, headers }: ReplyInit, kind: Kind): Reply {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`Status must be a whole number from 200 to 599, got ${gotNumber(status)}`);
  }
  if (body !== null && isBodyless(status)) {
    throw new TypeError(`An answer with status ${status} has no body, pass null`);
  }
  if (headers === undefined) return new Reply(body, status, kind.own, null);
  if (isHeaders(headers)) return new Reply(body, status, null, typed(new Headers(headers), kind));
  const own = checkedFields(headers);
  if (!own.typed) own.lines += kind.own.lines;
  return new Reply(body, status, own, null);
}

/** Whatever has its methods: they need not be the runtime's own. */
function isHeaders(headers: HeaderFields): headers is Headers {
  return typeof (headers as Headers).append === "function" && typeof (headers as Headers).forEach === "function";
}

function typed(headers: Headers, { type }: Kind): Headers {
  if (type !== "" && !headers.has("content-type")) headers.set("content-type", type);
  return headers;
}

function allOf({ lines, close }: OwnFields): Headers {
  const headers = headersOf(lines);
  if (close) headers.set("connection", "close");
  return headers;
}

function kindOf(type: string): Kind {
  return { type, own: { ...noFields(), lines: `content-type: ${type}\r\n`, typed: true } };
}

/** Answers that never have a body (RFC 9110 §6.4.1). */
export function isBodyless(status: number): boolean {
  return status === 204 || status === 304 || status === 205;
}

/**
 * The `Request` that a handler sees: what isn't touched isn't built.
 *
 * @module
 */
import { HttpError } from "../http_errors.ts";
import type { RequestHead } from "../parser/mod.ts";
import { type Lazy, standInFor } from "../lazy.ts";
import type { RequestBody } from "./body.ts";
import { RequestHeaders } from "./request_headers.ts";

/** What a request needs of its exchange. */
export interface RequestSource {
  readonly head: RequestHead;
  readonly body: RequestBody | null;
  /** Of the request, not of its context. */
  readonly lostSignal: AbortSignal;
  readonly scheme: string;
  readonly host: string;
}

/** The source of a request that a server gave. */
const SOURCE = Symbol("sluice.source");

const EMPTY: Uint8Array<ArrayBuffer> = new Uint8Array(0);
const decoder = new TextDecoder();

/** What a URL parser would change of a target in origin form: characters that it encodes, and dot segments. */
const UNUSUAL = /[\\^`{|}"<>']|\/\.|%2[eE]/;
/** What it would leave of an authority: names in lower case and IPv4 addresses, with a port that is no default. */
const PLAIN =
  /^(?:(?!.*xn--)(?:[a-z0-9_-]+\.)*[a-z][a-z0-9_-]*|(?:\d|[1-9]\d|1\d\d)(?:\.(?:\d|[1-9]\d|1\d\d)){3})(?::(?!80$|443$)[1-9]\d*)?$/;

/** Looks like a `Request`, and is one as soon as somebody needs more than this. */
export class LazyRequest implements Lazy<Request> {
  readonly #source: RequestSource;
  #url = "";
  #headers: RequestHeaders | null = null;
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | null = null;
  #native: Request | null = null;

  constructor(source: RequestSource) {
    this.#source = source;
  }

  get [SOURCE](): RequestSource {
    return this.#source;
  }

  get method(): string {
    return this.#source.head.method;
  }

  get url(): string {
    return this.#url === "" ? this.#url = urlOf(this.#source) : this.#url;
  }

  get headers(): Headers {
    return this.#native?.headers ?? (this.#fields as unknown as Headers);
  }

  get #fields(): RequestHeaders {
    return this.#headers ??= new RequestHeaders(this.#source.head);
  }

  get signal(): AbortSignal {
    return this.#source.lostSignal;
  }

  get duplex(): "half" {
    return "half";
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (this.#native !== null) return this.#native.body as ReadableStream<Uint8Array<ArrayBuffer>> | null;
    const { body } = this.#source;
    if (body === null) return null;
    if (this.#stream === null && body.used) return new ReadableStream({ start: (c) => c.error(usedUp()) });
    return this.#stream ??= body.stream();
  }

  get bodyUsed(): boolean {
    if (this.#native !== null) return this.#native.bodyUsed;
    const { body } = this.#source;
    return body !== null && (this.#stream === null ? body.used : this.#stream.locked || body.size > 0);
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#whole(owned);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#whole((bytes, isOwn) => owned(bytes, isOwn).buffer);
  }

  text(): Promise<string> {
    return this.#whole(textOf);
  }

  json(): Promise<unknown> {
    return this.#whole((bytes) => JSON.parse(textOf(bytes)));
  }

  /** What `use` makes of all of the body, and of whether it has memory of its own: one promise where it is here. */
  #whole<T>(use: (bytes: Uint8Array, isOwn: boolean) => T): Promise<T> {
    if (this.#native !== null || this.#stream !== null) {
      return this.native().arrayBuffer().then((bytes) => use(new Uint8Array(bytes), true));
    }
    const { body } = this.#source;
    try {
      if (body === null) return Promise.resolve(use(EMPTY, false));
      if (body.used) throw usedUp();
      const whole = body.collect();
      return whole instanceof Uint8Array ? Promise.resolve(use(whole, false)) : whole.then((bytes) => use(bytes, true));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.bytes()], { type: this.headers.get("content-type") ?? "" });
  }

  async formData(): Promise<FormData> {
    const headers = { "content-type": this.headers.get("content-type") ?? "" };
    return await new Response(await this.bytes(), { headers }).formData();
  }

  clone(): Request {
    if (this.bodyUsed) throw usedUp();
    return this.native().clone();
  }

  native(): Request {
    return this.#native ??= this.#build();
  }

  #build(): Request {
    const { method, signal } = this;
    // A body that is read already stays read: the real one has none.
    const body = this.#stream === null && this.bodyUsed ? null : this.body;
    const init: RequestInit & { duplex: "half" } = { method, headers: this.#fields.native(), signal, duplex: "half" };
    if (body !== null && method !== "GET" && method !== "HEAD") init.body = body;
    const native = new Request(this.url, init);
    // The runtime's own is as good to whoever looks for the connection.
    Object.defineProperty(native, SOURCE, { value: this.#source });
    return native;
  }
}

standInFor(LazyRequest, () => Request, () => new Request("http://localhost"));

/** The bytes in memory that nobody else has. */
function owned(bytes: Uint8Array, isOwn: boolean): Uint8Array<ArrayBuffer> {
  return isOwn ? bytes as Uint8Array<ArrayBuffer> : new Uint8Array(bytes);
}

function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function usedUp(): TypeError {
  return new TypeError("The request's body was read already");
}

function urlOf({ head, scheme, host }: RequestSource): string {
  const { form, target } = head;
  if (form === "origin") {
    const url = `${scheme}://${host}${target}`;
    return PLAIN.test(host) && !UNUSUAL.test(target) ? url : normalised(url);
  }
  if (form === "absolute") return normalised(target);
  return normalised(form === "asterisk" ? `${scheme}://${host}/*` : `${scheme}://${target}/`);
}

/** @throws {HttpError} No URL parser takes the host, so nobody could do anything with it: `1.2.3.4.5`, `[:::]`. */
function normalised(url: string): string {
  if (!URL.canParse(url)) throw new HttpError("badHost");
  return new URL(url).href;
}

/**
 * The runtime's own `Request` behind the one that a handler got, for code that insists on it: on Node from 22 on and on
 * Bun, `new Request(request)` and `fetch(request)` look behind the prototype.
 */
export function nativeRequest(request: Request): Request {
  return request instanceof LazyRequest ? (request as LazyRequest).native() : request;
}

/** The source of a request that a server gave, or of the runtime's own behind it; undefined of any other. */
export function sourceOf(request: Request): RequestSource | undefined {
  return (request as { [SOURCE]?: RequestSource } | null | undefined)?.[SOURCE];
}

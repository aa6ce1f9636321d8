/**
 * An answer that comes from elsewhere part by part, such as a proxy's: a `Response` to whoever looks, and none for who
 * sends it on.
 *
 * @module
 */
import { type Lazy, standInFor } from "../lazy.ts";
import { headersOf, type OwnFields } from "./fields.ts";
import { isBodyless, nativeResponse } from "./reply.ts";

/** Where the parts of a body come from. */
export interface PartSource {
  /** The next part if it is here, null at the end, undefined if it is not here yet. @throws What `read()` rejects with. */
  take(): Uint8Array | null | undefined;
  /** The next part, or null at the end. */
  read(): Promise<Uint8Array | null>;
  /** Nobody wants the rest. */
  cancel(reason: unknown): void;
  /** Trailer fields, each with its CRLF; asked for behind the end. */
  trailers(): string;
}

/** What is passed on. */
export class PassedOn implements Lazy<Response> {
  readonly status: number;
  readonly statusText: string;
  readonly fields: OwnFields;
  readonly source: PartSource;
  #headers: Headers | null = null;
  #native: Response | null = null;

  /** @param fields Checked by who has read them. */
  constructor(status: number, statusText: string, fields: OwnFields, source: PartSource) {
    this.status = status;
    this.statusText = statusText;
    this.fields = fields;
    this.source = source;
  }

  get ok(): boolean {
    return this.status < 300;
  }

  get headers(): Headers {
    return this.#native?.headers ?? (this.#headers ??= this.#allHeaders());
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed === true;
  }

  /** Somebody may have changed its fields, or has its body. */
  get isTouched(): boolean {
    return this.#headers !== null || this.#native !== null;
  }

  native(): Response {
    if (this.#native !== null) return this.#native;
    const { status, statusText, headers } = this;
    const body = isBodyless(status) ? null : this.#stream();
    return this.#native = new (nativeResponse())(body, { status, statusText, headers });
  }

  #allHeaders(): Headers {
    const headers = headersOf(this.fields.lines);
    if (this.fields.length >= 0) headers.set("content-length", String(this.fields.length));
    return headers;
  }

  #stream(): ReadableStream<Uint8Array> {
    const { source } = this;
    return new ReadableStream({
      async pull(controller) {
        const part = await source.read();
        if (part === null) controller.close();
        else controller.enqueue(part);
      },
      cancel: (reason) => source.cancel(reason),
    }, { highWaterMark: 0 });
  }
}

standInFor(PassedOn, nativeResponse, () => new (nativeResponse())());

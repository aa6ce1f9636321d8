/**
 * An upstream's answer on its way to the client: a `Response` to whoever looks, and none for who sends it on.
 *
 * @module
 */
import { headersOf, type OwnFields } from "../../http/answer/fields.ts";
import { type PartSource, PASSED_ON, type Passing } from "../../http/answer/passing.ts";
import { isBodyless, nativeResponse } from "../../http/answer/reply.ts";
import { type Lazy, standInFor } from "../../http/lazy.ts";
import { pulledFrom } from "../../pulled.ts";

/** What is passed on. */
export class PassedOn implements Lazy<Response>, Passing {
  readonly [PASSED_ON] = true;
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
    const { status, statusText, headers, source } = this;
    const body = isBodyless(status) ? null : pulledFrom(() => source.read(), (reason) => source.cancel(reason));
    return this.#native = new (nativeResponse())(body, { status, statusText, headers });
  }

  #allHeaders(): Headers {
    const headers = headersOf(this.fields.lines);
    if (this.fields.length >= 0) headers.set("content-length", String(this.fields.length));
    return headers;
  }
}

standInFor(PassedOn, nativeResponse, () => new (nativeResponse())());

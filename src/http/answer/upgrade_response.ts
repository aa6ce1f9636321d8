/**
 * The answer to a WebSocket's handshake, as middleware sees it: a `Response` of status 101.
 *
 * @module
 */
import { type Lazy, standInFor } from "../lazy.ts";
import { headersOf } from "./fields.ts";
import { nativeResponse } from "./reply.ts";

/** What copies are made with: no runtime's constructor takes 101 everywhere. */
const COPY_STATUS = 200;

/**
 * Looks like a `Response`. Frameworks copy answers to add fields: `new Response(answer.body, answer)`. Of a copy only the
 * fields count, so it may have another status: whoever has just read the body reads that, once and at once.
 */
export class UpgradeResponse implements Lazy<Response> {
  readonly #lines: string;
  #headers: Headers | null = null;
  #native: Response | null = null;
  #isCopied = false;

  /** @param lines The handshake's fields, each with its CRLF. */
  constructor(lines: string) {
    this.#lines = lines;
  }

  get status(): number {
    const isCopied = this.#isCopied;
    this.#isCopied = false;
    return isCopied ? COPY_STATUS : 101;
  }

  get statusText(): string {
    return "Switching Protocols";
  }

  get ok(): boolean {
    return false;
  }

  get headers(): Headers {
    return this.#headers ??= headersOf(this.#lines);
  }

  get body(): null {
    this.#isCopied = true;
    queueMicrotask(() => this.#isCopied = false);
    return null;
  }

  get bodyUsed(): boolean {
    return false;
  }

  /** Somebody may have added fields. */
  get isTouched(): boolean {
    return this.#headers !== null;
  }

  clone(): Response {
    return this.native().clone();
  }

  native(): Response {
    return this.#native ??= new (nativeResponse())(null, { status: COPY_STATUS, headers: this.headers });
  }
}

standInFor(UpgradeResponse, nativeResponse, () => new (nativeResponse())());

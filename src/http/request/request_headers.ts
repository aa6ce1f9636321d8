/**
 * The fields of a request as `Headers`: one that is asked for by its name is looked up in the head that arrived.
 *
 * @module
 */
import type { RequestHead } from "../parser/mod.ts";
import { type Lazy, standInFor } from "../lazy.ts";

/** Names of the usual kind; what others make of `get()` is the runtime's to say. */
const USUAL = /^[A-Za-z0-9-]+$/;

/** Looks like `Headers`, and is one as soon as somebody needs more than this. */
export class RequestHeaders implements Lazy<Headers> {
  readonly #head: RequestHead;
  #native: Headers | null = null;

  constructor(head: RequestHead) {
    this.#head = head;
  }

  get(name: string): string | null {
    if (this.#native !== null || typeof name !== "string" || !USUAL.test(name)) return this.native().get(name);
    const key = name.toLowerCase();
    return key === "host" ? this.#host : this.#head.header(key);
  }

  has(name: string): boolean {
    return this.get(name) !== null;
  }

  native(): Headers {
    return this.#native ??= this.#build();
  }

  /** The target's authority goes before the Host field (RFC 9112 §3.2.2). */
  get #host(): string | null {
    return this.#head.form === "absolute" ? this.#head.host : this.#head.header("host");
  }

  #build(): Headers {
    const head = this.#head;
    const fields = head.fields();
    const headers = new Headers(fields);
    if (head.form === "absolute") headers.set("host", head.host!);
    let cookies = 0;
    for (const [name] of fields) if (name === "cookie") cookies++;
    // Not every runtime knows that cookies are not joined with a comma (RFC 9113 §8.2.3).
    if (cookies > 1) headers.set("cookie", head.header("cookie")!);
    return headers;
  }
}

standInFor(RequestHeaders, () => Headers, () => new Headers());

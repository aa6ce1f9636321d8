/**
 * The requests of HTTP clients.
 *
 * @module
 */
import { OptionError } from "@sluice/sluice";
import type { LoadTarget } from "../load_api.ts";
import type { ResolvedClientOptions } from "./load_client.ts";
import type { Content } from "./content.ts";

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const VALUE = /^[\t\x20-\x7e]*$/;
/** They say where a body ends, or make an exchange of another kind. */
const RESERVED = /^(content-length|transfer-encoding|upgrade|expect)$/i;
const CLOSE = /(^|,)\s*close\s*(,|$)/i;
/** Methods whose requests say the length of their body even if there is none (RFC 9110 §8.6). */
const WITH_BODY = /^(POST|PUT|PATCH)$/;

const encoder = new TextEncoder();

/** What all requests to a target have in common. */
export class HttpRequests {
  readonly isHead: boolean;
  /** Each request asks for the end of its connection. */
  readonly closes: boolean;
  /** The body of every request, if it is always the same. */
  readonly body: Uint8Array | null;
  readonly #head: string;
  /** The whole request, if it is always the same. */
  readonly #fixed: Uint8Array | null;

  /** @throws {OptionError} A method or a field can't be sent. */
  constructor(target: LoadTarget, options: ResolvedClientOptions) {
    const { method, headers, body, size, check } = options;
    if (!TOKEN.test(method) || method === "CONNECT") {
      throw new OptionError(
        "method",
        `method must be a token such as GET, and not CONNECT, got ${JSON.stringify(method)}`,
      );
    }
    this.isHead = method === "HEAD";
    if (this.isHead && check === "echo") {
      throw new OptionError(
        "check",
        "check is echo, which needs a body in the answer, and HEAD has none: give same or whole",
      );
    }
    if (size !== null && body !== null) {
      throw new OptionError("body", "body and size exclude each other, give one of them");
    }
    this.closes = headers.some(([name, value]) => /^connection$/i.test(name) && CLOSE.test(value));
    this.#head = `${method} ${target.path} HTTP/1.1\r\n${fieldLines(target, headers, size !== null || body !== null)}`;
    this.body = size !== null || body === null ? null : encoder.encode(body);
    this.#fixed = size !== null ? null : this.#whole(this.body, WITH_BODY.test(method));
  }

  /** Request number `n`. */
  make(n: number, content: Content | null): Uint8Array | string {
    if (this.#fixed !== null) return this.#fixed;
    return `${this.#head}Content-Length: ${content!.size(n)}\r\n\r\n${content!.text(n)}`;
  }

  #whole(body: Uint8Array | null, saysLength: boolean): Uint8Array {
    const length = body === null && !saysLength ? "" : `Content-Length: ${body?.length ?? 0}\r\n`;
    const head = encoder.encode(`${this.#head}${length}\r\n`);
    const whole = new Uint8Array(head.length + (body?.length ?? 0));
    whole.set(head);
    whole.set(body ?? [], head.length);
    return whole;
  }
}

function fieldLines(target: LoadTarget, headers: ResolvedClientOptions["headers"], hasBody: boolean): string {
  for (const [name, value] of headers) checkField(name, value);
  const has = (wanted: string) => headers.some(([name]) => name.toLowerCase() === wanted);
  const host = has("host") ? "" : `Host: ${target.host}\r\n`;
  const type = !hasBody || has("content-type") ? "" : "Content-Type: text/plain; charset=utf-8\r\n";
  return host + type + headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
}

function checkField(name: string, value: string): void {
  const shown = JSON.stringify(name);
  if (!TOKEN.test(name)) throw new OptionError("headers", `headers has the name ${shown}, which is not a token`);
  if (RESERVED.test(name)) {
    throw new OptionError("headers", `headers has ${shown}, which is the client's own to send: leave it out`);
  }
  if (!VALUE.test(value)) {
    throw new OptionError(
      "headers",
      `headers has ${shown} with ${JSON.stringify(value)}, which is not one line of ASCII`,
    );
  }
}

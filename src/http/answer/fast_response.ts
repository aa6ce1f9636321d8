/**
 * `FastResponse`: `reply()` with the constructor of `Response`.
 *
 * @module
 */
import type { Bytes } from "../../bytes.ts";
import { NativeResponse, reply, type ReplyInit, replyJson } from "./reply.ts";

/**
 * Takes the place of `Response` where the runtime's own is slow: on Node 20, building one costs as much as the rest of
 * a request. Text, JSON and bytes become a `reply()`, everything else the runtime's own; `instanceof Response` holds for both. Use it
 * by name, or give it to a whole program and its libraries: `import "@sluice/sluice/http/fast-response";`.
 *
 * @example
 * ```ts
 * await serveHttp({ port: 8080 }, () => new FastResponse("hello world"));
 * ```
 */
export const FastResponse: typeof Response = makeFast();

function makeFast(): typeof Response {
  function Fast(body?: BodyInit | null, init?: ResponseInit): Response {
    if (new.target === Fast && isWhole(body) && isPlain(init)) return reply(body, init as ReplyInit);
    if (new.target === undefined) throw new TypeError("Response is a class, call it with new");
    return Reflect.construct(NativeResponse, [body, init], new.target === Fast ? NativeResponse : new.target);
  }
  Fast.prototype = NativeResponse.prototype;
  Fast.json = (value: unknown, init?: ResponseInit): Response =>
    isPlain(init) ? replyJson(value, init as ReplyInit) : NativeResponse.json(value, init);
  return Object.setPrototypeOf(Fast, NativeResponse);
}

function isWhole(body: unknown): body is string | Bytes | null | undefined {
  if (typeof body === "string" || body === null || body === undefined) return true;
  return ArrayBuffer.isView(body) || body instanceof ArrayBuffer;
}

function isPlain(init: ResponseInit | undefined): boolean {
  return init === undefined || (init !== null && typeof init === "object" && !init.statusText);
}

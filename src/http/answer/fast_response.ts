/**
 * `FastResponse`: `reply()` with the constructor of `Response`.
 *
 * @module
 */
import { NativeResponse, reply, type ReplyInit, replyJson } from "./reply.ts";

/**
 * Takes the place of `Response` where the runtime's own is slow: on Node 20, building one costs as much as the rest of
 * a request. Text, JSON and bytes become a `reply()`, everything else the runtime's own; `instanceof Response` holds for both. Use it
 * by name, or give it to a whole program and its libraries, in the program itself and never in a library.
 *
 * @example
 * ```ts
 * globalThis.Response = FastResponse;
 * await serveHttp({ port: 8080 }, () => new Response("hello world"));
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

function isWhole(body: unknown): body is string | Uint8Array | null | undefined {
  return typeof body === "string" || body === null || body === undefined || body instanceof Uint8Array;
}

function isPlain(init: ResponseInit | undefined): boolean {
  return init === undefined || (init !== null && typeof init === "object" && !init.statusText);
}

/**
 * `FastResponse`: `reply()` with the constructor of `Response`.
 *
 * @module
 */
import { NativeResponse, reply } from "./reply.ts";

/**
 * Takes the place of `Response` where the runtime's own is slow: on Node 20, building one costs as much as the rest of
 * a request. Text becomes a `reply()`, everything else the runtime's own; `instanceof Response` holds for both. Use it
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
    if (new.target === Fast && isText(body) && isPlain(init)) return reply(body, init as { status?: number });
    if (new.target === undefined) throw new TypeError("Response is a class, call it with new");
    return Reflect.construct(NativeResponse, [body, init], new.target === Fast ? NativeResponse : new.target);
  }
  Fast.prototype = NativeResponse.prototype;
  return Object.setPrototypeOf(Fast, NativeResponse);
}

function isText(body: unknown): body is string | null | undefined {
  return typeof body === "string" || body === null || body === undefined;
}

function isPlain(init: ResponseInit | undefined): boolean {
  return init === undefined || (init !== null && typeof init === "object" && !init.statusText);
}

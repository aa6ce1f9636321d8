/**
 * From a request to its context, where a framework hands on only the request.
 *
 * @module
 */
import { sourceOf } from "./request.ts";
import type { HttpContext } from "../http_api.ts";

/**
 * The context of a request: the client's address, `waitUntil()`, `draining` and the rest of what a handler of
 * `serveHttp()` gets as its second argument.
 *
 * @param request The one that the handler was given, or a framework handed on (Hono: `c.req.raw`).
 * @example
 * ```ts
 * function clientOf(request: Request): string {
 *   const { remote } = contextOf(request);
 *   return remote.transport === "tcp" ? remote.hostname : remote.path;
 * }
 * await serveHttp({ port: 8080 }, (request) => new Response(clientOf(request)));
 * ```
 * @throws {TypeError} The request has none: it is a copy, or another server's.
 */
export function contextOf(request: Request): HttpContext {
  const source = sourceOf(request);
  if (source !== undefined) return source as unknown as HttpContext;
  throw new TypeError(
    "contextOf() needs the request that the handler of serveHttp() was given; a copy of it has no context",
  );
}

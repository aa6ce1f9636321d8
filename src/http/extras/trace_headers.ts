/**
 * The trace of a request, for the calls that are made for it.
 *
 * @module
 */
import type { ContextParent } from "../../context/mod.ts";
import { tracedBy } from "../../traced_by.ts";

/**
 * W3C Trace Context for a call out: the fields that continue the trace of the request that `context` belongs to.
 * Empty where it belongs to none. A span of the user's own has other ones: those that its library writes.
 *
 * @param context A handler's, or one that is derived from it.
 * @example
 * ```ts
 * await serveHttp({ port: 8080 }, (_request, ctx) =>
 *   fetch("http://users.internal/7", { headers: traceHeaders(ctx), signal: ctx.signal }));
 * ```
 */
export function traceHeaders(context: ContextParent): Record<string, string> {
  return tracedBy(context, (traceparent) => traceparent !== "") ?? {};
}

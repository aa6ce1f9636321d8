/**
 * The trace of a request, for the calls that are made for it.
 *
 * @module
 */
import type { ContextParent } from "../../context/mod.ts";

/** What of a context may know a trace: a handler's does, and those derived from it lead there. */
interface Traced {
  readonly traceparent?: unknown;
  readonly tracestate?: unknown;
  readonly parent?: unknown;
  readonly values?: unknown;
}

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
  let at: Traced | null | undefined = context as unknown as Traced;
  while (typeof at === "object" && at !== null) {
    const { traceparent, tracestate } = at;
    if (typeof traceparent === "string" && traceparent !== "") {
      return typeof tracestate === "string" && tracestate !== "" ? { traceparent, tracestate } : { traceparent };
    }
    at = (at.parent ?? at.values) as Traced | null | undefined;
  }
  return {};
}

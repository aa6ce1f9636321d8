/**
 * W3C Trace Context of the request that a call is made for.
 *
 * @module
 */
import type { Context, ContextParent } from "../../context/mod.ts";
import { isTraceparent } from "../../traceparent.ts";
import { readTracestate } from "../../tracestate.ts";

/** As far as this version knows the field: what stands behind that may be anything. */
const LENGTH = 55;

/** What of a context may know a trace: a handler's does, and those derived from it lead there. */
interface Traced {
  readonly traceparent?: unknown;
  readonly tracestate?: unknown;
  readonly head?: { header?(name: string): string | null };
  readonly parent?: Context;
  readonly values?: Context | null;
}

/** The fields that continue a context's trace, each with its CRLF; empty where none is known. */
export function traceLines(context: ContextParent | undefined): string {
  let ctx: Traced | null | undefined = context as Traced | undefined;
  while (ctx !== undefined && ctx !== null) {
    const { traceparent } = ctx;
    if (typeof traceparent === "string" && isTraceparent(traceparent)) {
      const state = stateOf(ctx, traceparent);
      return `traceparent: ${traceparent.slice(0, LENGTH)}\r\n${state === null ? "" : `tracestate: ${state}\r\n`}`;
    }
    ctx = (ctx.parent ?? ctx.values) as Traced | null | undefined;
  }
  return "";
}

/** The caller's `tracestate`, which goes with its trace and with no other (https://www.w3.org/TR/trace-context-1/). */
function stateOf(ctx: Traced, traceparent: string): string | null {
  if (typeof ctx.tracestate === "string") return readTracestate(ctx.tracestate) || null;
  const { head } = ctx;
  const given = head?.header?.("traceparent") ?? null;
  const isContinued = given !== null && given.slice(3, 35) === traceparent.slice(3, 35);
  return isContinued ? head!.header!("tracestate") : null;
}

/**
 * W3C Trace Context of the request that a call is made for.
 *
 * @module
 */
import type { ContextParent } from "../../context/mod.ts";
import { tracedBy } from "../../traced_by.ts";
import { isTraceparent } from "../../traceparent.ts";
import { readTracestate } from "../../tracestate.ts";

/** As far as this version knows the field: what stands behind that may be anything. */
const LENGTH = 55;

/** The fields that continue a context's trace, each with its CRLF; empty where none is known. */
export function traceLines(context: ContextParent | undefined): string {
  const traced = tracedBy(context, isTraceparent);
  if (traced === null) return "";
  const state = readTracestate(traced.tracestate ?? null);
  return `traceparent: ${traced.traceparent.slice(0, LENGTH)}\r\n${state === "" ? "" : `tracestate: ${state}\r\n`}`;
}

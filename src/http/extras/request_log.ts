/**
 * The log of one request: the server's, with the fields by which its records are found.
 *
 * @module
 */
import type { Logger, LogLevel } from "../../log.ts";
import { spanIdOf, traceIdOf } from "../../traceparent.ts";

/** By what a request is known. */
interface Known {
  readonly requestId: string;
  readonly traceparent: string;
}

type Fields = Record<string, unknown>;

/** Fields by which logs and traces find each other; their names are those that OpenTelemetry gives them in JSON. */
export function traceFields(traceparent: string): { readonly trace_id: string; readonly span_id: string } {
  return { trace_id: traceIdOf(traceparent), span_id: spanIdOf(traceparent) };
}

/** A logger whose records say of which request they are. What the caller gives under the same names stays. */
export function requestLogger(to: Required<Logger>, request: Known): Required<Logger> {
  const at = (level: LogLevel) => (msg: string, ...args: unknown[]): void => {
    const own = { request: request.requestId, ...traceFields(request.traceparent) };
    const [first, ...rest] = args;
    // In one object, as loggers take the first one only.
    if (first instanceof Error) to[level](msg, { ...own, error: first }, ...rest);
    else if (isFields(first)) to[level](msg, { ...own, ...first }, ...rest);
    else to[level](msg, own, ...args);
  };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    critical: at("critical"),
  };
}

function isFields(value: unknown): value is Fields {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

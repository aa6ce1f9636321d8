/**
 * What all kinds of spans are made with: who is whose parent, and what is passed on.
 *
 * @module
 */
import { errorType } from "../conventions.ts";
import { isSampled, isTraceparent, spanIdOf, traceIdOf } from "../traceparent.ts";
import { readTracestate } from "../tracestate.ts";
import {
  ERROR,
  SCOPE,
  type SpanTracer,
  type TraceContext,
  type TraceSpan,
  type TraceSpanContext,
  type TracingApi,
} from "./opentelemetry.ts";

/** A span that goes on, and the context in which it is the current one. */
export interface OpenSpan {
  readonly span: TraceSpan;
  readonly context: TraceContext;
}

/** W3C's two fields. */
export interface TraceFields {
  readonly traceparent: string;
  readonly tracestate: string;
}

/** The same, as somebody else may say them. */
type SaidFields = Partial<Record<keyof TraceFields, string | null>>;

const SAMPLED = 1;

/** The program's OpenTelemetry, as spans are made with it. */
export class SpanParts {
  readonly api: TracingApi;
  readonly tracer: SpanTracer;

  constructor(api: TracingApi) {
    this.api = api;
    this.tracer = api.trace.getTracer(SCOPE);
  }

  /** Makes a span the current one of its context. */
  opened(span: TraceSpan, parent: TraceContext): OpenSpan {
    return { span, context: this.api.trace.setSpan(parent, span) };
  }

  /** Somebody else's span, by the fields that it was passed on with; null if they say none. */
  remote({ traceparent, tracestate }: SaidFields): TraceSpanContext | null {
    if (typeof traceparent !== "string" || !isTraceparent(traceparent)) return null;
    const state = readTracestate(tracestate ?? null);
    return {
      traceId: traceIdOf(traceparent),
      spanId: spanIdOf(traceparent),
      traceFlags: isSampled(traceparent) ? SAMPLED : 0,
      isRemote: true,
      ...(state === "" ? {} : { traceState: this.api.createTraceState(state) }),
    };
  }

  /** A context below somebody else's span, or with none above it. */
  below(remote: TraceSpanContext | null): TraceContext {
    const { trace, ROOT_CONTEXT } = this.api;
    return remote === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
  }

  /** What is passed on of a span; null if it is none of its own, because nobody has set OpenTelemetry up. */
  fieldsOf(span: TraceSpan, parent: TraceContext): TraceFields | null {
    const { traceId, spanId, traceFlags, traceState } = span.spanContext();
    const traceparent = `00-${traceId}-${spanId}-0${traceFlags & SAMPLED}`;
    const isOwn = spanId !== this.api.trace.getSpanContext(parent)?.spanId;
    return isOwn && isTraceparent(traceparent) ? { traceparent, tracestate: traceState?.serialize() ?? "" } : null;
  }
}

/** Says what went wrong in a span. */
export function markFailed(span: TraceSpan, error: unknown): void {
  span.setAttributes({ "error.type": errorType(error) });
  span.setStatus({ code: ERROR });
  if (error instanceof Error) span.recordException(error);
}

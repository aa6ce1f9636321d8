/**
 * What is used of the program's own `@opentelemetry/api`. Types, and the numbers of its enumerations.
 *
 * @module
 */

/** Attributes of a span. */
export type SpanAttributes = Record<string, string | number | boolean>;

/** What OpenTelemetry carries along with what runs. */
export interface TraceContext {
  /** What is kept under a key. */
  getValue(key: symbol): unknown;
  /** With another value. */
  setValue(key: symbol, value: unknown): TraceContext;
  /** Without it. */
  deleteValue(key: symbol): TraceContext;
}

/** What libraries have added to a trace. */
export interface TraceState {
  /** With another value. */
  set(key: string, value: string): TraceState;
  /** Without it. */
  unset(key: string): TraceState;
  /** A value. */
  get(key: string): string | undefined;
  /** As a field. */
  serialize(): string;
}

/** Which span it is, as others are told. */
export interface TraceSpanContext {
  /** 32 hex digits. */
  traceId: string;
  /** 16 hex digits. */
  spanId: string;
  /** 1 where it is recorded. */
  traceFlags: number;
  /** It is another program's. */
  isRemote?: boolean;
  /** What libraries have added. */
  traceState?: TraceState;
}

/** Another span that one has to do with. */
export interface SpanLink {
  /** Which. */
  context: TraceSpanContext;
}

/** How a span begins. */
export interface SpanStart {
  /** The number of its kind. */
  kind: number;
  /** What samplers may look at. */
  attributes: SpanAttributes;
  /** Spans that it has to do with, and that are not its parent. */
  links?: SpanLink[];
}

/** A span. */
export interface TraceSpan {
  /** Which it is. */
  spanContext(): TraceSpanContext;
  /** Adds attributes. */
  setAttributes(attributes: SpanAttributes): unknown;
  /** Says how it went. */
  setStatus(status: { code: number }): unknown;
  /** Names it anew. */
  updateName(name: string): unknown;
  /** Something has happened. */
  addEvent(name: string, attributes?: SpanAttributes): unknown;
  /** An error was thrown. */
  recordException(error: Error): void;
  /** It is over. */
  end(): void;
}

/** What makes spans. */
export interface SpanTracer {
  /** Begins one. */
  startSpan(name: string, options: SpanStart, context: TraceContext): TraceSpan;
}

/** Reads fields of what carries them. */
export interface CarrierGetter<T> {
  /** A field. */
  get(carrier: T, name: string): string | undefined;
  /** Names of all of them. */
  keys(carrier: T): string[];
}

/** What is used of `@opentelemetry/api`. */
export interface TracingApi {
  /** Where its tracers are, and which span belongs to a context. */
  readonly trace: {
    getTracer(name: string): SpanTracer;
    setSpan(context: TraceContext, span: TraceSpan): TraceContext;
    setSpanContext(context: TraceContext, spanContext: TraceSpanContext): TraceContext;
    getSpanContext(context: TraceContext): TraceSpanContext | undefined;
  };
  /** What the program's context manager carries along. */
  readonly context: {
    active(): TraceContext;
    with<T>(context: TraceContext, run: () => T): T;
  };
  /** The program's propagator. */
  readonly propagation: {
    fields(): string[];
    extract<T>(context: TraceContext, carrier: T, getter: CarrierGetter<T>): TraceContext;
  };
  /** The context that everything begins with. */
  readonly ROOT_CONTEXT: TraceContext;
  /** Reads a `tracestate`. */
  createTraceState(text: string): TraceState;
}

/** Numbers of `SpanKind`. */
export const INTERNAL = 0;
export const SERVER = 1;
export const PRODUCER = 3;
export const CONSUMER = 4;

/** The number of `SpanStatusCode.ERROR`. */
export const ERROR = 2;

/** By this name OpenTelemetry knows where the spans come from. */
export const SCOPE = "@sluice/sluice";

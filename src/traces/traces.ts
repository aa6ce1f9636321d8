/**
 * Spans of servers and channels, by the program's own OpenTelemetry.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { ChannelSpans, SYSTEM } from "./channel_spans.ts";
import { DrainSpans } from "./drain_spans.ts";
import { CONSUMER, type SpanLink, type TraceSpan } from "./opentelemetry.ts";
import { RequestSpans } from "./request_spans.ts";
import { markFailed, SpanParts } from "./span_parts.ts";
import { checkTraces, type TracesOptions } from "./traces_options.ts";

/** A message, as far as its trace goes: of a reader of channels, of a client of them, or any that has headers. */
export interface TracedMessage {
  /** Where it was published. */
  readonly channel?: string;
  /** What goes along: `traceparent` among it. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Names of the current span for log records, as OpenTelemetry spells them in JSON; empty where there is none. */
export interface TraceLogFields {
  /** 32 hex digits. */
  readonly trace_id?: string;
  /** 16 hex digits. */
  readonly span_id?: string;
  /** `01` where it is recorded, else `00`. */
  readonly trace_flags?: string;
}

/**
 * Records requests, upgrades, drains and messages as spans of OpenTelemetry. What a handler does has its request's span
 * as parent, where the program has a context manager.
 *
 * @example
 * ```ts
 * import * as api from "@opentelemetry/api";
 *
 * const server = await serveHttp({ port: 8080 }, () => new Response("hello"));
 * const traces = new Traces({ api, servers: [server] });
 * ```
 */
export class Traces {
  readonly #parts: SpanParts;
  readonly #ends: (() => void)[] = [];

  /**
   * Begins with the next request, message and drain.
   *
   * @throws {OptionError} An option can't be used.
   */
  constructor(options: TracesOptions) {
    checkTraces(options);
    const { api, servers = [], channels = {}, ignore = () => false } = options;
    this.#parts = new SpanParts(api);
    for (const server of servers) {
      this.#ends.push(server.observe(new DrainSpans(this.#parts, server.name)));
      if ("http" in server) this.#ends.push(server.observe(new RequestSpans(this.#parts, server.name, ignore)));
    }
    for (const [name, one] of Object.entries(channels)) {
      this.#ends.push(one.observe(new ChannelSpans(this.#parts, name)));
    }
  }

  /** Which span is the current one, for a record of a log that is written by no logger of a request. */
  fields(): TraceLogFields {
    const { trace, context } = this.#parts.api;
    const current = trace.getSpanContext(context.active());
    if (current === undefined) return {};
    const { traceId, spanId, traceFlags } = current;
    return { trace_id: traceId, span_id: spanId, trace_flags: (traceFlags & 0xff).toString(16).padStart(2, "0") };
  }

  /**
   * Deals with a message, or with several at once, in a span of its own. Others get the same messages, so it is a part of
   * none of their traces: it has links to the spans that have published them.
   *
   * @param run Runs with the span as the current one; what it gives is given back, and when that settles the span ends.
   * @throws What `run` throws.
   * @example
   * ```ts
   * for await (const message of channels.subscribe("orders")) {
   *   await traces.process(message, () => save(message.data));
   * }
   * ```
   */
  process<T>(messages: TracedMessage | readonly TracedMessage[], run: () => T): T {
    if (typeof run !== "function") throw new OptionError("run", `process() needs a function to run, got ${typeof run}`);
    const { api } = this.#parts;
    const parent = api.context.active();
    const span = this.#begin(Array.isArray(messages) ? messages : [messages as TracedMessage]);
    let result: T;
    try {
      result = api.context.with(api.trace.setSpan(parent, span), run);
    } catch (error) {
      endFailed(span, error);
      throw error;
    }
    if (typeof (result as { then?: unknown } | null | undefined)?.then !== "function") span.end();
    else (result as unknown as Promise<unknown>).then(() => span.end(), (error) => endFailed(span, error));
    return result;
  }

  /** Records nothing more that begins. */
  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  /** The same. */
  [Symbol.dispose](): void {
    this.close();
  }

  #begin(messages: readonly TracedMessage[]): TraceSpan {
    const { api, tracer } = this.#parts;
    const channels = new Set(messages.map(({ channel }) => channel));
    const [channel] = channels;
    const attributes = {
      ...SYSTEM,
      "messaging.operation.type": "process",
      "messaging.operation.name": "process",
      ...(channels.size === 1 && channel !== undefined ? { "messaging.destination.name": channel } : {}),
      ...(messages.length === 1 ? {} : { "messaging.batch.message_count": messages.length }),
    };
    const links = messages.flatMap(({ headers }): SpanLink[] => {
      const context = this.#parts.remote(headers ?? {});
      return context === null ? [] : [{ context }];
    });
    return tracer.startSpan("process", { kind: CONSUMER, attributes, links }, api.context.active());
  }
}

function endFailed(span: TraceSpan, error: unknown): void {
  markFailed(span, error);
  span.end();
}

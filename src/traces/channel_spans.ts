/**
 * Spans of channels: what is published, and what clients say to handlers.
 *
 * @module
 */
import { errorType } from "../conventions.ts";
import type { ChannelsObserver, ObservedMessage, ObservedPublish } from "../channels/mod.ts";
import { CONSUMER, PRODUCER, SERVER, type SpanAttributes, type TraceContext, type TraceSpan } from "./opentelemetry.ts";
import { markFailed, type OpenSpan, type SpanParts } from "./span_parts.ts";

/** What messages are told of by. */
export const SYSTEM: SpanAttributes = { "messaging.system": "sluice" };

/** Records the messages of one `Channels`, by the name that the program has for them. */
export class ChannelSpans implements ChannelsObserver {
  readonly #parts: SpanParts;
  readonly #name: string;
  readonly #publishing: WeakMap<ObservedPublish, TraceSpan> = new WeakMap();
  readonly #handling: WeakMap<ObservedMessage, OpenSpan> = new WeakMap();

  constructor(parts: SpanParts, name: string) {
    this.#parts = parts;
    this.#name = name;
  }

  publishing(publish: ObservedPublish): void {
    const { channel, bytes, headers } = publish;
    const attributes = {
      ...SYSTEM,
      "messaging.operation.type": "send",
      "messaging.operation.name": channel === null ? "sendTo" : "publish",
      ...(channel === null ? {} : { "messaging.destination.name": channel }),
      "messaging.message.body.size": bytes,
      "sluice.channels": this.#name,
    };
    const parent = this.#publisherOf(headers);
    const name = `${channel === null ? "sendTo" : "publish"} ${this.#name}`;
    const span = this.#parts.tracer.startSpan(name, { kind: PRODUCER, attributes }, parent);
    this.#publishing.set(publish, span);
    const fields = this.#parts.fieldsOf(span, parent);
    if (fields === null) return;
    const { tracestate: _, ...others } = headers;
    const { traceparent, tracestate } = fields;
    publish.headers = { ...others, traceparent, ...(tracestate === "" ? {} : { tracestate }) };
  }

  published(publish: ObservedPublish): void {
    const span = this.#publishing.get(publish);
    if (span === undefined) return;
    this.#publishing.delete(publish);
    const { published, error } = publish;
    if (published !== null) {
      const { offset, duplicate } = published;
      span.setAttributes({ "sluice.channels.offset": offset, "sluice.channels.duplicate": duplicate });
    }
    if (error !== undefined) markFailed(span, error);
    span.end();
  }

  around(message: ObservedMessage, run: () => void): void {
    const open = this.#handlingOf(message);
    this.#handling.set(message, open);
    this.#parts.api.context.with(open.context, run);
  }

  handled(message: ObservedMessage): void {
    const open = this.#handling.get(message);
    if (open === undefined) return;
    this.#handling.delete(message);
    const { outcome, error } = message;
    if (outcome === "failed") markFailed(open.span, error);
    // As with a client's fault in HTTP: it was told, and the server is not to blame.
    else if (outcome === "refused") open.span.setAttributes({ "error.type": errorType(error) });
    open.span.end();
  }

  /** Nobody else gets it, so the client's span is its parent, and no link is needed. */
  #handlingOf({ kind, method, headers }: ObservedMessage): OpenSpan {
    const parent = this.#parts.below(this.#parts.remote(headers));
    const isCall = kind === "call";
    const attributes = {
      ...(isCall ? { "rpc.system": "sluice", "rpc.method": method } : {
        ...SYSTEM,
        "messaging.operation.type": "process",
        "messaging.operation.name": "onMessage",
      }),
      "sluice.channels": this.#name,
    };
    const name = `${isCall ? "call" : "process"} ${this.#name}`;
    return this.#parts.opened(
      this.#parts.tracer.startSpan(name, { kind: isCall ? SERVER : CONSUMER, attributes }, parent),
      parent,
    );
  }

  /** Whose message it is: what it says itself, unless the current span is of the same trace, and so is nearer. */
  #publisherOf(headers: Readonly<Record<string, string>>): TraceContext {
    const { trace, context } = this.#parts.api;
    const said = this.#parts.remote(headers);
    const active = context.active();
    if (said === null || trace.getSpanContext(active)?.traceId === said.traceId) return active;
    return this.#parts.below(said);
  }
}

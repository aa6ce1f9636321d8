/**
 * A span for each drain of a server.
 *
 * @module
 */
import type { DrainPhase, DrainReport, ServerObserver } from "../../mod.ts";
import { ERROR, INTERNAL, type TraceSpan } from "./opentelemetry.ts";
import type { SpanParts } from "./span_parts.ts";

/** From a drain's first phase to its report. */
export class DrainSpans implements ServerObserver {
  readonly #parts: SpanParts;
  readonly #server: string;
  #span: TraceSpan | null = null;

  constructor(parts: SpanParts, server: string) {
    this.#parts = parts;
    this.#server = server;
  }

  drainPhase(phase: DrainPhase): void {
    this.#span ??= this.#begin();
    this.#span.addEvent(phase);
  }

  drained({ cause, clean, resumed, forced, connections, cut }: DrainReport): void {
    const span = this.#span ?? this.#begin();
    this.#span = null;
    span.setAttributes({
      "sluice.drain.cause": cause,
      "sluice.drain.outcome": resumed ? "resumed" : clean ? "clean" : "unclean",
      "sluice.drain.forced": forced,
      "sluice.drain.connections": connections.atStart,
      "sluice.drain.cut_connections": cut.length,
    });
    if (!clean && !resumed) span.setStatus({ code: ERROR });
    span.end();
  }

  #begin(): TraceSpan {
    const { tracer, api } = this.#parts;
    const attributes = { "sluice.server": this.#server };
    return tracer.startSpan("drain", { kind: INTERNAL, attributes }, api.ROOT_CONTEXT);
  }
}

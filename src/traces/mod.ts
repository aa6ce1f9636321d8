/**
 * Requests, upgrades, drains and messages as spans, by the program's own OpenTelemetry.
 *
 * @example
 * ```ts
 * import * as api from "@opentelemetry/api";
 * import { run } from "@sluice/sluice";
 * import { serveHttp } from "@sluice/sluice/http";
 * import { Traces } from "@sluice/sluice/traces";
 *
 * const server = await serveHttp({ port: 8080 }, () => new Response("hello"));
 * const traces = new Traces({ api, servers: [server] });
 * await run(server, { grace: 10_000 });
 * ```
 *
 * @module
 */
export { type TracedMessage, type TraceLogFields, Traces } from "./traces.ts";
export type { TracedChannels, TracesOptions } from "./traces_options.ts";
export type {
  CarrierGetter,
  SpanAttributes,
  SpanLink,
  SpanStart,
  SpanTracer,
  TraceContext,
  TraceSpan,
  TraceSpanContext,
  TraceState,
  TracingApi,
} from "./opentelemetry.ts";

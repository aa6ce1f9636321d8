/**
 * HTTP/1.1 on Sluice's own connections, with the web's `Request` and `Response`.
 *
 * @example A server that drains on SIGTERM
 * ```ts
 * import { run } from "@sluice/sluice";
 * import { serveHttp } from "@sluice/sluice/http";
 *
 * await run(serveHttp({ port: 8080 }, () => new Response("hello world")), { grace: 10_000 });
 * ```
 *
 * @module
 */
export type { AccessLogOptions } from "./extras/access_log.ts";
export {
  RESPONSE_END,
  type ResponseEvent,
  ResponseParser,
  type ResponseParserOptions,
} from "./client/response_parser.ts";
export { ResponseHead } from "./client/response_head.ts";
export { BodyError, HttpError, REFUSAL_REASONS, type RefusalReason, ResponseError } from "./http_errors.ts";
export {
  type EventSource,
  eventStream,
  type EventStreamContext,
  type EventStreamOptions,
  formatEvent,
  type ServerSentEvent,
} from "./extras/event_stream.ts";
export {
  type HealthCheck,
  type HealthContext,
  type HealthHandler,
  healthHandler,
  type HealthOptions,
  type HealthRequest,
  type HealthServer,
  livez,
  readyz,
} from "./extras/health.ts";
export { END, type ParserEvent, type ParserLimits, RequestHead, RequestParser, type TargetForm } from "./parser/mod.ts";
export { reply, type ReplyInit } from "./answer/reply.ts";
export { contextOf } from "./request/context_of.ts";
export { nativeRequest } from "./request/request.ts";
export type { EndedUpgrade, HttpObserver, ObservedRequest, RefusedRequest } from "./http_observer.ts";
export type { Sample } from "./extras/sampling.ts";
export { traceHeaders } from "./extras/trace_headers.ts";
export { createHttpServer, serveHttp } from "./server.ts";
export type {
  HeaderFields,
  HttpApp,
  HttpContext,
  HttpHandler,
  HttpLimitOptions,
  HttpOptions,
  HttpResult,
  HttpServer,
  HttpStats,
  UpgradeStats,
} from "./http_api.ts";

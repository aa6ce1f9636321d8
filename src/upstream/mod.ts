/**
 * The way out: pools of connections, and calls to others over HTTP/1.1.
 *
 * @example
 * ```ts ignore
 * import { run } from "@sluice/sluice";
 * import { serveHttp } from "@sluice/sluice/http";
 * import { proxy, upstream } from "@sluice/sluice/upstream";
 *
 * const app = upstream(["http://10.0.0.7:8080", "http://10.0.0.8:8080"]);
 * const server = serveHttp({ port: 8080 }, (request, ctx) => proxy(request, ctx, app));
 * server.then((server) => server.onShutdown("app", async (signal) => void await app.drain(signal)));
 * await run(server);
 * ```
 *
 * @module
 */
export { pool } from "./pool/pool.ts";
export type {
  CloseReason,
  Connect,
  Loan,
  LoanLeft,
  Pool,
  PoolOptions,
  PoolReport,
  PoolStats,
} from "./pool/pool_api.ts";
export { PoolClosedError, PoolTimeoutError, UpstreamError, type UpstreamFailure } from "./upstream_errors.ts";
export { upstream } from "./http/upstream.ts";
export { UpstreamAnswer } from "./http/answer.ts";
export type { HealthState } from "./http/health_states.ts";
export type { UpstreamBody } from "./http/outgoing_body.ts";
export type {
  AddressStats,
  CallOptions,
  Upstream,
  UpstreamAddress,
  UpstreamOptions,
  UpstreamStats,
} from "./http/upstream_api.ts";
export { proxy } from "./proxy/proxy.ts";
export type { ProxyOptions } from "./proxy/proxy_options.ts";
export type { ForwardedKind } from "./proxy/forwarding.ts";

/**
 * Metrics of servers, hubs and channels, in Prometheus' and OpenMetrics' formats, or by OpenTelemetry.
 *
 * @example
 * ```ts
 * import { run } from "@sluice/sluice";
 * import { serveHttp } from "@sluice/sluice/http";
 * import { lastScrape, Metrics } from "@sluice/sluice/metrics";
 *
 * const server = await serveHttp({ port: 8080 }, () => new Response("hello"));
 * const metrics = new Metrics({ servers: [server] });
 * const scraped = serveHttp({ port: 9464, ...lastScrape(15_000) }, metrics.handler());
 * await run([server, [scraped]], { grace: 40_000 });
 * ```
 *
 * @module
 */
export { lastScrape, Metrics } from "./metrics.ts";
export type { LastServer, MetricsContext, MetricsHandler, MetricsHandlerOptions, MetricsRequest } from "./metrics.ts";
export type { MetricsOptions, MetricSources } from "./metrics_options.ts";
export type {
  MeasuredChannels,
  MeasuredConfig,
  MeasuredHub,
  MeasuredPool,
  MeasuredServer,
  MeasuredSupervisor,
  MeasuredUpstream,
  MeasuredWatch,
} from "./sources.ts";
export type {
  GaugeOptions,
  HistogramOptions,
  InstrumentOptions,
  Labels,
  MetricCounter,
  MetricGauge,
  MetricHistogram,
} from "./instruments.ts";
export type {
  Across,
  FamilySnapshot,
  MetricDefinition,
  MetricKind,
  SeriesSnapshot,
  Spread,
} from "../metric_snapshot.ts";
export type { TextFormat } from "./text.ts";
export type { Tap } from "./family.ts";
export {
  type Attributes,
  bridgeOpenTelemetry,
  type InstrumentDescription,
  type ObservableCallback,
  type ObservableInstrument,
  type OpenTelemetryApi,
  type OpenTelemetryMeter,
} from "./opentelemetry.ts";

/**
 * Simulated clients that load a server and check every answer.
 *
 * @example
 * ```ts
 * const report = await runLoad("tcp://127.0.0.1:9000", { clients: 100, duration: 10_000 });
 * console.log(report.rate, report.latency.p99, report.faults);
 * ```
 *
 * @module
 */
export { runLoad } from "./run.ts";
export type {
  FaultClass,
  FaultSample,
  Knee,
  LatencyPercentile,
  LatencySummary,
  LoadCheck,
  LoadEnd,
  LoadKind,
  LoadOptions,
  LoadProgress,
  LoadProxyProtocol,
  LoadRamp,
  LoadRange,
  LoadReport,
  ProcessSample,
  RampStep,
  ResolvedLoadOptions,
  ServerProbe,
  TimelineSlot,
} from "./load_api.ts";

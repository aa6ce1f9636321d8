/**
 * Puts together what a load found.
 *
 * @module
 */
import type { EngineResult, LoadEngine } from "./engine.ts";
import { findKnee } from "./knee.ts";
import type { LoadReport, LoadTarget, ResolvedLoadOptions } from "./load_api.ts";

/** What a report says of the run beside its figures. */
export interface ReportHead {
  readonly target: LoadTarget;
  readonly runtime: string;
  readonly options: ResolvedLoadOptions;
  readonly seed: number;
}

/** The report of an engine that has run. */
export function loadReport(head: ReportHead, engine: LoadEngine, result: EngineResult): LoadReport {
  const { recorder, timeline, crew, prober } = engine;
  const { options } = head;
  const { opened, closedByServer, failed, bytesSent, bytesReceived } = crew.stats;
  const slots = timeline.slots(result.duration);
  const answered = recorder.answered;
  return {
    target: head.target.url,
    kind: head.target.kind,
    runtime: head.runtime,
    options,
    seed: head.seed,
    ended: result.ended,
    duration: result.duration,
    requests: {
      sent: result.sent,
      answered,
      failed: result.failed,
      unanswered: result.unanswered,
      unsent: result.unsent,
    },
    connections: { opened, closedByServer, failed },
    rate: result.duration > 0 ? (answered * 1000) / result.duration : 0,
    bytes: { sent: bytesSent, received: bytesReceived },
    latency: recorder.summary(),
    percentiles: recorder.percentiles(),
    faults: recorder.faults,
    samples: recorder.samples,
    timeline: slots,
    ...rampPart(options, timeline, result),
    ...(prober === null ? {} : { server: { pid: prober.pid, samples: prober.samples } }),
    corrected: options.rate !== null || options.ramp?.unit === "rate",
  };
}

function rampPart(
  { ramp }: ResolvedLoadOptions,
  timeline: LoadEngine["timeline"],
  { sentUntil }: EngineResult,
): Pick<LoadReport, "ramp"> {
  if (ramp === null) return {};
  const steps = timeline.steps(sentUntil);
  return { ramp: { unit: ramp.unit, steps, knee: findKnee(steps, ramp.unit) } };
}

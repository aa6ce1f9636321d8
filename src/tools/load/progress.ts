/**
 * Tells how a load is getting on.
 *
 * @module
 */
import type { Recorder } from "./recorder.ts";
import type { Timeline } from "./timeline.ts";
import type { LoadProgress, ResolvedLoadOptions } from "./load_api.ts";

/** Four times a second is as often as somebody reads it, in ms. */
const INTERVAL = 250;

/** Calls a function with what happened since the last call. */
export class Progress {
  readonly #tell: (progress: LoadProgress) => void;
  readonly #options: ResolvedLoadOptions;
  #last = 0;

  constructor(tell: (progress: LoadProgress) => void, options: ResolvedLoadOptions) {
    this.#tell = tell;
    this.#options = options;
  }

  /** Tells, if it is time. */
  beat(elapsed: number, sent: number, clients: number, recorder: Recorder, timeline: Timeline): void {
    const passed = elapsed - this.#last;
    if (passed < INTERVAL) return;
    this.#last = elapsed;
    const { count, duration } = this.#options;
    const share = Math.min(1, Math.max(elapsed / (duration ?? Infinity), sent / (count ?? Infinity)));
    const { answered, faultCount: faults } = recorder;
    const recent = timeline.take(({ answered, latencies }) => ({
      rate: (answered * 1000) / passed,
      p50: latencies.percentile(50),
      p99: latencies.percentile(99),
    }));
    this.#tell({ elapsed, share, clients, answered, faults, ...recent });
  }
}

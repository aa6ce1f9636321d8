/**
 * Looks at the server's process now and then.
 *
 * @module
 */
import type { Timeline } from "./timeline.ts";
import type { ProcessSample, ServerProbe } from "./load_api.ts";

/** A kernel counts processor time in ticks of 10 ms: half a second is told to 2 %. */
const INTERVAL = 500;

/** Samples of one process. */
export class Prober {
  readonly pid: number;
  readonly samples: ProcessSample[] = [];
  readonly #probe: ServerProbe;
  #next = INTERVAL;

  constructor(probe: ServerProbe) {
    this.pid = probe.pid;
    this.#probe = probe;
  }

  /** Takes a sample if it is time for one, for the report and for the slot of that time. */
  beat(elapsed: number, timeline: Timeline): void {
    if (elapsed < this.#next) return;
    const seen = this.#probe.sample();
    this.#next = seen === null ? Infinity : elapsed + Math.max(INTERVAL, timeline.length);
    if (seen === null) return;
    const sample = { at: elapsed, ...seen };
    this.samples.push(sample);
    timeline.sample(sample);
  }
}

/**
 * The window of time in which is counted.
 *
 * @module
 */
import process from "node:process";
import type { Sample, Target } from "./jobs.ts";
import { cpuSeconds } from "./usage.ts";

/** Runs `turn`, which returns what it has counted so far, until the time is over. */
export function measure(target: Target, turn: () => number): Sample {
  const begin = performance.now() + target.warmUpMs;
  while (performance.now() < begin) turn();
  const counted = turn();
  const serverCpu = cpuSeconds(target.pid);
  const loadCpu = cpuSeconds(process.pid);
  const from = performance.now();
  let now = from;
  let total = counted;
  while ((now = performance.now()) < from + target.ms) total = turn();
  const seconds = (now - from) / 1000;
  return {
    rate: (total - counted) / seconds,
    serverBusy: (cpuSeconds(target.pid) - serverCpu) / seconds,
    loadBusy: (cpuSeconds(process.pid) - loadCpu) / seconds,
  };
}

/** A load that can be checked at its end. */
export interface Load {
  turn(): number;
  /** Checks what is still open to doubt, if anything is. */
  finish?(): void;
  close(): void;
}

/** Measures a load to its end. */
export function measureLoad(target: Target, load: Load): Sample {
  try {
    const sample = measure(target, () => load.turn());
    load.finish?.();
    return sample;
  } finally {
    load.close();
  }
}

/**
 * Resident memory of a process.
 *
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** When it has stopped changing, or after three seconds. */
export async function settledKiB(pid: number): Promise<number> {
  let last = status(pid, "VmRSS");
  for (let steady = 0, tries = 0; steady < 3 && tries < 15; tries++) {
    await sleep(200);
    const now = status(pid, "VmRSS");
    steady = Math.abs(now - last) < last * 0.002 ? steady + 1 : 0;
    last = now;
  }
  return last;
}

/** The most since the start, or since `resetPeak`. */
export function peakKiB(pid: number): number {
  return status(pid, "VmHWM");
}

/** Lets the kernel forget the peak: a runtime's start may need more than what follows. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function status(pid: number, field: "VmRSS" | "VmHWM"): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]);
}

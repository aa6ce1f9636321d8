/**
 * How many processors this process may use.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";

/** Processor time of a cgroup in each period, both in µs: version 2 in one file, version 1 in two. */
const LIMIT_V2 = "/sys/fs/cgroup/cpu.max";
const QUOTA_V1 = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us";
const PERIOD_V1 = "/sys/fs/cgroup/cpu/cpu.cfs_period_us";

/** Those of the machine that it is let run on, or what its container's limit comes to, if that is less; at least 1. */
export function availableCores(read: (path: string) => string = readText): number {
  const machine = typeof availableParallelism === "function" ? availableParallelism() : cpus().length;
  return Math.max(1, Math.min(machine, Math.ceil(cgroupLimit(read))));
}

/** Infinity for no limit. */
function cgroupLimit(read: (path: string) => string): number {
  const [quota, period] = read(LIMIT_V2).trim().split(/\s+/).map(Number);
  if (quota > 0 && period > 0) return quota / period;
  const [quota1, period1] = [Number(read(QUOTA_V1)), Number(read(PERIOD_V1))];
  return quota1 > 0 && period1 > 0 ? quota1 / period1 : Infinity;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

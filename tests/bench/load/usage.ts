/**
 * How much processor time a process has had.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";

/** Seconds on a core of all threads of a process together. */
export function cpuSeconds(pid: number): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // The thread ended just now.
    }
  }
  return nanoseconds / 1e9;
}

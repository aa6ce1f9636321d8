/**
 * How much processor time a process has had.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** What `/proc` counts in, on every Linux. */
const TICKS_A_SECOND = 100;

/** Seconds on a core of all threads of a process together, those that have ended too. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name before the parenthesis may have spaces; user and system time are the 12th and 13th after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/**
 * What a process uses, from /proc.
 *
 * @module
 */
import { StartError } from "@sluice/sluice/cli/kit";
import { readdirSync, readFileSync } from "node:fs";
import type { ServerProbe } from "../../load/mod.ts";

/** Processor time is told in hundredths of a second on all that Linux runs on (`getconf CLK_TCK`). */
const TICKS_PER_MS = 0.1;
/** Where processor times stand in `stat`, behind the name in brackets. */
const STATE = 0;
const USER_TICKS = 11;
const SYSTEM_TICKS = 12;

interface Usage {
  readonly ticks: number;
  readonly rss: number;
  readonly descriptors: number;
}

/**
 * Looks at a process.
 *
 * @throws {StartError} There is no /proc, no such process, or no permission to look.
 */
export function processProbe(pid: number, flag: string, now: () => number = () => performance.now()): ServerProbe {
  let last = usageOf(pid, flag);
  let at = now();
  const sample: ServerProbe["sample"] = () => {
    const next = usageIfAlive(pid);
    if (next === null) return null;
    const passed = now() - at;
    const cpu = passed > 0 ? (next.ticks - last.ticks) / TICKS_PER_MS / passed : 0;
    at += passed;
    last = next;
    return { cpu, rss: next.rss, descriptors: next.descriptors };
  };
  return { pid, sample };
}

/** Whether the process runs; one that nobody has waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    return fieldsOf(pid)[STATE] !== "Z";
  } catch {
    return false;
  }
}

function usageOf(pid: number, flag: string): Usage {
  try {
    readFileSync("/proc/self/stat", "utf8");
  } catch (error) {
    throw new StartError(`${flag} needs /proc, and there is none that can be read here: ${reason(error)}`);
  }
  if (!isAlive(pid)) throw new StartError(`${flag} ${pid}: there is no such process`);
  try {
    return readUsage(pid);
  } catch (error) {
    throw new StartError(`${flag} ${pid}: the process can't be looked at: ${reason(error)}`, "It must be one of yours");
  }
}

function usageIfAlive(pid: number): Usage | null {
  try {
    return isAlive(pid) ? readUsage(pid) : null;
  } catch {
    return null;
  }
}

function readUsage(pid: number): Usage {
  const fields = fieldsOf(pid);
  const rss = /^VmRSS:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
  return {
    ticks: Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS]),
    rss: Number(rss) * 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  };
}

/** The name before may hold anything, brackets too. */
function fieldsOf(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * What people read of a reload or a stop.
 *
 * @module
 */
import type { SuperviseReport } from "../../run/supervisor/mod.ts";
import { formatDuration } from "../print.ts";

/** How it went, on one line; below it a worker's last words if a reload was called off. */
export function formatSuperviseReport({ kind, done, clean, reason, duration, workers }: SuperviseReport): string {
  const took = `${workers.length} left in ${formatDuration(duration)}`;
  if (!done) return `${kind} called off: ${reason}`;
  return clean ? `${kind} done, nothing was lost: ${took}` : `${kind} done: ${reason}; ${took}`;
}

/**
 * The drain of a server whose stop waited for others: it begins late, in what is left of a common budget.
 *
 * @module
 */
import { reportMargin } from "./drain.ts";
import type { DrainLimits } from "../serve_options.ts";

/**
 * What such a drain takes at the least, in ms: a quiet window, a second one for who was asked something in the first,
 * the time to unwind, the hooks and the report.
 */
export function leastBudget({ quiet, abortGrace, grace }: DrainLimits, hookTime: number): number {
  return 2 * quiet + abortGrace + hookTime + reportMargin(grace);
}

/**
 * The limits of a drain that begins `begun` ms after the stop of which it is a part: the lame duck began with that unless
 * it is the server's own, and courtesies shrink to what there is room for.
 */
export function lateLimits(limits: DrainLimits, begun: number, hookTime: number): DrainLimits {
  const { grace, quiet, abortGrace } = limits;
  const most = grace - reportMargin(grace) - hookTime - abortGrace;
  const lameDuck = Math.max(
    0,
    limits.ownLameDuck ? Math.min(limits.lameDuck, most - 2 * quiet) : limits.lameDuck - begun,
  );
  const patience = Math.min(limits.patience, grace / 2);
  const room = most - lameDuck;
  return {
    ...limits,
    lameDuck,
    patience,
    idleGrace: Math.min(limits.idleGrace, Math.max(quiet, room / 2)),
    spread: Math.min(limits.spread, Math.max(0, patience - lameDuck - quiet)),
  };
}

/**
 * The classes of loss of a server that reloads. Its address never goes away, so a refused connection is one of them.
 *
 * @module
 */
import type { LossName } from "../verify_api.ts";
import type { ReloadLossClass, ReloadLossCounts, ReloadLossName } from "./reload_api.ts";

/** Every class, in the order in which reports show them; the server is to blame for all of them. */
export const RELOAD_LOSSES: readonly ReloadLossClass[] = [
  { name: "refused", words: "refused connection" },
  { name: "reset", words: "connection that was reset" },
  { name: "unanswered", words: "no answer, or a wrong one" },
  { name: "truncated", words: "answer that came in part" },
  { name: "turnedAway", words: "newcomer turned away with 503" },
  { name: "noClose", words: "WebSocket that ended without a Close" },
  { name: "wrongCode", words: "Close with a code other than 1001, 1000 or 1012" },
  { name: "reloadFailed", words: "reload that failed" },
  { name: "ended", words: "server that ended by itself" },
  { name: "stillThere", words: "not gone when its time was over" },
  { name: "exitCode", words: "exit code that is not 0" },
];

/** What an account's losses are here; null for what nobody is to blame for. */
export const OF_ACCOUNTS: Readonly<Record<LossName, ReloadLossName | null>> = {
  truncated: "truncated",
  unansweredBeforeSignal: "unanswered",
  unansweredBeforeEnd: "unanswered",
  acceptedThenReset: "reset",
  noClose: "noClose",
  wrongCode: "wrongCode",
  resetInsteadOfFin: "reset",
  stillThere: "stillThere",
  exitCode: "exitCode",
  refused: "refused",
  turnedAway: "turnedAway",
  afterEnd: null,
};

/** A count for each class, all 0. */
export function noReloadLosses(): Record<ReloadLossName, number> {
  return Object.fromEntries(RELOAD_LOSSES.map(({ name }) => [name, 0])) as Record<ReloadLossName, number>;
}

/** All losses together. */
export function countLosses(losses: ReloadLossCounts): number {
  return RELOAD_LOSSES.reduce((sum, { name }) => sum + losses[name], 0);
}

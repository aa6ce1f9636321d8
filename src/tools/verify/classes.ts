/**
 * The classes of loss: what a server is blamed for, and what is only counted.
 *
 * @module
 */
import type { LossClass, LossCounts, LossName } from "./verify_api.ts";

/** Every class, in the order in which reports show them. */
export const LOSSES: readonly LossClass[] = [
  { name: "truncated", words: "answer that came in part", blamed: true },
  { name: "unansweredBeforeSignal", words: "no answer although sent before the signal", blamed: true },
  { name: "unansweredBeforeEnd", words: "no answer although sent before the end could be seen", blamed: true },
  { name: "acceptedThenReset", words: "accepted, then reset with nothing answered", blamed: true },
  { name: "noClose", words: "WebSocket that ended without a Close", blamed: true },
  { name: "wrongCode", words: "Close with a code other than 1001, 1000 or 1012", blamed: true },
  { name: "resetInsteadOfFin", words: "reset where a FIN belongs", blamed: true },
  { name: "stillThere", words: "not gone when its time was over", blamed: true },
  { name: "exitCode", words: "exit code that is not 0", blamed: true },
  { name: "refused", words: "refused connection", blamed: false },
  { name: "turnedAway", words: "newcomer turned away with 503", blamed: false },
  { name: "afterEnd", words: "sent after the end could be seen", blamed: false },
];

/** Close codes that fit a server that goes away: going away, done, restarting (RFC 6455 §7.4.1 and its registry). */
export const GOOD_CODES: readonly number[] = [1001, 1000, 1012];

/** The classes that a server is to blame for. */
export const BLAMED: ReadonlySet<LossName> = new Set(LOSSES.filter((loss) => loss.blamed).map((loss) => loss.name));

/** A count for each class, all 0. */
export function noLosses(): Record<LossName, number> {
  return Object.fromEntries(LOSSES.map(({ name }) => [name, 0])) as Record<LossName, number>;
}

/** The sum of counts, class by class. */
export function addLosses(all: readonly LossCounts[]): Record<LossName, number> {
  const sum = noLosses();
  for (const counts of all) for (const { name } of LOSSES) sum[name] += counts[name];
  return sum;
}

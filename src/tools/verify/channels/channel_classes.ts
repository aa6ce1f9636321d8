/**
 * The classes of loss of channels. A declared gap is none: it is counted by its reason.
 *
 * @module
 */
import type { ChannelLossClass, ChannelLossCounts, ChannelLossName } from "./channel_api.ts";

/** Every class, in the order in which reports show them; the servers are to blame for all of them. */
export const CHANNEL_LOSSES: readonly ChannelLossClass[] = [
  { name: "lost", words: "lost after acknowledgement" },
  { name: "duplicated", words: "handed out twice" },
  { name: "reordered", words: "handed out of order" },
  { name: "undeclaredGap", words: "gap that was not declared" },
  { name: "misplaced", words: "elsewhere than acknowledged, or than others saw" },
  { name: "unanswered", words: "neither acknowledged nor refused in the end" },
  { name: "letterLost", words: "direct message that was acknowledged to its sender and not dealt with" },
  { name: "letterAgain", words: "direct message that came again without a reason, or behind its acknowledgement" },
  { name: "letterEarly", words: "refused direct message that came again before its time" },
  { name: "letterAttempt", words: "direct message whose deliveries were not counted up" },
  { name: "letterAstray", words: "direct message at somebody else's, or told to be acknowledged that is not" },
  { name: "callLost", words: "call without an answer that it was owed, or without an end in time" },
  { name: "callSwapped", words: "call with the answer of another one" },
  { name: "callTwice", words: "call that was answered twice" },
  { name: "memberMissing", words: "member that is there and not listed" },
  { name: "memberZombie", words: "member that is gone and listed" },
  { name: "memberTwice", words: "member that is listed twice" },
  { name: "gaveUp", words: "client that does not come back" },
  { name: "faultFailed", words: "fault that could not be made as it was meant" },
  { name: "ended", words: "instance that ended by itself" },
  { name: "stillThere", words: "not gone when its time was over" },
  { name: "exitCode", words: "exit code that is not 0" },
];

/** A count for each class, all 0. */
export function noChannelLosses(): Record<ChannelLossName, number> {
  return Object.fromEntries(CHANNEL_LOSSES.map(({ name }) => [name, 0])) as Record<ChannelLossName, number>;
}

/** All losses together. */
export function countChannelLosses(losses: ChannelLossCounts): number {
  return CHANNEL_LOSSES.reduce((sum, { name }) => sum + losses[name], 0);
}

/**
 * The states of an address, and every way from one to another.
 *
 * | state   | what it means                                                   |
 * | ------- | --------------------------------------------------------------- |
 * | `in`    | it is asked                                                     |
 * | `out`   | it failed too often, and is not asked for a while               |
 * | `trial` | the while is over, and one call finds out whether it is well    |
 *
 * @module
 */

/** Whether an address is asked. */
export type HealthState = "in" | "out" | "trial";

/** What happens to an address. */
export type HealthEvent =
  /** It failed too often. */
  | "eject"
  /** Its time out is over, and a call goes to it. */
  | "tryAgain"
  /** A call has got an answer. */
  | "well"
  /** A call that was to find out has failed. */
  | "stillBad"
  /** A call that was to find out ended without saying anything: its caller has left. */
  | "unknown";

/** From each state, by event. */
export const TRANSITIONS: Readonly<Record<HealthEvent, Readonly<Record<HealthState, HealthState>>>> = {
  eject: { in: "out", out: "out", trial: "trial" },
  tryAgain: { in: "in", out: "trial", trial: "trial" },
  // What was asked before it was taken out says nothing of now.
  well: { in: "in", out: "out", trial: "in" },
  stillBad: { in: "in", out: "out", trial: "out" },
  unknown: { in: "in", out: "out", trial: "out" },
};

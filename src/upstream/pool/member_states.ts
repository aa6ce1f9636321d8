/**
 * The states of a pool's member, and every way from one to another.
 *
 * | state      | what it means                                                        |
 * | ---------- | -------------------------------------------------------------------- |
 * | `idle`     | nobody has it                                                        |
 * | `checking` | it was idle for long, and is asked whether it lives                  |
 * | `out`      | somebody has it                                                      |
 * | `doomed`   | somebody has it, and it ends when it is given back                   |
 * | `gone`     | it is closed, or is being closed                                     |
 *
 * @module
 */

/** Where a member is. */
export type MemberState = "idle" | "checking" | "out" | "doomed" | "gone";

/** What happens to a member. */
export type MemberEvent =
  /** Somebody gets it. */
  | "take"
  /** It is asked whether it lives. */
  | "check"
  /** It lives. */
  | "lives"
  /** It was given back as good. */
  | "giveBack"
  /** It is not to be used again: too old, dead, or the pool drains. Whoever has it keeps it. */
  | "doom"
  /** It ends now, whoever has it said so. */
  | "discard";

const STAYS = {
  idle: "idle",
  checking: "checking",
  out: "out",
  doomed: "doomed",
  gone: "gone",
} as const;

/** From each state, by event; what makes no sense in a state changes nothing. */
export const TRANSITIONS: Readonly<Record<MemberEvent, Readonly<Record<MemberState, MemberState>>>> = {
  take: { ...STAYS, idle: "out" },
  check: { ...STAYS, idle: "checking" },
  lives: { ...STAYS, checking: "idle" },
  giveBack: { ...STAYS, out: "idle", doomed: "gone" },
  doom: { ...STAYS, idle: "gone", checking: "gone", out: "doomed" },
  discard: { ...STAYS, idle: "gone", checking: "gone", out: "gone", doomed: "gone" },
};

/**
 * The states of a call on its connection, and every way from one to another.
 *
 * | state     | what it means                                                      |
 * | --------- | ------------------------------------------------------------------ |
 * | `waiting` | the request is on its way, and nothing came back                   |
 * | `begun`   | something came back, and no final head is here                     |
 * | `body`    | the head is here, and told                                         |
 * | `done`    | all of the answer is here                                          |
 * | `handed`  | the connection speaks another protocol, and belongs to who asked   |
 * | `failed`  | there is no answer, or not all of one                              |
 *
 * @module
 */

/** How far a call is. */
export type CallState = "waiting" | "begun" | "body" | "done" | "handed" | "failed";

/** What happens to it. */
export type CallEvent =
  /** Bytes came. */
  | "bytes"
  /** The final head is here. */
  | "head"
  /** The end of the answer is here. */
  | "end"
  /** A 101 is here. */
  | "switch"
  /** The connection ended, what came is no HTTP, or nobody wants the answer any more. */
  | "fail";

const STAYS = {
  waiting: "waiting",
  begun: "begun",
  body: "body",
  done: "done",
  handed: "handed",
  failed: "failed",
} as const;

/** From each state, by event; what makes no sense in a state changes nothing. */
export const TRANSITIONS: Readonly<Record<CallEvent, Readonly<Record<CallState, CallState>>>> = {
  bytes: { ...STAYS, waiting: "begun" },
  head: { ...STAYS, begun: "body" },
  end: { ...STAYS, body: "done" },
  switch: { ...STAYS, begun: "handed" },
  fail: { ...STAYS, waiting: "failed", begun: "failed", body: "failed" },
};

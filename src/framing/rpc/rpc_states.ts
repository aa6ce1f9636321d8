/**
 * The lives of calls and of the two sides of a connection: states, and what each event makes of them.
 *
 * A call that a peer has made:
 *
 * | state     | what it means                                                                      |
 * | --------- | ---------------------------------------------------------------------------------- |
 * | `queued`  | waits for one of the calls that run                                                |
 * | `running` | its method is at work                                                              |
 * | `told`    | its method is still at work, but its caller has been answered: cancelled, or late  |
 * | `over`    | answered once, and nothing of it runs                                              |
 *
 * Whether we take calls of the peer:
 *
 * | state     | what it means                                                                      |
 * | --------- | ---------------------------------------------------------------------------------- |
 * | `open`    | all of them                                                                        |
 * | `leaving` | our goodbye is out: what the peer called before it saw that is still taken         |
 * | `left`    | the peer has seen it: what comes now is refused                                    |
 * | `gone`    | the connection is over, or the peer has sent its FIN                               |
 *
 * Whether the peer takes calls of ours:
 *
 * | state     | what it means                                                                      |
 * | --------- | ---------------------------------------------------------------------------------- |
 * | `open`    | as far as we know                                                                  |
 * | `told`    | it has said goodbye: what we have called is answered, and no more is called        |
 * | `gone`    | the connection is over, or the peer has sent its FIN                               |
 *
 * @module
 */

/** States of a call that a peer has made. */
export const CALL_STATES = ["queued", "running", "told", "over"] as const;
/** One of them. */
export type CallState = typeof CALL_STATES[number];
/** What can happen: its turn has come, its method has settled, the caller or its time gave it up. */
export type CallEvent = "start" | "settle" | "giveUp";

/** What an event makes of a call: its next state, and whether the caller is answered now. */
export type CallStep = readonly [next: CallState, answers: boolean];

/** Each state's answer to each event. */
export const CALL: Readonly<Record<CallEvent, Readonly<Record<CallState, CallStep>>>> = {
  start: { queued: ["running", false], running: ["running", false], told: ["told", false], over: ["over", false] },
  settle: { queued: ["queued", false], running: ["over", true], told: ["over", false], over: ["over", false] },
  giveUp: { queued: ["over", true], running: ["told", true], told: ["told", false], over: ["over", false] },
};

/** Whether calls of the peer are taken. */
export const TAKING_STATES = ["open", "leaving", "left", "gone"] as const;
/** One of them. */
export type TakingState = typeof TAKING_STATES[number];
/** What can happen: we say goodbye, the peer has seen that, it is over. */
export type TakingEvent = "leave" | "seen" | "end";

/** Each state's answer to each event; null where the peer says what can't be. */
export const TAKING: Readonly<Record<TakingEvent, Readonly<Record<TakingState, TakingState | null>>>> = {
  leave: { open: "leaving", leaving: "leaving", left: "left", gone: "gone" },
  seen: { open: null, leaving: "left", left: null, gone: "gone" },
  end: { open: "gone", leaving: "gone", left: "gone", gone: "gone" },
};

/** Whether the peer takes calls. */
export const ASKING_STATES = ["open", "told", "gone"] as const;
/** One of them. */
export type AskingState = typeof ASKING_STATES[number];
/** What can happen: the peer says goodbye, it is over. */
export type AskingEvent = "goodbye" | "end";

/** Each state's answer to each event; null where the peer says what can't be. */
export const ASKING: Readonly<Record<AskingEvent, Readonly<Record<AskingState, AskingState | null>>>> = {
  goodbye: { open: "told", told: null, gone: "gone" },
  end: { open: "gone", told: "gone", gone: "gone" },
};

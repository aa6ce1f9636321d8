/**
 * How far the answer to one request has come: its states, and what each event makes of them.
 *
 * | state     | what it means                                                                               |
 * | --------- | ------------------------------------------------------------------------------------------- |
 * | `none`    | nothing of it is out but informational answers: it can still be any answer, or none         |
 * | `begun`   | its head is out, and its body follows: it can't become another one any more                 |
 * | `done`    | it is out whole, or was given up                                                            |
 * | `handed`  | there is none: the connection was handed to another protocol, or to the handler             |
 *
 * @module
 */

/** The states. */
export const ANSWER_STATES = ["none", "begun", "done", "handed"] as const;

/** How far an answer has come. */
export type AnswerState = (typeof ANSWER_STATES)[number];

/** What can happen: the head leaves and a body follows, nothing more of it leaves, the connection is handed over. */
export type AnswerEvent = "begin" | "finish" | "handOver";

/** Each state's answer to each event; itself where nothing changes. */
export const TRANSITIONS: Readonly<Record<AnswerEvent, Readonly<Record<AnswerState, AnswerState>>>> = {
  begin: { none: "begun", begun: "begun", done: "done", handed: "handed" },
  finish: { none: "done", begun: "done", done: "done", handed: "handed" },
  handOver: { none: "handed", begun: "begun", done: "done", handed: "handed" },
};

/**
 * How a connection ends: its states, and what each event makes of them. The socket may be gone in any state; then
 * nothing changes any more.
 *
 * | state         | what it means                                                                               |
 * | ------------- | ------------------------------------------------------------------------------------------- |
 * | `open`        | it is served                                                                                |
 * | `due`         | it is served on until its next moment that is not busy; nothing more is taken in            |
 * | `goodbye`     | the protocol's last words are being said at a quiet moment; what still comes is served      |
 * | `lastGoodbye` | the same because it was due; nothing more is taken in                                       |
 * | `drained`     | our FIN follows what was written, before the peer had finished: what comes now is too late  |
 * | `served`      | the same, behind the peer's own FIN                                                         |
 * | `closed`      | the same by `close()`: whoever ended it wants nothing of it any more                        |
 * | `reset`       | ended by `abort()`                                                                          |
 * | `cut`         | the same, when it was drained and its peer didn't finish                                    |
 *
 * @module
 */

/** The states, in the order of their numbers. */
export const ENDINGS = [
  "open",
  "due",
  "goodbye",
  "lastGoodbye",
  "drained",
  "served",
  "closed",
  "reset",
  "cut",
] as const;

/** A state's number. */
export type Ending = number;

export const OPEN: Ending = 0;
export const DUE: Ending = 1;
/** From here on a drain has nothing left to do but wait. */
export const GOODBYE: Ending = 2;
export const LAST_GOODBYE: Ending = 3;
/** From here on the input is closed, and our FIN is out or follows what was written. */
export const DRAINED: Ending = 4;
export const SERVED: Ending = 5;
export const CLOSED: Ending = 6;
export const RESET: Ending = 7;
export const CUT: Ending = 8;

/**
 * What can happen: it is to leave next, says goodbye, has said it (`drain`, or `serve` where the peer had finished), is
 * closed, is reset.
 */
export type EndingEvent = "due" | "goodbye" | "drain" | "serve" | "close" | "reset";

/** Each state's answer to each event; its own number where nothing changes. */
export const TRANSITIONS: Readonly<Record<EndingEvent, readonly Ending[]>> = {
  // In the order above: open, due, goodbye, lastGoodbye; drained, served, closed; reset, cut.
  due: [DUE, DUE, LAST_GOODBYE, LAST_GOODBYE, DRAINED, SERVED, CLOSED, RESET, CUT],
  goodbye: [GOODBYE, LAST_GOODBYE, GOODBYE, LAST_GOODBYE, DRAINED, SERVED, CLOSED, RESET, CUT],
  drain: [DRAINED, DRAINED, DRAINED, DRAINED, DRAINED, SERVED, CLOSED, RESET, CUT],
  serve: [SERVED, SERVED, SERVED, SERVED, DRAINED, SERVED, CLOSED, RESET, CUT],
  close: [CLOSED, CLOSED, CLOSED, CLOSED, DRAINED, SERVED, CLOSED, RESET, CUT],
  reset: [RESET, RESET, RESET, RESET, CUT, RESET, RESET, RESET, CUT],
};

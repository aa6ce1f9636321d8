/**
 * The life of a socket on a handle: its states, and what each event makes of them.
 *
 * | state       | what it means                                                                                     |
 * | ----------- | ------------------------------------------------------------------------------------------------- |
 * | `open`      | bytes are taken                                                                                   |
 * | `flushing`  | our FIN was asked for, and follows what was written before                                        |
 * | `finishing` | everything is with the kernel, and libuv sends the FIN at the end of its turn                     |
 * | `finished`  | our FIN is out: the peer may write on                                                             |
 * | `dropping`  | it is to be reset, which libuv refuses while it is finishing: nothing is told any more but `gone` |
 * | `closing`   | the handle is being closed, or reset                                                              |
 * | `closed`    | the handle is closed                                                                              |
 *
 * @module
 */

/** The states, in the order of their numbers. */
export const STATES = ["open", "flushing", "finishing", "finished", "dropping", "closing", "closed"] as const;

/** A state's number. */
export type State = number;

export const OPEN: State = 0;
export const FLUSHING: State = 1;
export const FINISHING: State = 2;
export const FINISHED: State = 3;
/** From here on nothing is told but `gone`. */
export const DROPPING: State = 4;
/** From here on nothing may be asked of the handle. */
export const CLOSING: State = 5;
export const CLOSED: State = 6;

/**
 * What can happen: our FIN is asked for, everything is with the kernel, the FIN is out, the socket is to be reset, it
 * is to be closed (both sides have ended, it is let go, or it broke), the handle is closed.
 */
export type SocketEvent = "shutdown" | "flushed" | "finished" | "drop" | "close" | "closed";

/** Each state's answer to each event; its own number where nothing changes. */
export const TRANSITIONS: Readonly<Record<SocketEvent, readonly State[]>> = {
  // In the order above: open, flushing, finishing, finished; dropping, closing, closed.
  shutdown: [FLUSHING, FLUSHING, FINISHING, FINISHED, DROPPING, CLOSING, CLOSED],
  flushed: [OPEN, FINISHING, FINISHING, FINISHED, DROPPING, CLOSING, CLOSED],
  finished: [OPEN, FLUSHING, FINISHED, FINISHED, CLOSING, CLOSING, CLOSED],
  drop: [CLOSING, CLOSING, DROPPING, CLOSING, DROPPING, CLOSING, CLOSED],
  close: [CLOSING, CLOSING, CLOSING, CLOSING, CLOSING, CLOSING, CLOSED],
  closed: [CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED, CLOSED],
};

/**
 * The states of a reconnecting WebSocket and every way from one to another.
 *
 * @module
 */

/**
 * What a `ReconnectingWebSocket` is doing. `connecting`: an attempt is under way. `open`: messages flow. `waiting`: the next attempt has a time. `away`: the
 * page is put away; no attempt until it is shown again. `closing`: `close()` waits for the server's Close.
 * `closed`: it is over, for good.
 */
export type ReconnectState = "connecting" | "open" | "waiting" | "away" | "closing" | "closed";

/** What moves a reconnecting WebSocket from state to state. */
export type Trigger =
  /** The attempt succeeded. */
  | "opened"
  /** The connection, or the attempt, has ended and another is wanted. */
  | "lost"
  /** The wait is over. */
  | "due"
  /** The page is put away. */
  | "away"
  /** The page, or the network, is back. */
  | "back"
  /** `close()`, with a connection that has to say goodbye. */
  | "leave"
  /** No connection is left, and no other is wanted. */
  | "end";

/** The table: what is not in it can't happen. */
export const TRANSITIONS: Readonly<Record<ReconnectState, Readonly<Partial<Record<Trigger, ReconnectState>>>>> = {
  connecting: { opened: "open", lost: "waiting", away: "away", end: "closed" },
  open: { lost: "waiting", away: "away", leave: "closing", end: "closed" },
  waiting: { due: "connecting", back: "waiting", away: "away", end: "closed" },
  away: { back: "waiting", end: "closed" },
  closing: { end: "closed" },
  closed: {},
};

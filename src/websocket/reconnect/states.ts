/**
 * The states of a reconnecting WebSocket and every way from one to another.
 *
 * @module
 */

/**
 * `connecting`: an attempt is under way. `open`: messages flow. `waiting`: the next attempt has a time. `offline`: no
 * network, or the page is put away; no attempt until that changes. `closing`: `close()` waits for the server's Close.
 * `closed`: it is over, for good.
 */
export type ReconnectState = "connecting" | "open" | "waiting" | "offline" | "closing" | "closed";

/** What moves a reconnecting WebSocket from state to state. */
export type Trigger =
  /** The attempt succeeded. */
  | "opened"
  /** The connection, or the attempt, has ended and another is wanted. */
  | "lost"
  /** The wait is over. */
  | "due"
  /** The network is gone, or the page is put away. */
  | "away"
  /** The network, or the page, is back. */
  | "back"
  /** `close()`, with a connection that has to say goodbye. */
  | "leave"
  /** No connection is left, and no other is wanted. */
  | "end";

/** The table: what is not in it can't happen. */
export const TRANSITIONS: Readonly<Record<ReconnectState, Readonly<Partial<Record<Trigger, ReconnectState>>>>> = {
  connecting: { opened: "open", lost: "waiting", away: "offline", end: "closed" },
  open: { lost: "waiting", away: "offline", leave: "closing", end: "closed" },
  waiting: { due: "connecting", away: "offline", end: "closed" },
  offline: { back: "waiting", end: "closed" },
  closing: { end: "closed" },
  closed: {},
};

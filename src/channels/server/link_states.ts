/**
 * The states of a client's connection and every way from one to another.
 *
 * @module
 */

/**
 * What a connection is doing. `greeting`: it has to say `hello`. `open`: frames go both ways. `leaving`: all was said,
 * and the Close follows. `closed`: it is over.
 */
export type LinkState = "greeting" | "open" | "leaving" | "closed";

/** What moves a connection. */
export type LinkEvent =
  /** Its session is known. */
  | "welcomed"
  /** A drain, a fence, or something that was wrong with it. */
  | "leave"
  /** The connection has ended. */
  | "gone";

/** The table: each event has an answer in each state; where it is the same state, nothing happens. */
export const LINK_STATES: Readonly<Record<LinkState, Readonly<Record<LinkEvent, LinkState>>>> = {
  greeting: { welcomed: "open", leave: "leaving", gone: "closed" },
  open: { welcomed: "open", leave: "leaving", gone: "closed" },
  leaving: { welcomed: "leaving", leave: "leaving", gone: "closed" },
  closed: { welcomed: "closed", leave: "closed", gone: "closed" },
};

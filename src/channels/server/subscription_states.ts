/**
 * The states of a subscription and every way from one to another.
 *
 * @module
 */

/**
 * What a subscription is doing. `opening`: its place is being found. `behind`: it is sent what it has missed. `live`: it
 * gets what is published. `ended`: it is over.
 */
export type SubscriptionState = "opening" | "behind" | "live" | "ended";

/** What moves a subscription. */
export type SubscriptionEvent =
  /** Its place is known. */
  | "placed"
  /** It has all there is. */
  | "caughtUp"
  /** Its connection did not take a message, or the log has begun another life. */
  | "missed"
  /** Nobody wants it any more: unsubscribed, or the connection is gone. */
  | "end";

/** The table: each event has an answer in each state; where it is the same state, nothing happens. */
export const SUBSCRIPTION_STATES: Readonly<
  Record<SubscriptionState, Readonly<Record<SubscriptionEvent, SubscriptionState>>>
> = {
  opening: { placed: "behind", caughtUp: "opening", missed: "opening", end: "ended" },
  behind: { placed: "behind", caughtUp: "live", missed: "behind", end: "ended" },
  live: { placed: "live", caughtUp: "live", missed: "behind", end: "ended" },
  ended: { placed: "ended", caughtUp: "ended", missed: "ended", end: "ended" },
};

/**
 * The reason of a goodbye's Close: plain words, or a farewell for a peer that reads it.
 *
 * @module
 */
import type { Connection } from "../../server/conn/connection.ts";
import { formatFarewell } from "../farewell.ts";
import type { WebSocketAgreement, WebSocketSettings } from "./settings.ts";

/** So many round trips, and no less than so many ms, are enough for an answer that is on its way. */
const ROUND_TRIPS = 8;
const LEAST_WAIT = 500;

/** What the peer is told, and how long we wait for its Close. */
export interface Goodbye {
  readonly reason: string;
  /** In ms. */
  readonly wait: number;
}

/** The goodbye to one peer. @param roundTrip In ms; null if it was never measured. */
export function goodbyeTo(
  { limits: { closeTimeout }, manners: { goingAway, retryAfter } }: WebSocketSettings,
  agreement: WebSocketAgreement,
  conn: Connection,
  roundTrip: number | null,
): Goodbye {
  const left = leftFor(conn);
  // A peer that has been seen to need longer gets it.
  const { shown } = conn.rhythm;
  const most = Math.min(Math.max(closeTimeout, shown), left);
  if (!agreement.farewell) return { reason: goingAway, wait: most };
  const adapted = roundTrip === null ? closeTimeout : Math.max(LEAST_WAIT, shown, ROUND_TRIPS * roundTrip);
  const wait = Math.floor(Math.min(adapted, most));
  const retry = Math.round(Math.random() * retryAfter);
  return { reason: formatFarewell({ flag: flagOf(conn), wait, retry, words: goingAway }), wait };
}

/** Urgent when patience is over; deferred when it is this connection alone that ends. */
function flagOf(conn: Connection): "normal" | "urgent" | "deferred" {
  const plan = conn.goodbye?.plan ?? null;
  if (plan !== null && conn.host.clock.now() >= plan.patienceAt) return "urgent";
  return plan?.alone === true ? "deferred" : "normal";
}

/** How long last words may take, in ms: the other half of what is left of a drain is for the Close and its answer. */
export function lastWordsTime({ limits: { closeTimeout } }: WebSocketSettings, conn: Connection): number {
  return Math.min(closeTimeout, leftFor(conn) / 2);
}

/** What is left of the budget of a drain, in ms; Infinity without one. */
function leftFor(conn: Connection): number {
  return Math.max(0, (conn.goodbye?.plan?.endsAt ?? Infinity) - conn.host.clock.now());
}

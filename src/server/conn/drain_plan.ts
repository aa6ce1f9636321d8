/**
 * How one connection is brought to a graceful end: the same for a drain, and for one that ends by itself.
 *
 * @module
 */
import type { Silence } from "./rhythm.ts";

/** Its terms. Times are in ms on the host's clock. */
export interface DrainPlan extends Silence {
  /** Quiet counts from here, however long the connection was silent before: a message may wait unread. */
  readonly since: number;
  /** How long the process had been deaf by then. */
  readonly deafAt: number;
  /** A connection that has not sent a byte since `since` is left alone for so long at the least. */
  readonly idleGrace: number;
  /** A busy connection is served on until here; then its answers are withheld until it falls quiet. */
  readonly patienceAt: number;
  /** The end of its budget: handlers are told to stop. */
  readonly endsAt: number;
  /** Goodbyes are spread over so many ms. */
  readonly spread: number;
  /** It is this connection alone that ends, not its server. */
  readonly alone: boolean;
}

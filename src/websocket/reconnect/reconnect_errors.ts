/**
 * What `send()` rejects with, and why connections were given up.
 *
 * @module
 */
import { SluiceError } from "../../errors.ts";

/** The outgoing queue has no room for the message, or gave its place to a newer one. */
export class QueueFullError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_QUEUE_FULL", message, options);
  }
}

/** This side gave the connection, or the attempt, up: too slow, no network, page put away. */
export class ConnectionDroppedError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_CONNECTION_DROPPED", message, options);
  }
}

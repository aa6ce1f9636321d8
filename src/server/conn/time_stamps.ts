/**
 * What a connection keeps of time: its deadlines, its part in a drain, and what it last saw move.
 *
 * @module
 */
import type { Silence } from "./rhythm.ts";

/** How one connection is brought to a graceful end. Times are in ms on the host's clock. */
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

/** Time stamps of one connection; made when the first of them is needed. */
export class ConnTimes {
  readSince = 0;
  partialSince = 0;
  readDeadline = Infinity;
  /** When a protocol's first message has to be here, in heard time. */
  firstAt = Infinity;
  writeDeadline = Infinity;
  lingerAt = Infinity;
  lifeAt = Infinity;
  /** In heard time; 0 while nothing was withheld. */
  holdUntil = 0;
  /** Its turn among those that a drain says goodbye to. */
  turnAt = 0;
  plan: DrainPlan | null = null;
  /** When the FIN waits for a goodbye no longer. */
  finAt = Infinity;
  /** Bytes flushed, and when that number last grew. */
  flushed = 0;
  flushedAt: number;

  constructor(now: number) {
    this.flushedAt = now;
  }

  /** Notes progress of the outbound side. */
  sawFlushed(bytes: number, now: number): void {
    if (bytes === this.flushed) return;
    this.flushed = bytes;
    this.flushedAt = now;
  }
}

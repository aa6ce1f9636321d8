/**
 * The way out: connections that were found quiet are said goodbye to a few at a time.
 *
 * Two reasons. Between finding and leaving the event loop takes what has arrived meanwhile: after a lag, a message may
 * wait in the kernel while the timers already say "quiet". And a runtime may send the FIN only at the end of the turn
 * in which it was asked for (libuv does): with hundreds of connections in one turn, the last answer would reach a client
 * long before the FIN, and its next request would cross it.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { HostedConn } from "./host.ts";

/** All leave within about so many turns, however many they are. */
const TURNS = 200;

/** What this needs of a connection. */
interface QueuedConn extends HostedConn {
  readonly bytesRead: number;
  readonly output: { readonly moved: number };
  readonly ending: { readonly isDue: boolean };
  readonly isBusy: boolean;
  readonly work: { readonly isPartial: boolean };
  sayGoodbye(): void;
  armAt(at: number): void;
  abort(reason?: unknown): void;
}

interface Turn {
  readonly conn: QueuedConn;
  /** Bytes that had come and gone. */
  readonly bytes: number;
}

/** A queue of connections that leave unless something arrives before their turn. */
export class GoodbyeQueue {
  readonly #clock: Clock;
  #queue: Turn[] = [];
  #perTurn = 0;
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(conn: QueuedConn): void {
    this.#queue.push({ conn, bytes: traffic(conn) });
    this.#perTurn = Math.max(this.#perTurn, Math.ceil(this.#queue.length / TURNS));
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    this.#clock.setTimer(() => this.#turn(), 0);
  }

  #turn(): void {
    this.#scheduled = false;
    for (const { conn, bytes } of this.#queue.splice(0, this.#perTurn)) {
      try {
        this.#end(conn, bytes);
      } catch (error) {
        // Its own fault, and its own end: the others' turn comes all the same (issue 11).
        conn.abort(error);
      }
    }
    if (this.#queue.length === 0) this.#perTurn = 0;
    this.#schedule();
  }

  #end(conn: QueuedConn, bytes: number): void {
    const isCalm = traffic(conn) === bytes && !conn.work.isPartial;
    if ((isCalm || conn.ending.isDue) && !conn.isBusy) conn.sayGoodbye();
    else conn.armAt(this.#clock.now());
  }
}

/** Bytes both ways. */
function traffic(conn: QueuedConn): number {
  return conn.bytesRead + conn.output.moved;
}

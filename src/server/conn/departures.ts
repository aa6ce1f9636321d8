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
import { farewell } from "./leave.ts";
import type { Connection } from "./connection.ts";

/** All leave within about so many turns, however many they are. */
const TURNS = 200;

interface Departure {
  readonly conn: Connection;
  /** Bytes that had come and gone. */
  readonly bytes: number;
}

/** A queue of connections that leave unless something arrives before their turn. */
export class Departures {
  readonly #clock: Clock;
  #queue: Departure[] = [];
  #perTurn = 0;
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(conn: Connection): void {
    this.#queue.push({ conn, bytes: conn.bytesRead + conn.moved });
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
        this.#leave(conn, bytes);
      } catch (error) {
        // Its own fault, and its own end: the others' turn comes all the same (issue 11).
        conn.abort(error);
      }
    }
    if (this.#queue.length === 0) this.#perTurn = 0;
    this.#schedule();
  }

  #leave(conn: Connection, bytes: number): void {
    const isCalm = conn.bytesRead + conn.moved === bytes && !conn.isPartial;
    if ((isCalm || conn.leavesNext) && !conn.isBusy) farewell(conn);
    else conn.armAt(this.#clock.now());
  }
}

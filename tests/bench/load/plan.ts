/**
 * Who sends when, at a fixed rate: requests fall due whatever the server does, and an answer's latency counts from when
 * its request was due, so a server that makes requests wait does not hide it. It knows no sockets and no clock.
 *
 * @module
 */
import { Arrivals } from "../../../src/tools/load/arrivals.ts";
import { Latencies } from "../../../src/tools/load/recorder.ts";

/** Requests at a fixed rate on connections with one request at a time. Times are in ms since its start. */
export class Plan {
  readonly #arrivals: Arrivals;
  readonly #free: number[];
  /** Of each connection that waits for its answer, when its request was due. */
  readonly #due = new Map<number, number>();
  readonly #latencies = new Latencies(true);
  readonly #from: number;
  /** Answers so far. */
  answered = 0;

  /** What falls due before `from` is not counted. */
  constructor(perSecond: number, connections: readonly number[], from: number) {
    this.#arrivals = new Arrivals(() => perSecond);
    this.#free = [...connections];
    this.#from = from;
  }

  /** The connection that is to send a request now; undefined if nothing is due, or none is free. */
  next(now: number): number | undefined {
    this.#arrivals.advance(now, Infinity);
    if (this.#arrivals.waiting === 0) return undefined;
    const connection = this.#free.pop();
    if (connection !== undefined) this.#due.set(connection, this.#arrivals.take());
    return connection;
  }

  /** A connection has its answer. */
  take(connection: number, now: number): void {
    this.#record(this.#due.get(connection)!, now);
    this.#due.delete(connection);
    this.#free.push(connection);
    this.answered++;
  }

  /** What is not answered by the end has waited until now at the least. Gives what 99 of 100 waited at the most. */
  finish(now: number): number {
    for (const due of this.#due.values()) this.#record(due, now);
    while (this.#arrivals.waiting > 0) this.#record(this.#arrivals.take(), now);
    return this.#latencies.percentile(99);
  }

  #record(due: number, now: number): void {
    if (due >= this.#from) this.#latencies.record(now - due);
  }
}

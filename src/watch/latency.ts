/**
 * How long requests take, told from what servers count anyway.
 *
 * @module
 */
import type { WatchedServer } from "./watch_api.ts";

/**
 * The mean time of requests between two samples by Little's law: how many are there on the average, divided by how many
 * come to their end in a time. No request is timed for it.
 */
export class LatencyView {
  /** Requests done, of each server, at the sample before. */
  #done: Map<WatchedServer, number> = new Map();
  /** Requests there, added up over all looks, and how many looks that were. */
  #there = 0;
  #looks = 0;

  /** Looks how many requests are there; often between two samples. */
  look(servers: Iterable<WatchedServer>): void {
    this.#looks++;
    for (const { http } of servers) if (http !== undefined) this.#there += http.active + http.queued;
  }

  /**
   * Ms, and begins anew; null if nothing can be said.
   *
   * @param elapsed Ms since the sample before. @param oldest Ms that the oldest handler has been running.
   */
  take(servers: Iterable<WatchedServer>, elapsed: number, oldest: number): number | null {
    const there = this.#looks === 0 ? 0 : this.#there / this.#looks;
    const done = this.#countDone(servers);
    this.#there = this.#looks = 0;
    if (done > 0) return there * elapsed / done;
    // None has come to its end: each takes longer than the oldest has taken.
    return there > 0 ? oldest : null;
  }

  #countDone(servers: Iterable<WatchedServer>): number {
    const now = new Map<WatchedServer, number>();
    let done = 0;
    for (const server of servers) {
      if (server.http === undefined) continue;
      const { requests, active, queued } = server.http;
      const all = requests - active - queued;
      done += all - (this.#done.get(server) ?? all);
      now.set(server, all);
    }
    this.#done = now;
    return done;
  }
}

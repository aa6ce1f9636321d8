/**
 * Looks after what a shared log may have lost on its way: notices. Whoever follows a stream is told, once in a while,
 * how far the stream is.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { ChannelLog, Notice } from "../log/log_api.ts";
import { Rounds } from "./rounds.ts";

/** Somebody who follows a stream. */
export interface Follower {
  readonly stream: string;
  heard(notice: Notice): void;
}

/** All who follow something in this process. */
export class Notices {
  readonly #log: ChannelLog;
  readonly #followers: Set<Follower> = new Set();
  readonly #rounds: Rounds;

  /** @param every How often to look, in ms. */
  constructor(log: ChannelLog, clock: Clock, every: number, failed: (what: string, error: unknown) => void) {
    this.#log = log;
    this.#rounds = new Rounds({
      clock,
      every,
      look: () => this.#look(),
      isNeeded: () => this.#followers.size > 0,
      failed: (error) => failed("Looking for lost notices failed", error),
    });
  }

  /** Looks after this one as well. */
  add(follower: Follower): void {
    // Where nobody else writes, none is lost.
    if (!this.#log.shared) return;
    this.#followers.add(follower);
    this.#rounds.begin();
  }

  remove(follower: Follower): void {
    this.#followers.delete(follower);
  }

  close(): void {
    this.#rounds.end();
  }

  async #look(): Promise<void> {
    const followers = [...this.#followers];
    const tops = await this.#log.tops(followers.map(({ stream }) => stream));
    tops.forEach(({ epoch, top }, index) => {
      if (this.#followers.has(followers[index])) followers[index].heard({ epoch, top, entry: null });
    });
  }
}

/**
 * Looks after what a shared log may have lost on its way: notices. Whoever follows a stream is told, once in a while,
 * how far the stream is.
 *
 * @module
 */
import { type Clock, idleTimer } from "../../clock.ts";
import type { ChannelLog, Notice } from "../log/log_api.ts";

/** Somebody who follows a stream. */
export interface Follower {
  readonly stream: string;
  heard(notice: Notice): void;
}

/** All who follow something in this process. */
export class Notices {
  readonly #log: ChannelLog;
  readonly #clock: Clock;
  readonly #every: number;
  readonly #failed: (what: string, error: unknown) => void;
  readonly #followers: Set<Follower> = new Set();
  #cancel: (() => void) | null = null;
  #isClosed = false;

  /** @param every How often to look, in ms. */
  constructor(log: ChannelLog, clock: Clock, every: number, failed: (what: string, error: unknown) => void) {
    this.#log = log;
    this.#clock = clock;
    this.#every = every;
    this.#failed = failed;
  }

  /** Looks after this one as well. */
  add(follower: Follower): void {
    // Where nobody else writes, none is lost.
    if (!this.#log.shared) return;
    this.#followers.add(follower);
    this.#wait();
  }

  remove(follower: Follower): void {
    this.#followers.delete(follower);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  #wait(): void {
    if (this.#cancel !== null || this.#isClosed) return;
    this.#cancel = idleTimer(this.#clock, () => void this.#look(), this.#every);
  }

  async #look(): Promise<void> {
    const followers = [...this.#followers];
    try {
      const tops = await this.#log.tops(followers.map(({ stream }) => stream));
      tops.forEach(({ epoch, top }, index) => {
        if (this.#followers.has(followers[index])) followers[index].heard({ epoch, top, entry: null });
      });
    } catch (error) {
      if (!this.#isClosed) this.#failed("Looking for lost notices failed", error);
    }
    this.#cancel = null;
    if (this.#followers.size > 0) this.#wait();
  }
}

/**
 * Who is subscribed to patterns, and hears of channels that are written for the first time.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { Rounds } from "./rounds.ts";
import type { PatternWatcher } from "./subscriptions.ts";

/** What they need. */
export interface PatternsWorld {
  readonly clock: Clock;
  /** How often channels are listed, in ms: word of a new one may be lost. Infinity for never. */
  readonly every: number;
  /** Channels that were written and begin with `prefix`: as many as a pattern may match, and one more. */
  channels(prefix: string): Promise<readonly string[]>;
  failed(what: string, error: unknown): void;
}

/** All patterns of this instance. */
export class Patterns {
  readonly #world: PatternsWorld;
  readonly #watchers: Set<PatternWatcher> = new Set();
  readonly #rounds: Rounds;

  constructor(world: PatternsWorld) {
    this.#world = world;
    this.#rounds = new Rounds({
      clock: world.clock,
      every: world.every,
      look: () => this.#list(),
      isNeeded: () => this.#watchers.size > 0,
      failed: (error) => world.failed("Listing the channels of patterns failed", error),
    });
  }

  /** Tells of new channels. The function that it gives ends it. */
  add(watcher: PatternWatcher): () => void {
    this.#watchers.add(watcher);
    this.#rounds.begin();
    return () => void this.#watchers.delete(watcher);
  }

  /** A channel was written for the first time; who knows it does not mind to hear it again. */
  appeared(channel: string): void {
    for (const watcher of this.#watchers) if (channel.startsWith(watcher.prefix)) watcher.appeared(channel);
  }

  close(): void {
    this.#rounds.end();
  }

  async #list(): Promise<void> {
    for (const prefix of new Set([...this.#watchers].map(({ prefix }) => prefix))) {
      for (const channel of await this.#world.channels(prefix)) this.appeared(channel);
    }
  }
}

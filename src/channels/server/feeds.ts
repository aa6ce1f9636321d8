/**
 * The channels that somebody in this process follows.
 *
 * @module
 */
import { Feed, type FeedWorld } from "./feed.ts";
import type { Notices } from "./notices.ts";

/** By name; a channel that nobody wants any more is forgotten. */
export class Feeds {
  readonly #world: FeedWorld;
  readonly #notices: Notices;
  readonly #feeds: Map<string, Feed> = new Map();

  constructor(world: FeedWorld, notices: Notices) {
    this.#world = world;
    this.#notices = notices;
  }

  /** The feed of a channel: to be acquired at once. */
  of(channel: string): Feed {
    let feed = this.#feeds.get(channel);
    if (feed === undefined) {
      feed = new Feed(channel, this.#world, this);
      this.#feeds.set(channel, feed);
      this.#notices.add(feed);
      // One that can't be opened is asked for anew by the next who wants it.
      feed.opened.catch(() => this.unused(feed!));
    }
    return feed;
  }

  unused(feed: Feed): void {
    this.#notices.remove(feed);
    if (this.#feeds.get(feed.channel) === feed) this.#feeds.delete(feed.channel);
  }
}

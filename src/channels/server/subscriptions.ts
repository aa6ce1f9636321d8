/**
 * What one connection is subscribed to.
 *
 * @module
 */
import { isChannel, isPattern, prefixOf } from "../channel_name.ts";
import type { AcceptOptions, AuthorizeRequest } from "../channels_api.ts";
import { ChannelError } from "../channels_errors.ts";
import type { ChannelCode } from "../wire/frames.ts";
import type { Feeds } from "./feeds.ts";
import type { Peer } from "./peer.ts";
import type { Session } from "./session.ts";
import type { Signer } from "./signer.ts";
import { type Start, Subscription } from "./subscription.ts";
import { readPosition } from "./tickets.ts";

/** Hears of channels that are written for the first time. */
export interface PatternWatcher {
  readonly prefix: string;
  appeared(channel: string): void;
}

/** Who is a member of which channels. */
export interface PresenceEnd {
  /** Wants to be one; says who is there in a `members` frame. */
  enter(session: Session, channel: string, data: unknown): void;
  /** Its client is back, and has said what it wants: it leaves what is not among that. */
  confirm(session: Session): void;
  /** Unsubscribed. */
  leave(session: Session, channel: string): void;
}

/** What they need. */
export interface SubscriptionWorld {
  readonly signer: Signer;
  readonly feeds: Feeds;
  readonly presence: PresenceEnd;
  readonly maxSubscriptions: number;
  readonly maxMatches: number;
  /** Channels that were written and begin with `prefix`, at most `limit`. */
  channels(prefix: string, limit: number): Promise<readonly string[]>;
  /** Tells of others that come. The function that it gives ends it. */
  watch(watcher: PatternWatcher): () => void;
  failed(what: string, error: unknown): void;
}

/** One wish of a client. */
interface Wish {
  readonly name: string;
  /** By channel; null for "from now on". */
  readonly positions: Readonly<Record<string, unknown>> | null;
  readonly since: "oldest" | "now";
  /** What a member says of itself; undefined for one that wants to be none. */
  readonly member: unknown;
}

/** A pattern that is subscribed. */
interface Watched {
  readonly wish: Wish;
  readonly stop: () => void;
  readonly channels: Set<string>;
}

/** Wishes of one frame that are looked at at a time: each may ask the application, and the log. */
const AT_A_TIME = 64;

/** All of one connection. */
export class Subscriptions {
  readonly #world: SubscriptionWorld;
  readonly #peer: Peer;
  readonly #session: Session;
  readonly #options: AcceptOptions;
  readonly #byChannel: Map<string, Subscription> = new Map();
  #patterns: Map<string, Watched> | null = null;
  #isEnded = false;

  constructor(world: SubscriptionWorld, peer: Peer, session: Session, options: AcceptOptions) {
    this.#world = world;
    this.#peer = peer;
    this.#session = session;
    this.#options = options;
  }

  /** Channels that it gets. */
  get size(): number {
    return this.#byChannel.size;
  }

  /** What `hello` or `sub` asks for. @throws {ChannelError} It is no list of wishes. */
  subscribe(given: unknown): void | Promise<void> {
    if (!Array.isArray(given)) throw new ChannelError("bad-frame", "Subscriptions are a list");
    if (given.length === 0) return;
    if (given.length === 1) return this.#begin(wishOf(given[0]));
    return this.#beginAll(given.map(wishOf));
  }

  /** What `unsub` asks for. @throws {ChannelError} It is no list of names. */
  unsubscribe(names: unknown): void {
    if (!Array.isArray(names)) throw new ChannelError("bad-frame", "What is unsubscribed is a list of names");
    for (const name of names) if (typeof name === "string") this.#drop(name);
    this.#say(["unsubbed", names]);
  }

  /** A fresh token may allow less. */
  async authorizeAgain(): Promise<void> {
    const names = new Set([...this.#byChannel.values()].flatMap(({ names }) => [...names]));
    for (const name of [...names, ...this.#patterns?.keys() ?? []]) {
      if (await this.#may("resume", name)) continue;
      this.#drop(name);
      this.#refuse(name, "forbidden", "It is not allowed any more");
    }
  }

  /** Ends all; gives the offsets up to which all was sent. Idempotent. */
  end(): Record<string, number> {
    this.#isEnded = true;
    const offsets: Record<string, number> = {};
    for (const [channel, subscription] of this.#byChannel) {
      subscription.end();
      offsets[channel] = subscription.offset;
    }
    for (const { stop } of this.#patterns?.values() ?? []) stop();
    this.#byChannel.clear();
    this.#patterns = null;
    return offsets;
  }

  async #beginAll(wishes: readonly Wish[]): Promise<void> {
    for (let at = 0; at < wishes.length; at += AT_A_TIME) {
      await Promise.all(wishes.slice(at, at + AT_A_TIME).map((wish) => this.#begin(wish)));
    }
  }

  async #begin(wish: Wish): Promise<void> {
    const { name } = wish;
    try {
      if (!isChannel(name) && !isPattern(name)) throw new ChannelError("bad-channel", "That is no name of a channel");
      if (!await this.#may(wish.positions === null ? "subscribe" : "resume", name)) {
        throw new ChannelError("forbidden", "It is not allowed");
      }
      if (this.#isEnded) return;
      if (isPattern(name)) await this.#beginPattern(wish);
      else await this.#join(name, wish, await this.#startOf(name, wish));
    } catch (error) {
      if (!(error instanceof ChannelError)) {
        this.#world.failed(`Subscribing to ${JSON.stringify(name)} failed`, error);
        return this.#refuse(name, "unavailable", "The log does not answer: try again");
      }
      this.#refuse(name, error.reason, error.message);
    }
  }

  /** Where a wish begins in a channel. */
  async #startOf(channel: string, { positions, since }: Wish): Promise<Start> {
    if (positions === null || !Object.hasOwn(positions, channel)) return since;
    const position = await readPosition(this.#world.signer, channel, positions[channel]);
    if (position === null) throw new ChannelError("bad-position", "The position is none of this channel's");
    return position;
  }

  async #join(channel: string, { name, member }: Wish, start: Start): Promise<void> {
    if (this.#isEnded) return;
    const known = this.#byChannel.get(channel);
    if (known !== undefined) await known.alias(name);
    else await this.#open(channel, name, start);
    if (member !== undefined && !this.#isEnded) this.#world.presence.enter(this.#session, channel, member);
  }

  async #open(channel: string, name: string, start: Start): Promise<void> {
    const { maxSubscriptions, feeds } = this.#world;
    if (this.#byChannel.size >= maxSubscriptions) {
      throw new ChannelError("too-many", `A connection has at most ${maxSubscriptions} subscriptions`);
    }
    const subscription = new Subscription(feeds.of(channel), this.#peer);
    this.#byChannel.set(channel, subscription);
    try {
      await subscription.open(name, start);
    } catch (error) {
      subscription.end();
      if (this.#byChannel.get(channel) === subscription) this.#byChannel.delete(channel);
      throw error;
    }
  }

  async #beginPattern(wish: Wish): Promise<void> {
    const { name, positions } = wish;
    const { maxMatches } = this.#world;
    if (this.#patterns?.has(name)) return this.#say(["watch", name]);
    const channels = new Set<string>();
    const stop = this.#world.watch({
      prefix: prefixOf(name),
      appeared: (channel) => void this.#appeared(wish, channels, channel),
    });
    (this.#patterns ??= new Map()).set(name, { wish, stop, channels });
    try {
      const found = await this.#world.channels(prefixOf(name), maxMatches + 1);
      if (found.length > maxMatches) {
        throw new ChannelError("too-many", `The pattern matches more than ${maxMatches} channels`);
      }
      this.#say(["watch", name]);
      for (const channel of found.filter((channel) => !channels.has(channel))) {
        channels.add(channel);
        // One that the client has no position of came while it was away: all of it is new.
        const start = positions !== null && !Object.hasOwn(positions, channel)
          ? "oldest"
          : await this.#startOf(channel, wish);
        await this.#join(channel, wish, start);
      }
    } catch (error) {
      this.#drop(name);
      throw error;
    }
  }

  /** A channel was written for the first time. */
  async #appeared(wish: Wish, channels: Set<string>, channel: string): Promise<void> {
    if (channels.has(channel) || this.#isEnded) return;
    if (channels.size >= this.#world.maxMatches) {
      const message = `The pattern matches more than ${this.#world.maxMatches} channels: this one is left out`;
      return this.#say(["refused", wish.name, "too-many", message, channel]);
    }
    channels.add(channel);
    try {
      await this.#join(channel, wish, "oldest");
    } catch (error) {
      const reason = error instanceof ChannelError ? error.reason : "unavailable";
      this.#say(["refused", wish.name, reason, (error as Error).message, channel]);
    }
  }

  #drop(name: string): void {
    const watched = this.#patterns?.get(name);
    watched?.stop();
    this.#patterns?.delete(name);
    for (const channel of watched?.channels ?? [name]) {
      const subscription = this.#byChannel.get(channel);
      if (subscription === undefined || !subscription.names.delete(name) || subscription.names.size > 0) continue;
      subscription.end();
      this.#byChannel.delete(channel);
      this.#world.presence.leave(this.#session, channel);
    }
  }

  async #may(action: AuthorizeRequest["action"], channel: string): Promise<boolean> {
    const { authorize } = this.#options;
    return authorize === undefined || await authorize({ action, channel, session: this.#session }) === true;
  }

  #refuse(name: string, code: ChannelCode, message: string): void {
    this.#say(["refused", name, code, message]);
  }

  #say(frame: readonly unknown[]): void {
    if (!this.#isEnded) this.#peer.say(JSON.stringify(frame));
  }
}

function wishOf(given: unknown): Wish {
  const [name, positions = null, options = {}] = Array.isArray(given) ? given : [];
  if (typeof name !== "string" || typeof positions !== "object" || typeof options !== "object" || options === null) {
    throw new ChannelError("bad-frame", "A subscription is [name, positions, options]");
  }
  const { since, member } = options as { readonly since?: unknown; readonly member?: unknown };
  return { name, positions: positions as Wish["positions"], since: since === "oldest" ? "oldest" : "now", member };
}

/**
 * What one connection is subscribed to.
 *
 * @module
 */
import { Semaphore } from "../../sync.ts";
import { isChannel, isPattern, noChannel, prefixOf } from "../channel_name.ts";
import type { AcceptOptions, AuthorizeRequest } from "../channels_api.ts";
import { ChannelError } from "../channels_errors.ts";
import type { ChannelCode } from "../wire/frames.ts";
import type { Feeds } from "./feeds.ts";
import { Few } from "./few.ts";
import type { Pace } from "./pace.ts";
import type { Peer } from "./peer.ts";
import type { ClientPlace, Session } from "./session.ts";
import type { Signer } from "./signer.ts";
import { type Start, Subscription, type SubscriptionOwner } from "./subscription.ts";
import { readPosition } from "./tickets.ts";

/** Hears of channels that are written for the first time. */
export interface PatternWatcher {
  readonly prefix: string;
  appeared(channel: string): void;
}

/** Who is a member of which channels. */
export interface PresenceEnd {
  /**
   * Wants to be one; says who is there in a `members` frame.
   *
   * @param announced Its client knows the channel: a list before that would be of nothing.
   */
  enter(session: Session, channel: string, data: unknown, announced: Promise<void>): void;
  /** Its client is back, and has said what it wants: it leaves what is not among that. */
  confirm(session: Session): void;
  /** Unsubscribed. */
  leave(session: Session, channel: string): void;
  /** Null, or what fulfils when the log has done enough of what a session has asked for: before more is asked. */
  room(session: Session): Promise<void> | null;
}

/** What they need. */
export interface SubscriptionWorld {
  readonly signer: Signer;
  readonly feeds: Feeds;
  readonly presence: PresenceEnd;
  readonly pace: Pace;
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
  /** It is none: it costs itself. */
  readonly isWrong: boolean;
}

/** A pattern that is subscribed. */
interface Watched {
  readonly wish: Wish;
  readonly channels: Set<string>;
  stop: () => void;
  /** Its client knows that it matches too many channels, and that others are left out. */
  isFull: boolean;
}

/** Of a channel that its client has no position of, as it came while it was away: all of it is new. */
const NEW: Start = "oldest";

/** Wishes of one frame that are looked at at a time: each may ask the application, and the log. */
const AT_A_TIME = 64;

/** Pages that one connection has at a time: what a client that takes nothing holds of memory, however much it asks for. */
const PAGES = 4;

/** All of one connection. */
export class Subscriptions implements SubscriptionOwner {
  readonly #world: SubscriptionWorld;
  readonly #peer: Peer;
  readonly #session: Session;
  readonly #options: AcceptOptions;
  readonly #byChannel: Few<string, Subscription> = new Few();
  #patterns: Map<string, Watched> | null = null;
  /** By channel, the names by which membership was asked for, and what the member says of itself. Null for none. */
  #memberBy: Map<string, Map<string, unknown>> | null = null;
  #pages: Semaphore | null = null;
  #isEnded = false;

  constructor(world: SubscriptionWorld, peer: Peer, session: Session, options: AcceptOptions) {
    this.#world = world;
    this.#peer = peer;
    this.#session = session;
    this.#options = options;
  }

  get pages(): Semaphore {
    return this.#pages ??= new Semaphore(PAGES);
  }

  /** Where the client is in a channel; null if it has none. */
  placeOf(channel: string): ClientPlace | null {
    return this.#byChannel.get(channel)?.place ?? null;
  }

  /** What `hello` or `sub` asks for. @throws {ChannelError} It is no list of wishes. */
  subscribe(given: unknown): void | Promise<void> {
    if (!Array.isArray(given)) throw new ChannelError("bad-frame", "Subscriptions are a list");
    if (given.length === 0) return;
    if (given.length === 1) return this.#begin(wishOf(given[0]));
    return this.#beginAll(given.map(wishOf));
  }

  /** What `unsub` asks for; says so when it is done. @throws {ChannelError} It is no list of names. */
  unsubscribe(names: unknown): void | Promise<void> {
    if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) {
      throw new ChannelError("bad-frame", "What is unsubscribed is a list of names");
    }
    for (const name of names) this.#drop(name);
    this.#say(["unsubbed", names]);
    return this.#world.presence.room(this.#session) ?? undefined;
  }

  /** A fresh token may allow less. */
  async authorizeAgain(): Promise<void> {
    const names = new Set(this.#byChannel.values().flatMap(({ names }) => names));
    for (const name of [...names, ...this.#patterns?.keys() ?? []]) {
      if (await this.#may("resume", name)) continue;
      this.#drop(name);
      this.#refuse(name, "forbidden", `Subscribing to ${JSON.stringify(name)} is not allowed any more`);
    }
  }

  /** Ends all; gives the offsets up to which all was sent, where the client knows the place. Idempotent. */
  end(): Record<string, number> {
    this.#isEnded = true;
    const offsets: Record<string, number> = {};
    for (const subscription of this.#byChannel.values()) {
      subscription.end();
      const { told, feed } = subscription;
      if (told !== null) offsets[feed.channel] = told;
    }
    for (const watched of this.#patterns?.values() ?? []) watched.stop();
    this.#byChannel.clear();
    this.#patterns = null;
    return offsets;
  }

  async #beginAll(wishes: readonly Wish[]): Promise<void> {
    for (let at = 0; at < wishes.length; at += AT_A_TIME) {
      const turn = this.#world.pace.goOn();
      if (turn !== null) await turn;
      await Promise.all(wishes.slice(at, at + AT_A_TIME).map((wish) => this.#begin(wish)));
    }
  }

  async #begin(wish: Wish): Promise<void> {
    const { name } = wish;
    try {
      if (wish.isWrong) throw new ChannelError("bad-frame", "A subscription is [name, positions, options]");
      if (!isChannel(name) && !isPattern(name)) throw new ChannelError("bad-channel", noChannel(name));
      if (!await this.#may(wish.positions === null ? "subscribe" : "resume", name)) {
        throw new ChannelError("forbidden", `Subscribing to ${JSON.stringify(name)} is not allowed`);
      }
      const turn = this.#world.pace.goOn();
      if (turn !== null) await turn;
      if (this.#isEnded) return;
      if (isPattern(name)) await this.#beginPattern(wish);
      else await this.#join(name, wish, await this.#startOf(name, wish));
    } catch (error) {
      if (!(error instanceof ChannelError)) {
        this.#world.failed(`Subscribing to ${JSON.stringify(name)} failed`, error);
        return this.#refuse(name, "unavailable", "It can't be subscribed now: try again");
      }
      this.#refuse(name, error.reason, error.message);
    }
  }

  /** Where a wish begins in a channel. @param otherwise Where its client has no position. */
  async #startOf(channel: string, { positions, since }: Wish, otherwise: Start = since): Promise<Start> {
    if (positions === null || !Object.hasOwn(positions, channel)) return otherwise;
    const position = await readPosition(this.#world.signer, channel, positions[channel]);
    if (position === null) throw new ChannelError("bad-position", "The position is none of this channel's");
    return position;
  }

  async #join(channel: string, { name, member }: Wish, start: Start): Promise<void> {
    if (this.#isEnded) return;
    const known = this.#byChannel.get(channel);
    if (known !== undefined) await known.alias(name);
    else await this.#open(channel, name, start);
    if (member === undefined || this.#isEnded) return;
    this.#memberBy ??= new Map();
    this.#memberBy.set(channel, (this.#memberBy.get(channel) ?? new Map()).set(name, member));
    this.#enter(channel, member);
    const room = this.#world.presence.room(this.#session);
    if (room !== null) await room;
  }

  /** Joins and leaves may be among what is missing: who is there is told anew. */
  gapped(channel: string): void {
    const said = this.#memberBy?.get(channel);
    if (said !== undefined && !this.#isEnded) this.#enter(channel, [...said.values()].at(-1));
  }

  #enter(channel: string, member: unknown): void {
    const subscription = this.#byChannel.get(channel);
    if (subscription !== undefined) this.#world.presence.enter(this.#session, channel, member, subscription.announced);
  }

  async #open(channel: string, name: string, start: Start): Promise<void> {
    this.#checkRoom();
    const subscription = new Subscription(this.#world.feeds.of(channel), this.#peer, this);
    this.#byChannel.set(subscription.feed.channel, subscription);
    try {
      await subscription.open(name, start);
    } catch (error) {
      subscription.end();
      if (this.#byChannel.get(channel) === subscription) this.#byChannel.delete(channel);
      throw error;
    }
  }

  /** @throws {ChannelError} It has as many as it may have. */
  #checkRoom(): void {
    const { maxSubscriptions } = this.#world;
    if (this.#byChannel.size + (this.#patterns?.size ?? 0) < maxSubscriptions) return;
    throw new ChannelError("too-many", `A connection has at most ${maxSubscriptions} subscriptions`);
  }

  async #beginPattern(wish: Wish): Promise<void> {
    const { name } = wish;
    if (this.#patterns?.has(name)) return this.#say(["watch", name]);
    this.#checkRoom();
    const watched: Watched = { wish, channels: new Set(), stop: () => {}, isFull: false };
    watched.stop = this.#world.watch({
      prefix: prefixOf(name),
      appeared: (channel) => void this.#appeared(watched, channel),
    });
    (this.#patterns ??= new Map()).set(name, watched);
    try {
      await this.#beginMatches(watched);
    } catch (error) {
      this.#drop(name);
      throw error;
    }
  }

  async #beginMatches({ wish, channels }: Watched): Promise<void> {
    const { name, positions } = wish;
    const { maxMatches } = this.#world;
    const listed = await this.#world.channels(prefixOf(name), maxMatches + 1);
    if (listed.length > maxMatches) {
      throw new ChannelError("too-many", `The pattern matches more than ${maxMatches} channels`);
    }
    this.#say(["watch", name]);
    const found = listed.filter((channel) => !channels.has(channel));
    // Before anything is waited for: what is heard of them meanwhile is no news.
    for (const channel of found) channels.add(channel);
    for (const channel of found) {
      await this.#join(channel, wish, await this.#startOf(channel, wish, positions === null ? wish.since : NEW));
    }
  }

  /** A channel was written for the first time. */
  async #appeared(watched: Watched, channel: string): Promise<void> {
    const { wish, channels } = watched;
    if (channels.has(channel) || watched.isFull || this.#isEnded) return;
    if (channels.size >= this.#world.maxMatches) {
      watched.isFull = true;
      const message =
        `The pattern matches more than ${this.#world.maxMatches} channels: this one, and others, are left out`;
      return this.#say(["refused", wish.name, "too-many", message, channel]);
    }
    channels.add(channel);
    try {
      const start = await this.#startOf(channel, wish, NEW);
      if (this.#patterns?.get(wish.name) === watched) await this.#join(channel, wish, start);
    } catch (error) {
      if (error instanceof ChannelError) {
        return this.#say(["refused", wish.name, error.reason, error.message, channel]);
      }
      // It is news again when it is heard of the next time.
      channels.delete(channel);
      this.#world.failed(`Subscribing to ${JSON.stringify(channel)} failed`, error);
      this.#say(["refused", wish.name, "unavailable", "It can't be subscribed now", channel]);
    }
  }

  #drop(name: string): void {
    const watched = this.#patterns?.get(name);
    watched?.stop();
    this.#patterns?.delete(name);
    for (const channel of watched?.channels ?? [name]) {
      const subscription = this.#byChannel.get(channel);
      if (subscription === undefined || !subscription.forget(name)) continue;
      const members = this.#memberBy?.get(channel);
      if (members?.delete(name) && members.size === 0) {
        this.#memberBy!.delete(channel);
        this.#world.presence.leave(this.#session, channel);
      }
      if (subscription.names.length > 0) continue;
      subscription.end();
      this.#byChannel.delete(channel);
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
  if (typeof name !== "string") throw new ChannelError("bad-frame", "A subscription is [name, positions, options]");
  const isWrong = typeof positions !== "object" || typeof options !== "object" || options === null;
  const { since, member } = (options ?? {}) as { readonly since?: unknown; readonly member?: unknown };
  return {
    name,
    positions: positions as Wish["positions"],
    since: since === "oldest" ? "oldest" : "now",
    member,
    isWrong,
  };
}

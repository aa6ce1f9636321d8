/**
 * Who follows which stream. Notices come from a subscriber of its own and may be lost; whenever it was away, tops are
 * compared, and what was missed is told.
 *
 * @module
 */
import type { Notice, Page } from "../log/log_api.ts";
import { noticeOf, type Place } from "./redis_text.ts";
import { later, type RedisSubscriber, type SubscriberEvents } from "./redis_port.ts";

/** How long to wait before Redis is asked again, or another subscriber is made, in ms. */
const RETRY = 1_000;

/** What followers need of the log. */
export interface FollowersHost {
  subscriber(events: SubscriberEvents): RedisSubscriber;
  /** Where notices of a stream are published. */
  channelOf(stream: string): string;
  tops(streams: readonly string[]): Promise<readonly Pick<Page, "epoch" | "top">[]>;
  /** A notice says where the stream stands; false if that has to be compared. */
  told(stream: string, place: Place): boolean;
}

interface Followed {
  readonly stream: string;
  readonly channel: string;
  readonly listeners: Set<{ readonly heard: (notice: Notice) => void }>;
  /** How many wait for it to be ready. */
  pending: number;
  ready: Promise<void>;
  /** Where it stood when somebody was told last; null until it is ready. */
  known: Pick<Page, "epoch" | "top"> | null;
  isChecking: boolean;
  isDoubtful: boolean;
}

/** All followers of a log. */
export class Followers {
  readonly #host: FollowersHost;
  readonly #byStream = new Map<string, Followed>();
  readonly #byChannel = new Map<string, Followed>();
  #subscriber: RedisSubscriber | null = null;
  #cancelRetry: () => void = () => {};
  #isClosed = false;

  constructor(host: FollowersHost) {
    this.#host = host;
  }

  async follow(stream: string, heard: (notice: Notice) => void): Promise<() => void> {
    const followed = this.#byStream.get(stream) ?? this.#begin(stream);
    followed.pending++;
    try {
      await followed.ready;
    } catch (error) {
      // The next one tries anew, whoever still waits for this.
      if (this.#byStream.get(stream) === followed) this.#end(followed);
      throw error;
    } finally {
      followed.pending--;
    }
    const listener = { heard };
    followed.listeners.add(listener);
    return () => {
      followed.listeners.delete(listener);
      if (followed.listeners.size === 0 && followed.pending === 0) this.#end(followed);
    };
  }

  /** Gives the streams whose notices should have come; and the connection. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
    for (const followed of this.#byStream.values()) followed.listeners.clear();
    this.#byStream.clear();
    this.#byChannel.clear();
    this.#subscriber?.end();
    this.#subscriber = null;
  }

  #begin(stream: string): Followed {
    const followed: Followed = {
      stream,
      channel: this.#host.channelOf(stream),
      listeners: new Set(),
      pending: 0,
      ready: Promise.resolve(),
      known: null,
      isChecking: false,
      isDoubtful: false,
    };
    this.#byStream.set(stream, followed);
    this.#byChannel.set(followed.channel, followed);
    followed.ready = this.#ready(followed);
    return followed;
  }

  async #ready(followed: Followed): Promise<void> {
    this.#subscriber ??= this.#subscribe();
    await this.#subscriber.subscribe(followed.channel);
    const [place] = await this.#host.tops([followed.stream]);
    followed.known = place;
  }

  #end(followed: Followed): void {
    if (this.#byStream.get(followed.stream) !== followed) return;
    this.#byStream.delete(followed.stream);
    this.#byChannel.delete(followed.channel);
    // Whoever can't be told of it does not listen any more.
    this.#subscriber?.unsubscribe(followed.channel).catch(() => {});
  }

  #subscribe(): RedisSubscriber {
    const subscriber: RedisSubscriber = this.#host.subscriber({
      heard: (channel, text) => this.#heard(channel, text),
      missed: () => this.#catchUp(),
      ended: () => this.#lost(subscriber),
    });
    return subscriber;
  }

  /** The client has given up; the log has not. */
  #lost(subscriber: RedisSubscriber): void {
    if (this.#isClosed || this.#subscriber !== subscriber) return;
    this.#subscriber = null;
    subscriber.end();
    this.#retry(() => this.#subscribeAll());
  }

  #subscribeAll(): void {
    const subscriber = this.#subscriber ??= this.#subscribe();
    const all = [...this.#byStream.values()].map(({ channel }) => subscriber.subscribe(channel));
    Promise.all(all).then(() => this.#catchUp(), () => this.#lost(subscriber));
  }

  #retry(fn: () => void): void {
    this.#cancelRetry();
    if (!this.#isClosed) this.#cancelRetry = later(fn, RETRY);
  }

  #heard(channel: string, text: string): void {
    const followed = this.#byChannel.get(channel);
    const notice = followed === undefined ? null : noticeOf(text);
    if (notice === null || !followed?.known) return;
    const { epoch, top, entry, life } = notice;
    const isPlain = this.#host.told(followed.stream, { epoch, top, life });
    // Another epoch may be one of before, or of somebody else's: Redis is asked.
    if (epoch !== followed.known.epoch || !isPlain) return void this.#check(followed);
    this.#tell(followed, { epoch, top, entry });
  }

  #tell(followed: Followed, notice: Notice): void {
    const { known } = followed;
    if (known === null || (known.epoch === notice.epoch && notice.top <= known.top)) return;
    followed.known = { epoch: notice.epoch, top: notice.top };
    for (const listener of [...followed.listeners]) {
      if (followed.listeners.has(listener)) listener.heard(notice);
    }
  }

  async #check(followed: Followed): Promise<void> {
    followed.isDoubtful = true;
    if (followed.isChecking) return;
    followed.isChecking = true;
    while (followed.isDoubtful && this.#byStream.get(followed.stream) === followed) {
      followed.isDoubtful = false;
      await this.#compare([followed]).catch(() => this.#retry(() => this.#catchUp()));
    }
    followed.isChecking = false;
  }

  #catchUp(): void {
    const all = [...this.#byStream.values()].filter(({ known }) => known !== null);
    if (all.length > 0) this.#compare(all).catch(() => this.#retry(() => this.#catchUp()));
  }

  async #compare(all: readonly Followed[]): Promise<void> {
    const tops = await this.#host.tops(all.map(({ stream }) => stream));
    if (this.#isClosed) return;
    for (const [index, followed] of all.entries()) {
      if (this.#byStream.get(followed.stream) === followed) this.#tell(followed, { ...tops[index], entry: null });
    }
  }
}

/**
 * One channel as this process sees it: follows the log, and hands on what is new to those who are live.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Semaphore } from "../../sync.ts";
import type { ChannelLog, Entry, Notice, Page } from "../log/log_api.ts";
import { FIRST_RETRY, idle, nextRetry, PAGE } from "./asking.ts";
import { frameOf, type Outgoing } from "./outgoing.ts";
import type { Pace } from "./pace.ts";
import type { ChannelCounts } from "./counts.ts";
import type { Signer } from "./signer.ts";
import { grantOf } from "./tickets.ts";

/** What feeds and subscriptions need. */
export interface FeedWorld {
  readonly log: ChannelLog;
  readonly signer: Signer;
  readonly pace: Pace;
  /** So many pages are read at a time for those who are behind. */
  readonly reads: Semaphore;
  readonly clock: Clock;
  readonly counts: ChannelCounts;
  /** Missed messages of a channel that are sent again. */
  readonly maxReplay: number;
  /** Something failed that nobody waits for. */
  failed(what: string, error: unknown): void;
}

/** Frames that are kept for those who are a little behind. */
const MAX_FRAMES = 256;
const MAX_FRAME_BYTES = 256 * 1024;

/** Somebody who has all there is, and wants what is new. */
export interface LiveEnd {
  /** Takes a message; false if it can't. */
  give(frame: Outgoing): boolean;
  /** It has everything up to `offset`, and not what comes behind. */
  missed(offset: number): void;
}

/** Where a feed is told that nobody wants it any more. */
export interface FeedOwner {
  unused(feed: Feed): void;
}

/** One channel. */
export class Feed {
  readonly channel: string;
  /** Its name as JSON. */
  readonly nameJson: string;
  /** Its name alone: by this most ask for it, and share the list. */
  readonly names: readonly string[];
  /** Fulfils when `epoch` and `top` are known. */
  readonly opened: Promise<void>;
  /** Life of the log. */
  epoch = "";
  /** Offset of the last message that was handed on. */
  top = 0;
  readonly world: FeedWorld;
  readonly #owner: FeedOwner;
  readonly #live: Set<LiveEnd> = new Set();
  #users = 0;
  #isOpen = false;
  /** Something was told while it was being opened. */
  #heardEarly = false;
  #isClosed = false;
  #unfollow: () => void = () => {};
  #pulling: Promise<void> | null = null;
  #pullAgain = false;
  #grant: Promise<string> | null = null;
  readonly #frames: Map<number, Outgoing> = new Map();
  #frameBytes = 0;
  /** What is being read for those who are behind. */
  #reading: { readonly after: number; readonly top: number; readonly page: Promise<Page> } | null = null;

  constructor(channel: string, world: FeedWorld, owner: FeedOwner) {
    this.channel = channel;
    this.nameJson = JSON.stringify(channel);
    this.names = [channel];
    this.world = world;
    this.#owner = owner;
    this.opened = this.#open();
  }

  /** Its stream in the log. */
  get stream(): string {
    return this.channel;
  }

  /** Somebody needs it, until `release()`. */
  acquire(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users > 0 || this.#isClosed) return;
    this.#isClosed = true;
    this.#unfollow();
    this.#owner.unused(this);
  }

  /** What makes a position of an offset in this epoch. */
  grant(): Promise<string> {
    return this.#grant ??= grantOf(this.world.signer, this.channel, this.epoch);
  }

  /** Hands on what is new to this one as well: it has everything up to `top`. */
  join(subscription: LiveEnd): void {
    this.#live.add(subscription);
  }

  leave(subscription: LiveEnd): void {
    this.#live.delete(subscription);
  }

  /** The frame of a message that was handed on of late, if it is still at hand. */
  frameAt(offset: number): Outgoing | undefined {
    return this.#frames.get(offset);
  }

  /** The frame of an entry; kept for others who are behind as well. */
  frameOf(entry: Entry): Outgoing {
    const known = this.#frames.get(entry.offset);
    if (known !== undefined) return known;
    const frame = frameOf(this.nameJson, entry);
    if (this.#frames.size > 0 && entry.offset < this.top - MAX_FRAMES) return frame;
    this.#keep(entry.offset, frame);
    return frame;
  }

  /** What the log has behind `after`: many who come back at once are at the same place, and it is read once for them. */
  page(after: number): Promise<Page> {
    const { top } = this;
    if (this.#reading?.after === after && this.#reading.top === top) return this.#reading.page;
    const reading = { after, top, page: this.#read(after) };
    const read = (): void => {
      if (this.#reading === reading) this.#reading = null;
    };
    reading.page.then(read, read);
    this.#reading = reading;
    return reading.page;
  }

  async #read(after: number): Promise<Page> {
    const free = await this.world.reads.acquire();
    try {
      return await this.world.log.read(this.channel, after, PAGE);
    } finally {
      free();
    }
  }

  /** The log has said something. */
  heard({ epoch, top, entry }: Notice): void {
    this.#heardEarly = true;
    if (!this.#isOpen || this.#isClosed) return;
    if (epoch !== this.epoch) return this.#pull();
    if (top <= this.top) return;
    if (top === this.top + 1 && entry !== null && this.#pulling === null) return this.#deliver(entry);
    this.#pull();
  }

  /** Looks at the log; fulfils when `epoch` and `top` are as it says. */
  async refresh(): Promise<void> {
    this.#pull();
    await this.#pulling;
  }

  /** The same where the log is further than this; rejects if it does not say. */
  async catchUp(): Promise<void> {
    const [{ epoch, top }] = await this.world.log.tops([this.channel]);
    if (epoch !== this.epoch || top > this.top) await this.refresh();
  }

  async #open(): Promise<void> {
    const { log } = this.world;
    const unfollow = await log.follow(this.channel, (notice) => this.heard(notice));
    if (this.#isClosed) return unfollow();
    this.#unfollow = unfollow;
    const [{ epoch, top }] = await log.tops([this.channel]);
    this.epoch = epoch;
    this.top = top;
    this.#isOpen = true;
    // What was told before that was not heard: even in one process it may be newer than the answer.
    if (log.shared || this.#heardEarly) this.#pull();
  }

  #pull(): void {
    this.#pullAgain = true;
    this.#pulling ??= this.#pullAll();
  }

  async #pullAll(): Promise<void> {
    let delay = FIRST_RETRY;
    while (this.#pullAgain && !this.#isClosed) {
      this.#pullAgain = false;
      try {
        this.#take(await this.world.log.read(this.channel, this.top, PAGE));
        delay = FIRST_RETRY;
      } catch (error) {
        this.world.failed(`Reading ${this.nameJson} failed, again in ${delay} ms`, error);
        this.#pullAgain = true;
        await idle(this.world.clock, delay);
        delay = nextRetry(delay);
      }
    }
    // In the same turn as the last look at `#pullAgain`: whoever sets it later begins anew.
    this.#pulling = null;
  }

  #take(page: Page): void {
    if (page.epoch !== this.epoch) return this.#restart(page);
    if (page.first > this.top + 1) {
      const before = this.top;
      this.top = page.first - 1;
      // They find out by themselves what they have missed.
      this.#pushBack(before);
    }
    for (const entry of page.entries) this.#deliver(entry);
    if (!page.complete) this.#pullAgain = true;
    else if (page.top > this.top) this.top = page.top;
  }

  /** Another life of the log: all that is known of it is void. */
  #restart({ epoch }: Page): void {
    this.#grant = null;
    this.#frames.clear();
    this.#frameBytes = 0;
    const before = this.top;
    this.epoch = epoch;
    this.top = 0;
    this.#pushBack(before);
    this.#pullAgain = true;
  }

  /** @param before Up to where those who are live have everything. */
  #pushBack(before: number): void {
    for (const subscription of [...this.#live]) subscription.missed(before);
  }

  #deliver(entry: Entry): void {
    const { offset } = entry;
    if (offset <= this.top) return;
    const before = this.top;
    this.top = offset;
    if (this.#live.size === 0) return;
    const frame = frameOf(this.nameJson, entry);
    this.#keep(offset, frame);
    const { counts } = this.world;
    for (const subscription of this.#live) {
      if (subscription.give(frame)) counts.delivered.live++;
      else {
        counts.slow++;
        subscription.missed(before);
      }
    }
  }

  #keep(offset: number, frame: Outgoing): void {
    this.#frames.set(offset, frame);
    this.#frameBytes += frame.size;
    for (const [oldest, { size }] of this.#frames) {
      if (this.#frames.size <= MAX_FRAMES && this.#frameBytes <= MAX_FRAME_BYTES) return;
      this.#frames.delete(oldest);
      this.#frameBytes -= size;
    }
  }
}

/**
 * One client's place in one channel.
 *
 * @module
 */
import type { Semaphore } from "../../sync.ts";
import type { GapReason } from "../channels_api.ts";
import { FIRST_RETRY, idle, nextRetry, ONE } from "./asking.ts";
import type { Feed, LiveEnd } from "./feed.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Peer } from "./peer.ts";
import type { ClientPlace } from "./session.ts";
import { SUBSCRIPTION_STATES, type SubscriptionEvent, type SubscriptionState } from "./subscription_states.ts";
import type { Position } from "./tickets.ts";

/** Where a subscription begins. */
export type Start =
  /** Behind a position of ours. */
  | Position
  /** With the oldest message that is kept. */
  | "oldest"
  /** With the next one. */
  | "now";

/** Whose it is. */
export interface SubscriptionOwner {
  /** Its client has been told that messages of a channel are missing. */
  gapped(channel: string): void;
  /** Pages of one connection that are read, or held until its client takes them. */
  readonly pages: Semaphore;
}

/** Somebody waits until the client knows where it is. */
interface Announcing {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** Whether a client came back with a position, and has everything from there on. */
const WHOLE = 1;
const GAPPED = 2;

const NO_NAMES: readonly string[] = [];
const DONE: Promise<void> = Promise.resolve();

/**
 * Sends a channel's messages, each once, in order; where some are gone it says so. There are many thousands of these
 * that do nothing: what one needs only while it does something is made then.
 */
export class Subscription implements LiveEnd {
  readonly feed: Feed;
  readonly #peer: Peer;
  readonly #owner: SubscriptionOwner;
  /** Names by which it was asked for: the channel's own, or patterns. Lists of names are shared, and never change. */
  #names: readonly string[] = NO_NAMES;
  /** Names whose `subbed` is due. */
  #unsaid: readonly string[] = NO_NAMES;
  #state: SubscriptionState = "opening";
  /** Its beginning; null when that is over. */
  #opening: Promise<void> | null = null;
  /** Epoch and offset of what was sent last, while it is not live; of a live one the feed knows. */
  #epoch = "";
  #offset = 0;
  /** Why it goes on at another place than its client thinks; null where that has been told. */
  #reason: GapReason | null = null;
  /** The client knows epoch and offset. */
  #isAnnounced = false;
  /** Null while nobody waits for that. */
  #announcing: Announcing | null = null;
  /** Its peer did not take something of late: what it misses now it misses because of that. */
  #isSlow = false;
  /** The client has been told that what it misses is on its way, and not yet that it has it. */
  #owesLive = true;
  #isRunning = false;
  /** Offset of the last join, leave or loss that was sent. */
  #lastChange = 0;
  /** Until it is live: how a client that came back with a position fares; 0 for all others. */
  #recovery = 0;

  constructor(feed: Feed, peer: Peer, owner: SubscriptionOwner) {
    this.feed = feed;
    this.#peer = peer;
    this.#owner = owner;
    feed.world.counts.moved(this, null, this.#state);
    feed.acquire();
  }

  /** State at that moment. */
  get state(): SubscriptionState {
    return this.#state;
  }

  /** Offset up to which its client has everything, and knows it; null while it waits to be told where it is. */
  get told(): number | null {
    if (this.#state === "live") return this.feed.top;
    return this.#isAnnounced && this.#reason === null ? this.#offset : null;
  }

  /** Messages that it still has to get. */
  get lag(): number {
    return this.#epoch === this.feed.epoch ? this.feed.top - this.#offset : this.feed.top;
  }

  /** Where its client is, or is about to be told that it is. */
  get place(): ClientPlace {
    return { epoch: this.#epoch, change: this.#lastChange };
  }

  /** Names by which it was asked for: the channel's own, or patterns. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Fulfils when the client knows epoch and offset, or never will. */
  get announced(): Promise<void> {
    if (this.#isAnnounced || this.#state === "ended") return DONE;
    if (this.#announcing === null) {
      let resolve = (): void => {};
      const promise = new Promise<void>((fulfil) => resolve = fulfil);
      this.#announcing = { promise, resolve };
    }
    return this.#announcing.promise;
  }

  /** Begins. Rejects with what the log says if it can't. @param name By which it was asked for. */
  open(name: string, start: Start): Promise<void> {
    this.#ask(name);
    return this.#opening = this.#begin(start);
  }

  /** Another name for what is subscribed already. Rejects if that can't begin. */
  async alias(name: string): Promise<void> {
    this.#ask(name);
    await this.#opening;
    if (this.#state === "live") this.missed(this.feed.top);
  }

  /** Sends a message that is new, of a live one; false if the peer does not take it. */
  give(frame: Outgoing): boolean {
    const isTaken = this.#peer.give(frame);
    if (!isTaken) this.#isSlow = true;
    else if (frame.change > 0) this.#lastChange = frame.change;
    return isTaken;
  }

  /** It has everything up to `offset`, and not what came behind. */
  missed(offset: number): void {
    if (this.#state !== "live") return;
    this.feed.leave(this);
    this.#offset = offset;
    this.#move("missed");
    void this.#run();
  }

  /** It is not wanted by that name any more; false if it never was. */
  forget(name: string): boolean {
    if (!this.#names.includes(name)) return false;
    this.#names = this.#names.filter((other) => other !== name);
    return true;
  }

  /** Nobody wants it any more. */
  end(): void {
    if (this.#state === "ended") return;
    if (this.#state === "live") this.#offset = this.feed.top;
    this.feed.leave(this);
    this.#move("end");
    this.#setAnnounced();
    this.feed.release();
  }

  #ask(name: string): void {
    this.#names = this.#with(name, this.#names);
    this.#unsaid = this.#with(name, this.#unsaid);
    this.#owesLive = true;
  }

  #with(name: string, names: readonly string[]): readonly string[] {
    if (names.length === 0 && name === this.feed.channel) return this.feed.names;
    return names.includes(name) ? names : [...names, name];
  }

  #setAnnounced(): void {
    this.#announcing?.resolve();
    this.#announcing = null;
  }

  #move(event: SubscriptionEvent): boolean {
    const next = SUBSCRIPTION_STATES[this.#state][event];
    const moved = next !== this.#state;
    if (moved) this.feed.world.counts.moved(this, this.#state, next);
    this.#state = next;
    return moved;
  }

  async #begin(start: Start): Promise<void> {
    await this.feed.opened;
    await this.#place(start);
    this.#opening = null;
    if (this.#move("placed")) void this.#run();
  }

  /** Finds where it begins, and why it is not where it was asked to. */
  async #place(start: Start): Promise<void> {
    const { feed } = this;
    // Its client may come from an instance that has heard more of the log than this one.
    if (typeof start !== "string" && !isWithin(feed, start)) await feed.catchUp();
    this.#epoch = feed.epoch;
    this.#offset = feed.top;
    if (start === "now") return;
    if (start !== "oldest") this.#recovery = WHOLE;
    if (typeof start !== "string" && isWithin(feed, start)) {
      this.#offset = start.offset;
    } else {
      // Beyond the end, too, the log has forgotten what it had acknowledged, whatever it says of its life.
      if (start !== "oldest") this.#reason = "epoch";
      await this.#placeAtOldest();
    }
    this.#limit();
  }

  async #placeAtOldest(): Promise<void> {
    const { feed } = this;
    const { first } = await feed.world.log.read(feed.channel, 0, ONE);
    this.#offset = Math.min(first - 1, feed.top);
  }

  #limit(): void {
    const { feed } = this;
    const least = feed.top - feed.world.maxReplay;
    if (this.#offset >= least) return;
    this.#offset = least;
    this.#reason = "limit";
  }

  /** Sends what was missed until it is live. Only one runs at a time, or they would send the same. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    let delay = FIRST_RETRY;
    while (this.#state === "behind") {
      try {
        await this.#step();
        delay = FIRST_RETRY;
      } catch (error) {
        if (this.state !== "behind") break;
        this.feed.world.failed(`Reading ${this.feed.nameJson} failed, again in ${delay} ms`, error);
        await idle(this.feed.world.clock, delay);
        delay = nextRetry(delay);
      }
    }
    this.#isRunning = false;
  }

  /** One look at what comes next. */
  async #step(): Promise<void> {
    const { feed } = this;
    if (this.#epoch !== feed.epoch) {
      this.#epoch = feed.epoch;
      this.#offset = 0;
      this.#reason = "epoch";
      this.#isSlow = false;
      this.#lastChange = 0;
    }
    if (this.#reason !== null || this.#unsaid.length > 0) await this.#announce();
    else if (this.#offset >= feed.top) this.#joinLive();
    else await this.#sendMissed();
  }

  /** Tells where it goes on, and why not where it was. */
  async #announce(): Promise<void> {
    const { feed } = this;
    const grant = await feed.grant();
    // Meanwhile it may have another life.
    if (this.#epoch !== feed.epoch || this.#state !== "behind") return;
    const reason = this.#reason;
    if (this.#isAnnounced && reason !== null) this.#say(["gap", feed.channel, grant, this.#offset, reason]);
    for (const name of this.#unsaid) {
      if (!this.#names.includes(name)) continue;
      this.#say(["subbed", name, feed.channel, grant, this.#offset, this.#isAnnounced ? null : reason]);
    }
    this.#unsaid = NO_NAMES;
    this.#reason = null;
    if (reason !== null) {
      feed.world.counts.gaps[reason]++;
      if (this.#recovery !== 0) this.#recovery = GAPPED;
    }
    if (this.#isAnnounced && reason !== null) this.#owner.gapped(feed.channel);
    this.#isAnnounced = true;
    this.#setAnnounced();
  }

  #joinLive(): void {
    this.#move("caughtUp");
    this.#countRecovery();
    this.#isSlow = false;
    this.feed.join(this);
    if (this.#owesLive) this.#say(["live", this.feed.channel]);
    this.#owesLive = false;
  }

  #countRecovery(): void {
    if (this.#recovery !== 0) this.feed.world.counts.recoveries[this.#recovery === WHOLE ? "whole" : "gapped"]++;
    this.#recovery = 0;
  }

  /** Nothing is read, or held, before there is time to send it. */
  async #sendMissed(): Promise<void> {
    const { feed } = this;
    const turn = feed.world.pace.begin();
    if (turn !== null) await turn;
    if (this.#state !== "behind" || feed.epoch !== this.#epoch) return;
    if (feed.frameAt(this.#offset + 1) !== undefined) return await this.#sendKept();
    const free = await this.#owner.pages.acquire();
    try {
      if (this.state === "behind" && feed.epoch === this.#epoch) await this.#sendPage();
    } finally {
      free();
    }
  }

  /** Frames that are at hand. */
  async #sendKept(): Promise<void> {
    const { feed } = this;
    const epoch = this.#epoch;
    for (;;) {
      const frame = feed.frameAt(this.#offset + 1);
      if (frame === undefined || feed.epoch !== epoch) return;
      const sent = this.#send(frame, this.#offset + 1);
      // Most are sent at once: a promise for each would be much of what they cost.
      if (typeof sent === "boolean" ? !sent : !await sent) return;
    }
  }

  async #sendPage(): Promise<void> {
    const { feed } = this;
    const { top } = feed;
    const page = await feed.page(this.#offset);
    if (page.epoch !== feed.epoch) return await feed.refresh();
    if (page.top < top) throw new Error(`The log is at ${page.top} where it was at ${top}`);
    if (page.top > feed.top) feed.heard({ epoch: page.epoch, top: page.top, entry: null });
    if (page.first > this.#offset + 1) {
      this.#offset = Math.min(page.first - 1, feed.top);
      this.#reason = this.#isSlow ? "slow" : page.trimmedBy ?? "trimmed";
      return;
    }
    for (const entry of page.entries) {
      if (feed.epoch !== page.epoch) return;
      if (entry.offset > feed.top) break;
      const sent = this.#send(feed.frameOf(entry), entry.offset);
      if (typeof sent === "boolean" ? !sent : !await sent) return;
    }
    if (feed.epoch !== page.epoch) return;
    const last = page.complete ? page.top : page.entries.at(-1)!.offset;
    // What the feed has not handed on yet it will, when this one is live.
    this.#offset = Math.max(this.#offset, Math.min(last, feed.top));
  }

  /** Sends one of those that were missed, when the peer takes it; false if this one is over. */
  #send(frame: Outgoing, offset: number): boolean | Promise<boolean> {
    const turn = this.feed.world.pace.spend();
    if (turn !== null) return this.#sendLater(frame, offset, turn);
    return this.#sendNow(frame, offset) ?? this.#sendLater(frame, offset, this.#room());
  }

  /** Null if the peer does not take it. */
  #sendNow(frame: Outgoing, offset: number): boolean | null {
    if (this.#state !== "behind") return false;
    if (!this.give(frame)) return null;
    this.#offset = offset;
    this.feed.world.counts.delivered.log++;
    return true;
  }

  async #sendLater(frame: Outgoing, offset: number, until: Promise<void>): Promise<boolean> {
    await until;
    for (;;) {
      const sent = this.#sendNow(frame, offset);
      if (sent !== null) return sent;
      await this.#room();
    }
  }

  /** The peer takes something again, or never will. */
  async #room(): Promise<void> {
    this.#owesLive = true;
    // A connection that has ended says so by itself.
    await this.#peer.drained().catch(ignore);
    // One that is closing takes nothing, and has nothing to get rid of.
    await idle(this.feed.world.clock, 10);
  }

  #say(frame: readonly unknown[]): void {
    this.#peer.say(JSON.stringify(frame));
  }
}

/** What is behind that position is known. */
function isWithin({ epoch, top }: Feed, position: Position): boolean {
  return position.epoch === epoch && position.offset <= top;
}

function ignore(): void {}

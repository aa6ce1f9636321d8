/**
 * One client's place in one channel.
 *
 * @module
 */
import type { GapReason } from "../channels_api.ts";
import { FIRST_RETRY, idle, nextRetry, ONE, PAGE } from "./asking.ts";
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

/** Whether a client came back with a position, and has everything from there on. */
const WHOLE = 1;
const GAPPED = 2;

/** Sends a channel's messages, each once, in order; where some are gone it says so. */
export class Subscription implements LiveEnd {
  readonly feed: Feed;
  /** Names by which it was asked for: the channel's own, or patterns. */
  readonly names: Set<string> = new Set();
  readonly #peer: Peer;
  readonly #gapped: (channel: string) => void;
  #state: SubscriptionState = "opening";
  #opened: Promise<void> = Promise.resolve();
  /** Epoch and offset of what was sent last, while it is not live; of a live one the feed knows. */
  #epoch = "";
  #offset = 0;
  /** Why it goes on at another place than its client thinks; null where that has been told. */
  #reason: GapReason | null = null;
  /** Names whose `subbed` is due. */
  readonly #unsaid: Set<string> = new Set();
  /** The client knows epoch and offset. */
  #isAnnounced = false;
  #setAnnounced: () => void = () => {};
  /** Fulfils when the client knows them, or never will. */
  readonly announced: Promise<void> = new Promise((resolve) => this.#setAnnounced = resolve);
  /** Its peer did not take something of late: what it misses now it misses because of that. */
  #isSlow = false;
  /** The client has been told that what it misses is on its way, and not yet that it has it. */
  #owesLive = true;
  #isRunning = false;
  /** Offset of the last join, leave or loss that was sent. */
  #lastChange = 0;
  /** Until it is live: how a client that came back with a position fares; 0 for all others. */
  #recovery = 0;

  /** @param gapped Called when its client has been told that messages are missing. */
  constructor(feed: Feed, peer: Peer, gapped: (channel: string) => void) {
    this.feed = feed;
    this.#peer = peer;
    this.#gapped = gapped;
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

  /** Begins. Rejects with what the log says if it can't. @param name By which it was asked for. */
  open(name: string, start: Start): Promise<void> {
    this.#ask(name);
    this.#opened = this.#begin(start);
    return this.#opened;
  }

  /** Another name for what is subscribed already. Rejects if that can't begin. */
  async alias(name: string): Promise<void> {
    this.#ask(name);
    await this.#opened;
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
    this.names.add(name);
    this.#unsaid.add(name);
    this.#owesLive = true;
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
    if (this.#reason !== null || this.#unsaid.size > 0) await this.#announce();
    else if (this.#offset >= feed.top) this.#joinLive();
    else if (feed.frameAt(this.#offset + 1) !== undefined) await this.#sendKept();
    else await this.#sendPage();
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
      if (!this.names.has(name)) continue;
      this.#say(["subbed", name, feed.channel, grant, this.#offset, this.#isAnnounced ? null : reason]);
    }
    this.#unsaid.clear();
    this.#reason = null;
    if (reason !== null) {
      feed.world.counts.gaps[reason]++;
      if (this.#recovery !== 0) this.#recovery = GAPPED;
    }
    if (this.#isAnnounced && reason !== null) this.#gapped(feed.channel);
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

  /** Frames that are at hand. */
  async #sendKept(): Promise<void> {
    const { feed } = this;
    const epoch = this.#epoch;
    for (;;) {
      const frame = feed.frameAt(this.#offset + 1);
      if (frame === undefined || feed.epoch !== epoch || !await this.#send(frame, this.#offset + 1)) return;
    }
  }

  async #sendPage(): Promise<void> {
    const { feed } = this;
    const { top } = feed;
    const page = await feed.world.log.read(feed.channel, this.#offset, PAGE);
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
      if (!await this.#send(feed.frameOf(entry), entry.offset)) return;
    }
    if (feed.epoch !== page.epoch) return;
    const last = page.complete ? page.top : page.entries.at(-1)!.offset;
    // What the feed has not handed on yet it will, when this one is live.
    this.#offset = Math.max(this.#offset, Math.min(last, feed.top));
  }

  /** Sends one of those that were missed, when the peer takes it; false if this one is over. */
  async #send(frame: Outgoing, offset: number): Promise<boolean> {
    const turn = this.feed.world.pace.spend();
    if (turn !== null) await turn;
    while (this.#state === "behind" && !this.give(frame)) {
      this.#owesLive = true;
      // A connection that has ended says so by itself.
      await this.#peer.drained().catch(ignore);
      // One that is closing takes nothing, and has nothing to get rid of.
      await idle(this.feed.world.clock, 10);
    }
    if (this.#state !== "behind") return false;
    this.#offset = offset;
    this.feed.world.counts.delivered.log++;
    return true;
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

/**
 * One client's place in one channel.
 *
 * @module
 */
import type { GapReason } from "../channels_api.ts";
import { type Feed, type LiveEnd, PAGE } from "./feed.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Peer } from "./peer.ts";
import { SUBSCRIPTION_STATES, type SubscriptionEvent, type SubscriptionState } from "./subscription_states.ts";
import type { Position } from "./tickets.ts";

/** Waits before a log that failed is asked again, in ms: the first, and the longest. */
const RETRY: readonly [least: number, most: number] = [100, 5000];

/** Where a subscription begins. */
export type Start =
  /** Behind a position of ours. */
  | Position
  /** With the oldest message that is kept. */
  | "oldest"
  /** With the next one. */
  | "now";

/** Sends a channel's messages, each once, in order; where some are gone it says so. */
export class Subscription implements LiveEnd {
  readonly feed: Feed;
  /** Names by which it was asked for: the channel's own, or patterns. */
  readonly names: Set<string> = new Set();
  readonly #peer: Peer;
  #state: SubscriptionState = "opening";
  /** Epoch and offset of what was sent last, while it is not live; of a live one the feed knows. */
  #epoch = "";
  #offset = 0;
  /** It has been live: what it misses now it misses because its peer is slow. */
  #wasLive = false;
  #isAnnounced = false;
  /** The client has been told that what it misses is on its way, and not yet that it has it. */
  #owesLive = true;

  constructor(feed: Feed, peer: Peer) {
    this.feed = feed;
    this.#peer = peer;
    feed.acquire();
  }

  /** State at that moment. */
  get state(): SubscriptionState {
    return this.#state;
  }

  /** Offset of what was sent last. */
  get offset(): number {
    return this.#state === "live" ? this.feed.top : this.#offset;
  }

  /** Begins. Rejects with what the log says if it can't. @param name By which it was asked for. */
  async open(name: string, start: Start): Promise<void> {
    this.names.add(name);
    await this.feed.opened;
    this.#epoch = this.feed.epoch;
    const reason = await this.#place(start);
    if (!this.#move("placed")) return;
    void this.#run(reason);
  }

  /** Another name for what is subscribed already. */
  async alias(name: string): Promise<void> {
    this.names.add(name);
    await this.feed.opened;
    if (!this.#isAnnounced) return;
    this.#say(["subbed", name, this.feed.channel, await this.feed.grant(), this.offset, null]);
  }

  /** Sends a message that is new, of a live one; false if the peer does not take it. */
  give(frame: Outgoing): boolean {
    return this.#peer.give(frame);
  }

  /** It has everything up to `offset`, and not what came behind. */
  missed(offset: number): void {
    if (this.#state !== "live") return;
    this.feed.leave(this);
    this.#offset = offset;
    this.#move("missed");
    void this.#run(null);
  }

  /** Nobody wants it any more. */
  end(): void {
    if (this.#state === "ended") return;
    this.#offset = this.offset;
    this.feed.leave(this);
    this.#move("end");
    this.feed.release();
  }

  #move(event: SubscriptionEvent): boolean {
    const next = SUBSCRIPTION_STATES[this.#state][event];
    const moved = next !== this.#state;
    this.#state = next;
    return moved;
  }

  /** Finds where it begins; why it is not where it was asked to, if that is known already. */
  async #place(start: Start): Promise<GapReason | null> {
    const { feed } = this;
    this.#offset = feed.top;
    if (start === "now") return null;
    if (start !== "oldest" && start.epoch === feed.epoch && start.offset <= feed.top) {
      this.#offset = start.offset;
      return this.#limited();
    }
    // Beyond the end: the log has forgotten what it had acknowledged, whatever it says of its life.
    if (start !== "oldest" && start.epoch === feed.epoch) return "epoch";
    const { first } = await feed.world.log.read(feed.channel, 0, { count: 1, bytes: 1 });
    this.#offset = Math.min(first - 1, feed.top);
    return this.#limited() ?? (start === "oldest" ? null : "epoch");
  }

  #limited(): GapReason | null {
    const { feed } = this;
    const least = feed.top - feed.world.maxReplay;
    if (this.#offset >= least) return null;
    this.#offset = least;
    return "limit";
  }

  /** Sends what was missed until it is live. */
  async #run(reason: GapReason | null): Promise<void> {
    let [delay] = RETRY;
    while (this.#state === "behind") {
      try {
        reason = await this.#step(reason);
        [delay] = RETRY;
      } catch (error) {
        if (this.#state !== "behind") return;
        this.feed.world.failed(`Reading ${this.feed.nameJson} failed, again in ${delay} ms`, error);
        await new Promise<void>((resolve) => this.feed.world.clock.setTimer(resolve, delay));
        delay = Math.min(2 * delay, RETRY[1]);
      }
    }
  }

  /** One look at what comes next; gives why something is missing, if that was not told yet. */
  async #step(reason: GapReason | null): Promise<GapReason | null> {
    const { feed } = this;
    if (this.#epoch !== feed.epoch) {
      this.#epoch = feed.epoch;
      this.#offset = 0;
      return "epoch";
    }
    if (reason !== null || !this.#isAnnounced) return await this.#announce(reason);
    if (this.#offset >= feed.top) {
      this.#joinLive();
      return null;
    }
    if (feed.frameAt(this.#offset + 1) !== undefined) {
      await this.#sendKept();
      return null;
    }
    return await this.#sendPage();
  }

  /** Tells where it goes on, and why not where it was. */
  async #announce(reason: GapReason | null): Promise<GapReason | null> {
    const { feed } = this;
    const grant = await feed.grant();
    // Meanwhile it may have another life.
    if (this.#epoch !== feed.epoch || this.#state !== "behind") return reason;
    if (this.#isAnnounced) this.#say(["gap", feed.channel, grant, this.#offset, reason]);
    else for (const name of this.names) this.#say(["subbed", name, feed.channel, grant, this.#offset, reason]);
    this.#isAnnounced = true;
    return null;
  }

  #joinLive(): void {
    this.#move("caughtUp");
    this.#wasLive = true;
    this.feed.join(this);
    if (this.#owesLive) this.#say(["live", this.feed.channel]);
    this.#owesLive = false;
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

  async #sendPage(): Promise<GapReason | null> {
    const { feed } = this;
    const page = await feed.world.log.read(feed.channel, this.#offset, PAGE);
    if (page.epoch !== feed.epoch) {
      await feed.refresh();
      return null;
    }
    if (page.top < feed.top) throw new Error(`The log is at ${page.top} where it was at ${feed.top}`);
    if (page.first > this.#offset + 1) {
      this.#offset = Math.min(page.first - 1, feed.top);
      return this.#wasLive ? "slow" : page.trimmedBy ?? "trimmed";
    }
    for (const entry of page.entries) {
      if (feed.epoch !== page.epoch) return null;
      if (entry.offset > feed.top) break;
      if (!await this.#send(feed.frameOf(entry), entry.offset)) return null;
    }
    if (feed.epoch !== page.epoch) return null;
    const last = page.complete ? page.top : page.entries.at(-1)!.offset;
    // What the feed has not handed on yet it will, when this one is live.
    this.#offset = Math.max(this.#offset, Math.min(last, feed.top));
    if (last > feed.top) feed.heard({ epoch: page.epoch, top: page.top, entry: null });
    return null;
  }

  /** Sends one of those that were missed, when the peer takes it; false if this one is over. */
  async #send(frame: Outgoing, offset: number): Promise<boolean> {
    const turn = this.feed.world.pace.spend();
    if (turn !== null) await turn;
    while (this.#state === "behind" && !this.#peer.give(frame)) {
      this.#owesLive = true;
      await this.#peer.drained();
      // One that is closing takes nothing, and has nothing to get rid of.
      await new Promise<void>((resolve) => this.feed.world.clock.setTimer(resolve, 10));
    }
    if (this.#state !== "behind") return false;
    this.#offset = offset;
    return true;
  }

  #say(frame: readonly unknown[]): void {
    this.#peer.say(JSON.stringify(frame));
  }
}

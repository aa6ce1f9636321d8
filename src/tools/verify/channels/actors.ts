/**
 * Who takes part: publishers, subscribers that stay, are slow or begin anew, and members that come and go.
 *
 * @module
 */
import { Actor, type ActorWorld, Regular } from "./actor.ts";
import type { Attendance, Speaker } from "./speaker.ts";

/** A slow subscriber rests behind so many messages, so long in ms at the most. */
const SLOW_AFTER = 300;
const SLOW_REST = 300;
/** How long a member stays, or stays away, in ms. */
const STAY: readonly [least: number, most: number] = [800, 4000];
/** One of so many members that leave does not say so. */
const SILENT_SHARE = 3;

/** Where members are; nothing is published there. */
export function memberChannel(prefix: string): string {
  return `${prefix}:members`;
}

/** Publishes to all channels. */
export class Publisher extends Regular {
  protected override async act(): Promise<void> {
    const { checker, channels, clock, random, run, tally } = this.world;
    const channel = channels[Math.floor(random() * channels.length)];
    const seq = checker.sending(channel, this.name);
    const sentAt = clock.now();
    try {
      const offset = await this.speaker.publish(channel, { run, from: this.name, seq });
      tally.waited(clock.now() - sentAt);
      checker.acknowledged(channel, this.name, seq, offset);
    } catch (error) {
      if (!this.isOver) checker.refused(channel, this.name, seq);
      throw error;
    }
  }
}

/** How a subscriber lives. */
export type SubscriberKind = "steady" | "slow" | "renewed";

/** Follows all channels. */
export class Subscriber extends Actor {
  readonly #kind: SubscriberKind;
  readonly #cold: Set<string>;
  #speaker: Speaker | null = null;
  #taken = 0;
  #setReady!: () => void;
  /** Fulfils when it has everything that there is of each channel. */
  readonly ready: Promise<void> = new Promise((resolve) => this.#setReady = resolve);

  constructor(world: ActorWorld, name: string, kind: SubscriberKind) {
    super(world, name);
    this.#kind = kind;
    this.#cold = new Set(world.channels);
    this.#connect();
    if (kind === "renewed") void this.ready.then(() => this.renew(() => this.#connect()));
  }

  override end(): void {
    super.end();
    this.#speaker?.close();
  }

  /** As a page that is loaded anew: it has kept nothing but its position. */
  #connect(): void {
    const position = this.#speaker?.position;
    this.#speaker?.close();
    this.#speaker = this.speak({ position });
    for (const channel of this.world.channels) this.#follow(this.#speaker, channel);
  }

  #follow(speaker: Speaker, channel: string): void {
    const { checker, run } = this.world;
    speaker.follow(channel, {
      live: (offset) => {
        if (!this.#cold.delete(channel)) return;
        checker.subscribed(this.name, channel, offset);
        if (this.#cold.size === 0) this.#setReady();
      },
      message: (data, offset) => {
        const { run: of, from, seq } = data as { readonly run?: unknown; readonly from: string; readonly seq: number };
        if (of === run) checker.received(this.name, channel, { publisher: from, seq, offset });
        else if (offset !== null) checker.passed(this.name, channel, offset);
      },
      gap: (reason, offset) => checker.gap(this.name, channel, reason, offset),
    }, this.#kind === "slow" ? () => this.#rest() : null);
  }

  #rest(): Promise<void> | null {
    if (++this.#taken % SLOW_AFTER !== 0 || this.isOver) return null;
    return this.pause(SLOW_REST * this.world.random());
  }
}

/** A member, who sees who else is one. */
export class Attendant extends Actor {
  readonly #channel: string;
  readonly #moves: boolean;
  #speaker: Speaker;
  #attendance: Attendance | null = null;
  /** Which of its lives this is: one that has left without a word comes back under another name. */
  #life = 1;

  /** @param moves It comes and goes, else it stays. */
  constructor(world: ActorWorld, name: string, channel: string, moves: boolean) {
    super(world, name);
    this.#channel = channel;
    this.#moves = moves;
    this.#speaker = this.speak();
    this.#enter();
  }

  /** What it says of itself; null: it is no member at the moment. */
  get member(): string | null {
    return this.#attendance === null ? null : this.#memberName();
  }

  /** Whom it sees; null: it does not look at the moment. */
  get seen(): readonly string[] | null {
    if (this.#attendance === null) return null;
    const names = this.#attendance.members.map(String);
    // Others may use the channel, and those of an earlier run may not be gone yet.
    return names.filter((name) => name.startsWith(`${this.world.run}-`));
  }

  /** Comes and goes from now on. */
  move(): void {
    if (this.#moves) this.later(this.between(STAY), () => this.#turn());
  }

  /** Stays where it is. */
  rest(): void {
    this.stopWaiting();
  }

  /** Comes, if it is not there. */
  come(): void {
    if (this.#attendance === null) this.#enter();
  }

  override end(): void {
    super.end();
    this.#speaker.close();
  }

  #turn(): void {
    if (this.#attendance === null) this.#enter();
    else this.#go();
    this.move();
  }

  #enter(): void {
    this.#attendance = this.#speaker.attend(this.#channel, this.#memberName());
  }

  #go(): void {
    if (this.world.random() * SILENT_SHARE < 1) {
      this.#speaker.close();
      this.#speaker = this.speak();
      this.#life++;
    } else {
      this.#attendance!.close();
    }
    this.#attendance = null;
  }

  #memberName(): string {
    return `${this.world.run}-${this.name}-${this.#life}`;
  }
}

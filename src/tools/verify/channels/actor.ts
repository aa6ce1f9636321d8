/**
 * What all who take part have in common.
 *
 * @module
 */
import type { Clock } from "@sluice/sluice";
import type { ChannelChecker } from "./channel_checker.ts";
import type { PartTally } from "./part_tally.ts";
import type { Speaker, SpeakerEvents, Speech } from "./speaker.ts";

/** What an actor needs. */
export interface ActorWorld {
  readonly clock: Clock;
  readonly random: () => number;
  /** Where to connect: host and port. */
  readonly host: string;
  readonly speech: Speech;
  readonly checker: ChannelChecker;
  readonly tally: PartTally;
  /** Names of all channels with messages. */
  readonly channels: readonly string[];
  /** What clients say that are no user of their own; null: nothing. */
  readonly token: string | null;
  /** Tells this run's messages from others. */
  readonly run: string;
  /** How many times longer waits are than on a machine that has time. */
  readonly stretch: number;
  /** A client does not come back. */
  gaveUp(name: string, error: Error): void;
}

/** Who is to speak. */
export interface Speaking {
  /** Where the one before it was. */
  readonly position?: unknown;
  /** Who it says that it is. @default the token of all */
  readonly user?: string | null;
  /** Its name in the account. */
  readonly client?: string;
}

/** How long a client lives that begins anew again and again, in ms. */
const LIFE: readonly [least: number, most: number] = [1500, 6000];
/** How often somebody who does something regularly does what is due, in ms. */
const TICK = 10;
/** Most of it that waits for an answer: while no server answers, no more is begun. */
const MOST_OPEN = 400;

/** What an actor has in common with the others. */
export abstract class Actor {
  readonly name: string;
  protected readonly world: ActorWorld;
  #cancel: () => void = () => {};
  readonly #cancels: Set<() => void> = new Set();
  #isOver = false;

  constructor(world: ActorWorld, name: string) {
    this.world = world;
    this.name = name;
  }

  protected get isOver(): boolean {
    return this.#isOver;
  }

  /** Ends it at once. */
  end(): void {
    this.#isOver = true;
    this.#cancel();
    for (const cancel of this.#cancels) cancel();
  }

  protected later(ms: number, act: () => void): void {
    if (!this.#isOver) this.#cancel = this.world.clock.setTimer(act, ms);
  }

  /** The same beside whatever else waits. */
  protected after(ms: number, act: () => void): void {
    if (this.#isOver) return;
    const cancel = this.world.clock.setTimer(() => {
      this.#cancels.delete(cancel);
      act();
    }, ms);
    this.#cancels.add(cancel);
  }

  /** Begins anew from time to time. */
  protected renew(begin: () => void): void {
    this.later(this.between(LIFE), () => {
      begin();
      this.renew(begin);
    });
  }

  protected pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.world.clock.setTimer(resolve, ms));
  }

  protected stopWaiting(): void {
    this.#cancel();
  }

  protected between([least, most]: readonly [number, number]): number {
    return least + this.world.random() * (most - least);
  }

  /** Makes a client. @param client Its name, where it is another one each time. */
  protected speak({ position, user = this.world.token, client = this.name }: Speaking = {}): Speaker {
    const { speech, host, tally, gaveUp, checker: { letters, calls } } = this.world;
    const events: SpeakerEvents = {
      disconnected: () => tally.disconnected(),
      gaveUp: (error) => this.#isOver ? undefined : gaveUp(this.name, error),
      connected: () => letters.connected(client),
      letterCame: (id) => letters.came(client, id),
      letterSaid: (id, word) => letters.said(client, id, word),
      callSaid: (seq) => calls.asked(client, seq),
      callCame: (seq) => calls.came(client, seq),
    };
    return speech.speaker(host, events, position, user);
  }
}

/** Does something so many times a second, as one client. */
export abstract class Regular extends Actor {
  protected readonly speaker: Speaker = this.speak();
  readonly #rate: number;
  #due = 0;
  #at = 0;
  #open = 0;
  #isStopped = false;

  /** @param rate How often in a second. */
  constructor(world: ActorWorld, name: string, rate: number) {
    super(world, name);
    this.#rate = rate;
  }

  /** Begins; fulfils when it was done for the first time, rejects if it is refused. */
  begin(): Promise<void> {
    this.#at = this.world.clock.now();
    const first = this.#actOnce();
    this.later(TICK, () => this.#tick());
    return first;
  }

  override end(): void {
    super.end();
    this.speaker.close();
  }

  /** Begins no more. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Does it, and accounts for it. Rejects if it is refused. */
  protected abstract act(): Promise<void>;

  #tick(): void {
    if (this.#isStopped) return;
    const now = this.world.clock.now();
    this.#due = Math.min(this.#due + this.#rate * (now - this.#at) / 1000, MOST_OPEN);
    this.#at = now;
    for (; this.#due >= 1 && this.#open < MOST_OPEN; this.#due--) this.#actOnce().catch(() => {});
    this.later(TICK * (0.5 + this.world.random()), () => this.#tick());
  }

  async #actOnce(): Promise<void> {
    this.#open++;
    try {
      await this.act();
    } finally {
      this.#open--;
    }
  }
}

/**
 * Where clients of all kinds are let loose on servers of channels, for as long as faults are made.
 *
 * @module
 */
import type { Clock } from "@sluice/sluice";
import { VerifyError } from "../stage.ts";
import { type ActorWorld, Attendant, memberChannel, Publisher, Subscriber, type SubscriberKind } from "./actors.ts";
import type { ChannelReport } from "./channel_api.ts";
import { ChannelChecker } from "./channel_checker.ts";
import { countChannelLosses } from "./channel_classes.ts";
import { PartTally } from "./part_tally.ts";
import type { Speech } from "./speaker.ts";

/** Longest wait in ms until all clients are at work: who has had no answer by then won't have one. */
const READY_LIMIT = 15_000;
/** How often it is looked whether all is settled, in ms. */
const LOOK_EVERY = 50;

/** In turn: of a few subscribers each kind is among them. */
const KINDS: readonly SubscriberKind[] = ["steady", "renewed", "slow"];

/** Where it takes place. Durations in ms. */
export interface ChannelWorld {
  readonly clock: Clock;
  readonly random: () => number;
  /** Where to connect: host and port. */
  readonly host: string;
  readonly speech: Speech;
  /** All of them: publishers, subscribers and members in equal parts. */
  readonly clients: number;
  /** Channels with messages. */
  readonly channels: number;
  /** Messages a second of all publishers together. */
  readonly rate: number;
  /** Longest time until all is handed out, and presence right, when the faults are over. */
  readonly settle: number;
  /** How many times longer waits are than on a machine that has time. */
  readonly stretch: number;
  /** What sets this run apart from others on the same servers. */
  readonly run: string;
}

/** One run. */
export class ChannelStage {
  readonly checker: ChannelChecker = new ChannelChecker();
  readonly tally: PartTally = new PartTally(this.checker);
  /** Fulfils when every client has had what it waits for; rejects, in bounded time, if one can't get it. */
  readonly ready: Promise<void>;
  /** How many clients do what. */
  readonly clients: ChannelReport["clients"];
  readonly #world: ChannelWorld;
  readonly #begunAt: number;
  readonly #publishers: readonly Publisher[];
  readonly #subscribers: readonly Subscriber[];
  readonly #attendants: readonly Attendant[];
  #isReady = false;
  #isOver = false;
  #failure: VerifyError | null = null;
  #fail: (error: Error) => void = () => {};
  #checks = 0;
  #endedAt: number | null = null;

  constructor(world: ChannelWorld) {
    this.#world = world;
    this.#begunAt = world.clock.now();
    const channels = Array.from({ length: world.channels }, (_, i) => `verify:${i + 1}`);
    const { clock, random, host, speech, run } = world;
    const gaveUp = (name: string, error: Error): void => this.#gaveUp(name, error);
    const actors: ActorWorld = {
      ...{ clock, random, host, speech, run, channels, gaveUp },
      checker: this.checker,
      tally: this.tally,
    };
    const third = Math.max(1, Math.floor(world.clients / 3));
    const others = Math.max(1, world.clients - 2 * third);
    const clients = { publishers: third, subscribers: others, members: speech.hasPresence ? third : 0 };
    this.clients = clients;
    const each = <T>(count: number, make: (index: number) => T): T[] =>
      Array.from({ length: count }, (_, i) => make(i));
    this.#subscribers = each(clients.subscribers, (i) => new Subscriber(actors, `s${i + 1}`, KINDS[i % KINDS.length]));
    const where = memberChannel("verify");
    // The first one stays, so that there is always somebody who looks.
    this.#attendants = each(clients.members, (i) => new Attendant(actors, `m${i + 1}`, where, i > 0));
    this.#publishers = each(
      clients.publishers,
      (i) => new Publisher(actors, `p${i + 1}`, world.rate / clients.publishers),
    );
    this.ready = this.#begin();
    this.ready.catch(() => {});
  }

  /** Why the clients could not go on, if they could not: no fault of the servers. */
  get failure(): VerifyError | null {
    return this.#failure;
  }

  /** Members stay as they are until presence is right everywhere, or its time is over: then it is accounted for. */
  async checkPresence(): Promise<void> {
    for (const attendant of this.#attendants) attendant.rest();
    const expected = this.#attendants.map(({ member }) => member).filter((name) => name !== null);
    await this.#until(() => this.#seesRight(expected), this.#world.settle);
    if (this.#isOver) return;
    this.#checks++;
    for (const { name, seen } of this.#attendants) if (seen !== null) this.checker.members(name, expected, seen);
    for (const attendant of this.#attendants) attendant.move();
  }

  /** The faults are over: nothing more is begun, and what is under way has its time to arrive. */
  async settle(): Promise<void> {
    for (const publisher of this.#publishers) publisher.stop();
    await this.#until(() => this.checker.isSettled, this.#world.settle);
    await this.checkPresence();
    this.#endedAt = this.#world.clock.now();
  }

  /** Ends all clients. */
  end(): void {
    this.#isOver = true;
    this.#endedAt ??= this.#world.clock.now();
    this.#fail(new VerifyError("The run was ended before its clients were at work"));
    for (const actor of [...this.#publishers, ...this.#subscribers, ...this.#attendants]) actor.end();
  }

  /** Waits so many ms, less if it is ended. */
  pause(ms: number): Promise<void> {
    return this.#until(() => false, ms);
  }

  /** What was found; `server` is what only the caller knows. */
  report(server: Pick<ChannelReport, "command" | "instances">): ChannelReport {
    const verdict = this.checker.verdict();
    const { acknowledged, delivered, losses } = verdict;
    return {
      kind: "channel",
      ...server,
      ...verdict,
      clients: this.clients,
      parts: this.tally.parts(),
      presenceChecks: this.#checks,
      took: (this.#endedAt ?? this.#world.clock.now()) - this.#begunAt,
      clean: acknowledged > 0 && delivered > 0 && this.#checks > 0 && countChannelLosses(losses) === 0,
    };
  }

  async #begin(): Promise<void> {
    const limit = READY_LIMIT * this.#world.stretch;
    const failed = new Promise<never>((_, reject) => this.#fail = reject);
    const stop = this.#world.clock.setTimer(() => this.#fail(this.#notReady(limit)), limit);
    try {
      await Promise.race([failed, this.#warmUp()]);
      this.#isReady = true;
      for (const attendant of this.#attendants) attendant.move();
    } finally {
      stop();
    }
  }

  /** Subscribers first: they are owed all that is published. */
  async #warmUp(): Promise<void> {
    await Promise.all(this.#subscribers.map(({ ready }) => ready));
    try {
      await Promise.all(this.#publishers.map((publisher) => publisher.begin()));
    } catch (error) {
      throw new VerifyError(`Publishing is refused: ${(error as Error).message}`, { cause: error });
    }
    const expected = this.#attendants.map(({ member }) => member).filter((name) => name !== null);
    await this.#until(() => this.#seesRight(expected), Infinity);
  }

  #notReady(limit: number): VerifyError {
    const published = this.checker.acknowledgedSoFar;
    const seen = this.#attendants.map(({ seen }) => seen?.length ?? 0);
    return new VerifyError(
      `Not all clients were at work within ${limit} ms: subscribed and published, they had ${published} acknowledgements ` +
        `and saw ${Math.min(...seen)} of ${this.clients.members} members; check --ws-path, and that the server lets ` +
        "everybody subscribe and publish",
    );
  }

  #seesRight(expected: readonly string[]): boolean {
    const wanted = [...expected].sort().join();
    return this.#attendants.every(({ seen }) => seen === null || [...seen].sort().join() === wanted);
  }

  #gaveUp(name: string, error: Error): void {
    if (this.#isOver) return;
    if (this.#isReady) return this.checker.blame("gaveUp", `${name}: ${error.message}`);
    this.#failure ??= new VerifyError(`A client was sent away: ${error.message}`, { cause: error });
    this.#fail(this.#failure);
  }

  async #until(isSo: () => boolean, limit: number): Promise<void> {
    const { clock } = this.#world;
    for (const end = clock.now() + limit; !isSo() && clock.now() < end && !this.#isOver;) {
      await new Promise<void>((resolve) =>
        clock.setTimer(resolve, Math.min(LOOK_EVERY, Math.max(1, end - clock.now())))
      );
    }
  }
}

/** Lets clients loose. */
export function startChannels(world: ChannelWorld): ChannelStage {
  return new ChannelStage(world);
}

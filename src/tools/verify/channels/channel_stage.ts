/**
 * Where clients of all kinds are let loose on servers of channels, for as long as faults are made.
 *
 * @module
 */
import type { Clock } from "@sluice/sluice";
import { VerifyError } from "../stage.ts";
import type { ActorWorld, Regular } from "./actor.ts";
import { Attendant, memberChannel, Publisher, Subscriber, type SubscriberKind } from "./actors.ts";
import { Caller, Sayer } from "./askers.ts";
import type { ChannelClients, ChannelExtra, ChannelReport } from "./channel_api.ts";
import { ChannelChecker } from "./channel_checker.ts";
import { countChannelLosses } from "./channel_classes.ts";
import { Clerk, Receiver, Sender } from "./direct_actors.ts";
import { PartTally } from "./part_tally.ts";
import type { Speech } from "./speaker.ts";

/** Longest wait in ms until all clients are at work: who has had no answer by then won't have one. */
const READY_LIMIT = 15_000;
/** How often it is looked whether all is settled, in ms. */
const LOOK_EVERY = 50;

/** In turn: of a few subscribers each kind is among them. */
const KINDS: readonly SubscriberKind[] = ["steady", "renewed", "slow"];

/** Of so many publications there is one message for a handler, one direct message, one call. */
const MESSAGE_SHARE = 4;
const DIRECT_SHARE = 5;
const CALL_SHARE = 5;
/** Each user is two clients: one that stays, and one that begins anew. */
const CLIENTS_OF_USER = 2;
/** How often dead letters are asked for while some are waited for, in ms. */
const DEAD_EVERY = 500;

/** How clients of one kind find the servers. */
export interface ChannelLine {
  /** Where to connect: host and port. */
  readonly host: string;
  readonly speech: Speech;
}

/** Where it takes place. Durations in ms. */
export interface ChannelWorld {
  readonly clock: Clock;
  readonly random: () => number;
  /** Clients take them in turn. */
  readonly lines: readonly ChannelLine[];
  /** What the servers do their part of, beside channels. */
  readonly extras: readonly ChannelExtra[];
  /** Publishers, subscribers and members in equal parts; some more for each of the extras. */
  readonly clients: number;
  /** Channels with messages. */
  readonly channels: number;
  /** What names of channels begin with. @default "" */
  readonly prefix?: string;
  /** What clients say that are no user of their own. @default nothing */
  readonly token?: string;
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
  readonly #subscribers: readonly Subscriber[];
  readonly #attendants: readonly Attendant[];
  readonly #receivers: readonly Receiver[];
  /** All who begin something again and again. */
  readonly #regulars: readonly Regular[];
  readonly #clerk: Clerk | null;
  readonly #users: readonly string[];
  #isReady = false;
  #isOver = false;
  #failure: VerifyError | null = null;
  #fail: (error: Error) => void = () => {};
  #checks = 0;
  #endedAt: number | null = null;

  constructor(world: ChannelWorld) {
    this.#world = world;
    this.#begunAt = world.clock.now();
    this.clients = clientsOf(world);
    const { publishers, sayers, subscribers, members, senders, receivers, callers } = this.clients;
    const worlds = this.#worlds();
    let made = 0;
    // Each kind is on all lines, as far as it goes.
    const each = <T>(count: number, make: (world: ActorWorld, index: number) => T): T[] =>
      Array.from({ length: count }, (_, i) => make(worlds[made++ % worlds.length], i));
    this.#subscribers = each(subscribers, (on, i) => new Subscriber(on, `s${i + 1}`, KINDS[i % KINDS.length]));
    const where = memberChannel(this.#place);
    // The first one stays, so that there is always somebody who looks.
    this.#attendants = each(members, (on, i) => new Attendant(on, `m${i + 1}`, where, i > 0));
    this.#users = Array.from({ length: receivers / CLIENTS_OF_USER }, (_, i) => `u${i + 1}`);
    this.#receivers = each(receivers, (on, i) => {
      const user = this.#users[Math.floor(i / CLIENTS_OF_USER)];
      return new Receiver(on, `r${i + 1}`, user, i % CLIENTS_OF_USER === 0 ? "steady" : "renewed");
    });
    const { rate } = world;
    const mailboxes = () => this.#receivers.flatMap((receiver) => receiver.mailboxes);
    const [said, sent, called] = [
      rate / MESSAGE_SHARE / sayers,
      rate / DIRECT_SHARE / senders,
      rate / CALL_SHARE / callers,
    ];
    this.#regulars = [
      ...each(publishers, (on, i) => new Publisher(on, `p${i + 1}`, rate / publishers)),
      ...each(sayers, (on, i) => new Sayer(on, `h${i + 1}`, said)),
      ...each(senders, (on, i) => new Sender(on, `d${i + 1}`, sent, mailboxes)),
      ...each(callers, (on, i) => new Caller(on, `c${i + 1}`, called)),
    ];
    this.#clerk = receivers === 0 ? null : new Clerk(worlds[0], "clerk", this.#users);
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
    const expected = this.#expected();
    await this.#until(() => this.#seesRight(expected), this.#world.settle);
    if (this.#isOver) return;
    this.#checks++;
    const when = ` after ${this.#world.settle} ms (--settle: longer than the server keeps a session and a lease)`;
    for (const { name, seen } of this.#attendants) if (seen !== null) this.checker.members(name, expected, seen, when);
    for (const attendant of this.#attendants) attendant.move();
  }

  /** The faults are over: nothing more is begun, and what is under way has its time to arrive. */
  async settle(): Promise<void> {
    for (const regular of this.#regulars) regular.stop();
    const counting = this.#countDead();
    await this.#until(() => this.checker.isSettled, this.#world.settle);
    await this.#lookForLetters();
    await this.checkPresence();
    // By now all but the first have left and come again: each has to be seen, and to see the others.
    for (const attendant of this.#attendants) attendant.come();
    await this.checkPresence();
    await counting;
    this.#endedAt = this.#world.clock.now();
  }

  /** Ends all clients. */
  end(): void {
    this.#isOver = true;
    this.#endedAt ??= this.#world.clock.now();
    this.#fail(new VerifyError("The run was ended before its clients were at work"));
    for (const actor of [...this.#regulars, ...this.#receivers, ...this.#subscribers, ...this.#attendants]) actor.end();
    this.#clerk?.end();
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
    await this.#warm("Direct messages are refused", this.#receivers.map(({ ready }) => ready));
    const all = (kind: new (...args: never[]) => Regular) =>
      this.#regulars.filter((regular) => regular instanceof kind).map((regular) => regular.begin());
    await this.#warm("Publishing is refused", all(Publisher));
    await this.#warm("Messages for the handler are refused", all(Sayer));
    await this.#warm("Sending direct messages is refused", all(Sender));
    await this.#warm("Calls are refused", all(Caller));
    const expected = this.#expected();
    await this.#until(() => this.#seesRight(expected), Infinity);
  }

  async #warm(what: string, first: readonly Promise<void>[]): Promise<void> {
    try {
      await Promise.all(first);
    } catch (error) {
      const hint = (error as { readonly reason?: string }).reason === "forbidden"
        ? "; --prefix names other channels"
        : "";
      throw new VerifyError(`${what}: ${(error as Error).message}${hint}`, { cause: error });
    }
  }

  /** While direct messages are owed: some of them may be dead letters by now. */
  async #countDead(): Promise<void> {
    const end = this.#world.clock.now() + this.#world.settle;
    const isOver = (): boolean => this.#isOver || this.checker.letters.isSettled || this.#world.clock.now() >= end;
    while (this.#clerk !== null && !isOver()) {
      await this.#clerk.countDead();
      await this.#until(isOver, DEAD_EVERY);
    }
  }

  /** To a newcomer nothing comes that is dealt with, when the last acknowledgements have had their time. */
  async #lookForLetters(): Promise<void> {
    if (this.#clerk === null) return;
    const end = this.#world.clock.now() + this.#world.settle;
    for (;;) {
      const left = await this.#clerk.leftOver();
      if (this.#isOver || left.length === 0) return;
      if (this.#world.clock.now() < end) continue;
      for (const [queue, seq] of left) this.checker.letters.left(queue, seq);
      return;
    }
  }

  #worlds(): readonly ActorWorld[] {
    const { clock, random, run, stretch, lines, channels, token = null } = this.#world;
    const names = Array.from({ length: channels }, (_, i) => `${this.#place}:${i + 1}`);
    const gaveUp = (name: string, error: Error): void => this.#gaveUp(name, error);
    const common = {
      clock,
      random,
      run,
      stretch,
      token,
      channels: names,
      gaveUp,
      checker: this.checker,
      tally: this.tally,
    };
    return lines.map((line) => ({ ...common, ...line }));
  }

  #notReady(limit: number): VerifyError {
    const published = this.checker.acknowledgedSoFar;
    const seen = this.#attendants.map(({ seen }) => seen?.length ?? 0);
    return new VerifyError(
      `Not all clients were at work within ${limit} ms: subscribed and published, they had ${published} acknowledgements ` +
        `and saw ${Math.min(...seen)} of ${this.clients.members} members; check --ws-path, and that the server lets ` +
        `whoever has ${this.#tokenWords} subscribe to ${this.#place}:1 and the like, and publish there (--token, --prefix)`,
    );
  }

  /** What names of channels begin with. */
  get #place(): string {
    return `${this.#world.prefix ?? ""}verify`;
  }

  get #tokenWords(): string {
    const { token } = this.#world;
    return token === undefined ? "no token" : `the token ${JSON.stringify(token)}`;
  }

  /** Who is a member at the moment. */
  #expected(): readonly string[] {
    return this.#attendants.map(({ member }) => member).filter((name) => name !== null);
  }

  #seesRight(expected: readonly string[]): boolean {
    const wanted = [...expected].sort().join();
    return this.#attendants.every(({ seen }) => seen === null || [...seen].sort().join() === wanted);
  }

  #gaveUp(name: string, error: Error): void {
    if (this.#isOver) return;
    if (this.#isReady) return this.checker.blame("gaveUp", `${name}: ${error.message}`);
    const said = (error as { readonly reason?: string }).reason === "unauthorized"
      ? `; it had ${this.#tokenWords}, --token gives it another`
      : "";
    this.#failure ??= new VerifyError(`A client was sent away: ${error.message}${said}`, { cause: error });
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

/** How many do what. */
function clientsOf({ clients, lines: [{ speech }], extras }: ChannelWorld): ChannelClients {
  const third = Math.max(1, Math.floor(clients / 3));
  const some = (extra: ChannelExtra): number =>
    extras.includes(extra) && speech.extras.includes(extra) ? Math.max(1, Math.floor(third / 2)) : 0;
  return {
    publishers: third,
    sayers: some("messages"),
    subscribers: Math.max(1, clients - 2 * third),
    members: speech.hasPresence ? third : 0,
    senders: some("direct"),
    receivers: some("direct") === 0 ? 0 : CLIENTS_OF_USER * Math.max(1, Math.floor(third / 3)),
    callers: some("calls"),
  };
}

/** Lets clients loose. */
export function startChannels(world: ChannelWorld): ChannelStage {
  return new ChannelStage(world);
}

/**
 * Who sends direct messages, who takes them, and who looks at what is left of them in the end.
 *
 * @module
 */
import { Actor, type ActorWorld, Regular } from "./actor.ts";
import { METHODS, reasonOf } from "./askers.ts";
import type { CheckedLetter } from "./letter_checker.ts";
import type { Speaker, SpokenLetter } from "./speaker.ts";

/** Where direct messages go. */
export interface Mailbox {
  /** Its name in the account. */
  readonly queue: string;
  /** Its name for the server. */
  readonly to: { readonly user: string } | { readonly session: string };
}

/** What one carries. */
interface LetterData {
  readonly run: string;
  readonly queue: string;
  readonly seq: number;
  /** Nobody acknowledges it. */
  readonly isPoison: boolean;
}

/** How long a sender waits for an answer, and before it asks again. Times in ms. */
const ANSWER_LIMIT = 20_000;
const AGAIN_AFTER = 200;
/** Of so many messages one waits for its acknowledgement, so long at the most: a drain waits for it, too. */
const WAITS_SHARE = 5;
const ACK_WAIT = 200;
/** Of so many messages of users one is for nobody, and the first one: no run is to be without. */
const POISON_SHARE = 40;
/** What was not taken for now, or nobody knows. */
const TEMPORARY: readonly string[] = ["unavailable", "draining", "timeout"];

/** How long an application takes, by what it does. */
const SOON: readonly [least: number, most: number] = [0, 300];
const LATE: readonly [least: number, most: number] = [1000, 3000];
/** How long one is to stay away that was refused, and one that is for nobody. */
const AWAY: readonly [least: number, most: number] = [0, 400];
const POISON_AWAY: readonly [least: number, most: number] = [0, 30];
/** Whoever has had one so often does not refuse it any more: it is not to become a dead letter. */
const MOST_REFUSALS = 2;
/** A timer of a server may be early by its clock's grain. */
const GRAIN = 5;
/** How long a newcomer looks whether anything comes to it. */
const AUDIT = 300;

/** Sends direct messages to all mailboxes, until each is acknowledged by the server. */
export class Sender extends Regular {
  readonly #mailboxes: () => readonly Mailbox[];
  #hasPoisoned = false;

  /** @param mailboxes Those that are known by now. */
  constructor(world: ActorWorld, name: string, rate: number, mailboxes: () => readonly Mailbox[]) {
    super(world, name, rate);
    this.#mailboxes = mailboxes;
  }

  protected override async act(): Promise<void> {
    const { random, run, checker: { letters } } = this.world;
    const mailboxes = this.#mailboxes();
    const { queue, to } = mailboxes[Math.floor(random() * mailboxes.length)];
    const isPoison = "user" in to && (!this.#hasPoisoned || random() * POISON_SHARE < 1);
    this.#hasPoisoned ||= isPoison;
    const ack = !isPoison && random() * WAITS_SHARE < 1 ? ACK_WAIT : 0;
    const seq = letters.sending(queue, isPoison);
    const data: LetterData = { run, queue, seq, isPoison };
    const question = { to, data, id: `${run}:${queue}:${seq}`, ack };
    while (!this.isOver) {
      try {
        const answer = await this.speaker.call(METHODS.send, question, { idempotent: true, timeout: ANSWER_LIMIT });
        letters.kept(queue, seq);
        if (ack > 0 && (answer as { readonly acknowledged?: unknown })?.acknowledged === true) {
          letters.settled(queue, seq);
        }
        return;
      } catch (error) {
        if (this.isOver) return;
        if (!TEMPORARY.includes(reasonOf(error))) {
          letters.refused(queue, seq);
          throw error;
        }
      }
      await this.pause(AGAIN_AFTER);
    }
  }
}

/** How a receiver lives. */
export type ReceiverKind = "steady" | "renewed";

/** Takes the direct messages of a user: deals with them, refuses some, takes its time. */
export class Receiver extends Actor {
  readonly #user: string;
  readonly #queue: string;
  readonly #kind: ReceiverKind;
  #speaker: Speaker | null = null;
  #life = 0;
  #session: string | null = null;
  /** Fulfils when it has had an answer; rejects if the server does not do its part. */
  readonly ready: Promise<void>;

  /** @param user Whose messages it takes. */
  constructor(world: ActorWorld, name: string, user: string, kind: ReceiverKind) {
    super(world, name);
    this.#user = user;
    this.#queue = `user ${user}`;
    this.#kind = kind;
    this.ready = this.#connect();
    const again = (): void => void this.#connect().catch(() => {});
    this.ready.then(() => kind === "renewed" && this.renew(again), () => {});
  }

  /** Where it can be sent messages. */
  get mailboxes(): readonly Mailbox[] {
    const session = this.#kind === "steady" ? this.#session : null;
    return [
      { queue: this.#queue, to: { user: userOf(this.world, this.#user) } },
      ...session === null ? [] : [{ queue: this.#ownQueue, to: { session } }],
    ];
  }

  override end(): void {
    super.end();
    this.#speaker?.close();
  }

  get #ownQueue(): string {
    return `session ${this.name}`;
  }

  /** As a page that is loaded anew: it has forgotten what it has acknowledged. */
  async #connect(): Promise<void> {
    this.#speaker?.close();
    const client = `${this.name}.${++this.#life}`;
    this.world.checker.letters.arrived(client, [this.#queue, this.#ownQueue]);
    const speaker = this.#speaker = this.speak({ user: userOf(this.world, this.#user), client });
    speaker.letters((letter) => this.#take(speaker, client, letter));
    this.#session = (await whoIs(speaker, this.world)).session;
  }

  #take(speaker: Speaker, client: string, letter: SpokenLetter): void {
    const { checker: { letters }, clock, random, run } = this.world;
    const { queue, seq, isPoison, run: of } = letter.data as LetterData;
    if (of !== run) return letter.ack();
    const checked: CheckedLetter = { queue, seq, id: letter.id, attempt: letter.attempt };
    letters.handed(client, checked, clock.now());
    const refuse = (range: readonly [number, number]): void => {
      const ms = Math.round(this.between(range));
      letters.nacked(client, checked, clock.now() + ms - GRAIN);
      letter.nack(ms);
    };
    const deal = (): void => {
      if (speaker !== this.#speaker) return;
      letters.acknowledged(client, checked);
      letter.ack();
    };
    const roll = random();
    if (isPoison) refuse(POISON_AWAY);
    else if (roll < 0.7) deal();
    else if (roll < 0.85) this.after(this.between(SOON), deal);
    else if (roll < 0.95 && letter.attempt <= MOST_REFUSALS) refuse(AWAY);
    else this.after(this.between(LATE), deal);
  }
}

/** Looks at the queues of users when all is over. */
export class Clerk extends Actor {
  readonly #speaker: Speaker = this.speak();
  readonly #users: ReadonlyMap<string, string>;

  constructor(world: ActorWorld, name: string, users: readonly string[]) {
    super(world, name);
    this.#users = new Map(users.map((user) => [`user ${user}`, userOf(world, user)]));
  }

  override end(): void {
    super.end();
    this.#speaker.close();
  }

  /** Asks for the dead letters of whoever is owed something. */
  async countDead(): Promise<void> {
    const { checker: { letters }, run } = this.world;
    for (const queue of letters.owing) {
      const user = this.#users.get(queue);
      if (user === undefined) continue;
      try {
        const dead = await this.#speaker.call(METHODS.dead, { user }, { idempotent: true, timeout: ANSWER_LIMIT });
        const ours = (dead as readonly LetterData[]).filter((data) => data.run === run);
        letters.dead(queue, ours.map(({ seq }) => seq));
      } catch {
        // What is not known to be dead is lost, which is told.
      }
    }
  }

  /** What comes to a newcomer though it is dealt with, of all users. */
  async leftOver(): Promise<readonly (readonly [queue: string, seq: number])[]> {
    const left = await Promise.all([...this.#users.values()].map((user) => this.#leftOf(user)));
    return left.flat();
  }

  async #leftOf(user: string): Promise<readonly (readonly [queue: string, seq: number])[]> {
    const { checker: { letters }, stretch, run } = this.world;
    const found: (readonly [string, number])[] = [];
    const speaker = this.speak({ user, client: `${this.name} of ${user}` });
    speaker.letters(({ data }) => {
      const { queue, seq, run: of } = data as LetterData;
      if (of === run && letters.isOver(queue, seq)) found.push([queue, seq]);
    });
    try {
      await whoIs(speaker, this.world);
      await this.pause(AUDIT * stretch);
    } catch {
      // Nobody answers: what the others see of it is told.
    }
    speaker.close();
    return found;
  }
}

/** Its name for the server: those of another run are others. */
function userOf({ run }: ActorWorld, user: string): string {
  return `${run}-${user}`;
}

async function whoIs(speaker: Speaker, { stretch }: ActorWorld): Promise<{ readonly session: string }> {
  const answer = await speaker.call(METHODS.who, null, { idempotent: true, timeout: ANSWER_LIMIT * stretch });
  const { session } = (answer ?? {}) as { readonly session?: unknown };
  if (typeof session !== "string") throw new Error(`It answers ${JSON.stringify(METHODS.who)} without a session`);
  return { session };
}

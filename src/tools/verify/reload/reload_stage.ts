/**
 * Where clients of all kinds are let loose on a server at once, for as long as it is reloaded.
 *
 * @module
 */
import { Client } from "../client.ts";
import { Lookout } from "../lookout.ts";
import type { ScenarioWorld } from "../scenario.ts";
import { VerifyError } from "../stage.ts";
import { type OwnTalk, talkFor } from "../talk/kinds.ts";
import type { TalkEvents } from "../talk/talk.ts";
import type { ClientConn } from "../wire.ts";
import type { ClientKind } from "./reload_api.ts";
import { ReloadLedger, type Visit } from "./reload_ledger.ts";

/** Longest wait in ms until all clients are at work: who has had no answer by then won't have one. */
const READY_LIMIT = 10_000;
/** Longest time in ms from the word to leave until the last client has: answers may take long. */
const LEAVE_LIMIT = 10_000;
/** Longest wait in ms for the end of a connection that its client has left. */
const END_LIMIT = 1000;
/** Rest in ms of a client that got no connection: who tries without a rest only measures how fast it is refused. */
const REFUSED_REST = 50;
/** Least think time in ms: a FIN that rides with an answer is a segment of its own and must have time to arrive. */
const LEAST_THINK = 10;
/** Time in ms within which clients see that a killed worker is gone: a machine that is busy tells it late. */
const KILL_SEEN = 500;
/** Round trips that may come on top of any of these. */
const TRIPS = 4;
/** What a client can't be blamed for, nor a server: this machine has no more of something. */
const OUR_OWN: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);

/** Where it takes place. */
export interface ReloadWorld extends ScenarioWorld {
  /** Target of WebSockets beside HTTP; null: there are none. */
  readonly webSocketPath: string | null;
}

/** What a client does on one connection. */
export type Play = (client: Client) => Promise<void>;

/** A client: what it is, what it speaks, and what it does until all leave. */
export interface Cast {
  readonly kind: ClientKind;
  /** What sets its talk apart from that of the world. */
  talk(world: ReloadWorld): Pick<OwnTalk, "kind" | "path">;
  /** One connection, from first to last, and the rest behind it. */
  role(stage: ReloadStage, index: number, self: Pick<Cast, "kind" | "talk">): Promise<void>;
}

/** One run: from the first connection until every client has left. */
export class ReloadStage {
  readonly world: ReloadWorld;
  /** What happened. */
  readonly ledger: ReloadLedger;
  /** How many clients of each kind there are. */
  readonly clients: Readonly<Partial<Record<ClientKind, number>>>;
  /** Fulfils when every client has had an answer; rejects, in bounded time, if one can't get any. */
  readonly ready: Promise<void>;
  /** Fulfils when every client has left, in bounded time after `leave()` or `abort()`; never rejects. */
  readonly finished: Promise<void>;
  readonly #lookout: Lookout;
  readonly #open: Set<Client> = new Set();
  readonly #pauses: Set<() => void> = new Set();
  readonly #cold: Set<number>;
  readonly #stopWaiting: (() => void)[] = [];
  #leaving = false;
  #over = false;
  /** What was seen so far is not worth anything: nobody has waited for the end. */
  #broken = false;
  #isReady = false;
  #remark: string | null = null;
  #failure: Error | null = null;
  #setReady!: () => void;
  #fail!: (error: Error) => void;

  constructor(world: ReloadWorld, cast: readonly Cast[]) {
    const { clock, grace } = world;
    this.world = world;
    this.#lookout = new Lookout(clock);
    this.ledger = new ReloadLedger({ begunAt: clock.now(), killSeen: this.patience(KILL_SEEN), grace });
    this.ready = new Promise((resolve, reject) => {
      this.#setReady = resolve;
      this.#fail = reject;
    });
    this.ready.catch(() => {});
    this.clients = countKinds(cast);
    this.#cold = new Set(cast.keys());
    this.#limit(READY_LIMIT, () => this.#fail(this.#notReady()));
    this.finished = Promise.all(cast.map((each, index) => this.#play(each, index))).then(() => this.#end());
  }

  /** Why the clients could not go on, if they could not: no fault of the server. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Clients are to finish what they are at, and to leave. */
  get isLeaving(): boolean {
    return this.#leaving;
  }

  // What the runner says.

  /** Clients finish what they are at, and leave. */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#limit(LEAVE_LIMIT, () => this.#giveUp());
    for (const wake of [...this.#pauses]) wake();
  }

  /** Ends all clients at once; what is open then is not accounted for. */
  abort(): void {
    this.#broken = true;
    this.leave();
    this.#giveUp();
  }

  // What clients use.

  /** How long to wait for what takes so many ms at the most where the server is near and has the machine to itself. */
  patience(ms: number): number {
    const { stretch, roundTrip } = this.world;
    return ms * stretch + TRIPS * roundTrip;
  }

  /** Connects, plays, leaves, and accounts for it; rests if no connection was to be had. */
  async visit(kind: ClientKind, talk: Cast["talk"], play: Play): Promise<void> {
    const dialledAt = this.world.clock.now();
    const conn = await this.#dial(kind, dialledAt);
    if (conn === null) return this.#leaving ? undefined : this.pause(this.patience(REFUSED_REST));
    const port = conn.local.transport === "tcp" ? conn.local.port : null;
    const visit = this.ledger.open({ kind, dialledAt }, this.world.clock.now(), port);
    const client = this.#clientOn(conn, visit, talk);
    this.#open.add(client);
    await play(client);
    await this.#part(client, visit);
    this.#open.delete(client);
    if (!this.#broken) this.ledger.settle(visit);
  }

  /** The client with this index has had what it came for. */
  warm(index: number): void {
    this.#cold.delete(index);
    if (this.#cold.size > 0 || this.#isReady) return;
    this.#isReady = true;
    this.#setReady();
  }

  /** Fulfils in so many ms, or when clients are to leave. */
  pause(ms: number): Promise<void> {
    if (this.#leaving) return Promise.resolve();
    return this.#wait(ms).done;
  }

  /** Thinks as long as the world's clients do, then looks whether something has come. */
  async think(): Promise<void> {
    await this.pause(this.between(LEAST_THINK, Math.max(this.world.think, LEAST_THINK)));
    await this.look();
  }

  /** Lets what waits in the kernel be read: who sends behind this has seen what there was to see. */
  look(): Promise<void> {
    return this.#over ? Promise.resolve() : this.#lookout.look();
  }

  /** A random number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + this.world.random() * (high - low);
  }

  async #play({ role, ...cast }: Cast, index: number): Promise<void> {
    try {
      while (!this.#leaving) await role(this, index, cast);
    } catch (error) {
      this.#break(error as Error);
    }
  }

  #clientOn(conn: ClientConn, { account }: Visit, talk: Cast["talk"]): Client {
    const own = { ...talk(this.world), client: account.client, remark: (text: string) => void (this.#remark ??= text) };
    return new Client(conn, this.world.clock, account, (events: TalkEvents) => talkFor(this.world, own, events));
  }

  /** Leaves, and waits for the end for a while. */
  async #part(client: Client, visit: Visit): Promise<void> {
    visit.left = client.open && client.pending === 0;
    if (!client.over) client.leave();
    const limit = this.#wait(this.patience(END_LIMIT), false);
    await Promise.race([client.ended(), limit.done]);
    limit.cancel();
    if (!client.over) client.abort();
  }

  /** A connection that comes when the run is over is dropped: nobody waits for it any more. */
  #dial(kind: ClientKind, dialledAt: number): Promise<ClientConn | null> {
    return new Promise((resolve) => {
      const give = () => resolve(null);
      this.#pauses.add(give);
      const came = (conn: ClientConn | null) => {
        this.#pauses.delete(give);
        if (this.#leaving) conn?.abort();
        resolve(this.#leaving ? null : conn);
      };
      this.world.connect().then(came, (error) => {
        this.#refused(kind, dialledAt, error);
        came(null);
      });
    });
  }

  #refused(kind: ClientKind, dialledAt: number, error: Error & { readonly code?: string }): void {
    const { code = "", message } = error;
    if (this.#broken || this.#over) return;
    const failed = new VerifyError(`No connection: ${message}`, { cause: error });
    if (OUR_OWN.has(code)) return this.#break(failed);
    if (!this.#isReady) this.#fail(failed);
    this.ledger.refuse({ kind, dialledAt }, this.world.clock.now(), code, message);
  }

  #break(error: Error): void {
    this.#failure ??= error;
    this.#fail(error);
    this.abort();
  }

  #wait(ms: number, untilLeaving: boolean = true): { readonly done: Promise<void>; cancel(): void } {
    let wake!: () => void;
    const done = new Promise<void>((resolve) => wake = resolve);
    const stop = this.world.clock.setTimer(() => end(), ms);
    const end = () => {
      stop();
      this.#pauses.delete(end);
      wake();
    };
    if (untilLeaving) this.#pauses.add(end);
    return { done, cancel: end };
  }

  #notReady(): VerifyError {
    const [warm, limit] = [
      `${this.world.clients - this.#cold.size} of ${this.world.clients}`,
      this.patience(READY_LIMIT),
    ];
    const { details } = this.ledger.report({ command: "", kind: this.world.kind, clients: {} }, 0);
    const hint = details[0] ?? this.#remark ?? "check that the server answers";
    return new VerifyError(`Only ${warm} clients got an answer within ${limit} ms: ${hint}`);
  }

  /** Who has not left by now is dropped. */
  #giveUp(): void {
    if (this.#over) return;
    this.#over = true;
    this.#fail(new VerifyError("The run was ended before its clients were at work"));
    for (const wake of [...this.#pauses]) wake();
    for (const client of this.#open) client.abort();
  }

  #end(): void {
    this.#over = true;
    for (const stop of this.#stopWaiting.splice(0)) stop();
    this.ledger.ends(this.world.clock.now());
  }

  #limit(ms: number, act: () => void): void {
    this.#stopWaiting.push(this.world.clock.setTimer(act, this.patience(ms)));
  }
}

function countKinds(cast: readonly Cast[]): Partial<Record<ClientKind, number>> {
  const counts: Partial<Record<ClientKind, number>> = {};
  for (const { kind } of cast) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

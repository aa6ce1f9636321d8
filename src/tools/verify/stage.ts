/**
 * Where a scenario plays: it makes the clients, passes the signal on to them, and sees to it that all of them end.
 *
 * @module
 */
import { SluiceError } from "@sluice/sluice";
import { Client, type ClientOptions } from "./client.ts";
import { Ledger } from "./ledger.ts";
import { Lookout } from "./lookout.ts";
import { talkFor } from "./talk/kinds.ts";
import type { TalkEvents } from "./talk/talk.ts";
import type { ScenarioRun, ScenarioWorld } from "./scenario.ts";
import type { Expectation, StopResult } from "./verify_api.ts";
import type { ClientConn } from "./wire.ts";

/** Longest wait in ms until all clients are as busy as the scenario wants: what isn't busy by then won't be. */
const READY_LIMIT = 10_000;
/** Time in ms that clients have to see their ends once the server has gone: what it sent waits in their own kernel. */
const AFTER_EXIT = 2000;
/** Time in ms behind the grace after which the run ends even if nobody has said that the server has gone. */
const SPARE = 5000;
/** Round trips that may come on top of any of these: clients connect, are greeted, ask, and leave. */
const TRIPS = 4;
/** Least think time in ms: a FIN that rides with an answer is a segment of its own and must have time to arrive. */
const LEAST_THINK = 10;
/** The clients can't get to work with this server. */
export class VerifyError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_VERIFY", message, options);
    this.name = "VerifyError";
  }
}

/** What one client of a scenario does, `index` counted from 0. */
export type Role = (stage: Stage, index: number) => Promise<void>;

/** One run of a scenario. */
export class Stage implements ScenarioRun {
  readonly world: ScenarioWorld;
  readonly ledger: Ledger;
  readonly ready: Promise<void>;
  readonly finished: Promise<void>;
  readonly #expectation: Expectation;
  readonly #lookout: Lookout;
  readonly #clients: Set<Client> = new Set();
  readonly #pauses: Set<() => void> = new Set();
  readonly #atSignal: Set<() => void> = new Set();
  readonly #roles: Promise<unknown>;
  readonly #warm: Set<number> = new Set();
  #over = false;
  /** What is odd about the server, if it is. */
  #remark: string | null = null;
  #serverGone = false;
  readonly #stopWaiting: (() => void)[] = [];
  #setReady!: () => void;
  #fail!: (error: Error) => void;
  #finish!: () => void;

  constructor(world: ScenarioWorld, expectation: Expectation, role: Role) {
    this.world = world;
    this.#expectation = expectation;
    this.#lookout = new Lookout(world.clock);
    this.ledger = new Ledger(expectation, world.grace);
    this.ready = new Promise((resolve, reject) => {
      this.#setReady = resolve;
      this.#fail = reject;
    });
    this.ready.catch(() => {});
    this.finished = new Promise((resolve) => this.#finish = resolve);
    this.#limit(this.patience(READY_LIMIT), () => this.#fail(this.#notReady()));
    this.#roles = Promise.all(Array.from({ length: world.clients }, (_, i) => this.#play(role, i)));
  }

  /** The signal has been sent. */
  get isSignalled(): boolean {
    return this.ledger.signalAt !== null;
  }

  /** The run is over: nothing more is to be done. */
  get isOver(): boolean {
    return this.#over;
  }

  // What the runner says.

  signalled(): void {
    if (this.isSignalled) return;
    const { secondAfter, signals } = this.#expectation;
    const { grace } = this.world;
    this.#limit(grace + (signals - 1) * secondAfter + this.patience(SPARE), () => this.abort());
    for (const act of [...this.#atSignal]) act();
    this.#atSignal.clear();
    // What they sent came before the signal.
    this.ledger.signalled(this.world.clock.now());
  }

  gone(stop: StopResult): void {
    if (this.#serverGone) return;
    this.#serverGone = true;
    this.ledger.stopped(stop);
    this.#limit(this.patience(AFTER_EXIT), () => this.abort());
    for (const client of this.#clients) client.resume();
    void this.#allEnded().then(() => this.abort());
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#fail(new VerifyError("The run was ended before its clients were ready"));
    for (const stop of this.#stopWaiting.splice(0)) stop();
    for (const wake of [...this.#pauses]) wake();
    for (const act of [...this.#atSignal]) act();
    for (const client of this.#clients) client.abort();
    this.ledger.close();
    void this.#roles.then(() => this.#finish());
  }

  // What roles use.

  /** How long to wait for what takes so many ms at the most where the server is near and has the machine to itself. */
  patience(ms: number): number {
    const { stretch, roundTrip } = this.world;
    return ms * stretch + TRIPS * roundTrip;
  }

  /** A new client; null if the connection was refused, or the run is over. */
  async connect(options: ClientOptions & { path?: string } = {}): Promise<Client | null> {
    const { world, ledger } = this;
    const conn = await this.#dial();
    if (conn === null) return null;
    const account = ledger.open(world.clock.now(), options.silent === true);
    const own = { client: account.client, path: options.path, remark: (text: string) => void (this.#remark ??= text) };
    const talk = (events: TalkEvents) => talkFor(world, own, events);
    const client = new Client(conn, world.clock, account, talk, options);
    this.#clients.add(client);
    return client;
  }

  /** A new client that has had its first answer, and is known to be accepted; null if it came to nothing. */
  async greeted(options: ClientOptions = {}): Promise<Client | null> {
    const client = await this.connect(options);
    if (client === null || !(await client.settled())) return null;
    client.send(0);
    return await client.settled() ? client : null;
  }

  /** The client with this index is as busy as the scenario wants. */
  warm(index: number): void {
    this.#warm.add(index);
    if (this.#warm.size === this.world.clients) this.#setReady();
  }

  /** Fulfils in so many ms, or when the run is over. */
  pause(ms: number): Promise<void> {
    if (this.#over) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        cancel();
        this.#pauses.delete(wake);
        resolve();
      };
      const cancel = this.world.clock.setTimer(wake, ms);
      this.#pauses.add(wake);
    });
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

  /** Calls `act` just before the signal is sent; at once if it was. */
  atSignal(act: () => void): void {
    if (this.isSignalled || this.#over) act();
    else this.#atSignal.add(act);
  }

  /** Fulfils when the signal is sent, or the run is over. */
  signal(): Promise<void> {
    return new Promise((resolve) => this.atSignal(resolve));
  }

  /** A random number from `low` to `high`. */
  between(low: number, high: number): number {
    return low + this.world.random() * (high - low);
  }

  async #play(role: Role, index: number): Promise<void> {
    try {
      await role(this, index);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  async #allEnded(): Promise<void> {
    await this.#roles;
    for (const client of this.#clients) await client.ended();
  }

  /** A connection that comes when the run is over is dropped: nobody waits for it any more. */
  #dial(): Promise<ClientConn | null> {
    if (this.#over) return Promise.resolve(null);
    return new Promise((resolve) => {
      const give = () => resolve(null);
      this.#pauses.add(give);
      const came = (conn: ClientConn | null) => {
        this.#pauses.delete(give);
        if (this.#over) conn?.abort();
        resolve(this.#over ? null : conn);
      };
      this.world.connect().then(came, (error) => {
        this.#refused(error);
        came(null);
      });
    });
  }

  #refused(error: Error & { code?: string }): void {
    const now = this.world.clock.now();
    if (!this.isSignalled) this.#fail(new VerifyError(`No connection: ${error.message}`, { cause: error }));
    if (!this.#over) this.ledger.refuse(now, error.code === "ECONNRESET", error.message);
  }

  #notReady(): VerifyError {
    const [warm, limit] = [`${this.#warm.size} of ${this.world.clients}`, this.patience(READY_LIMIT)];
    const busy = `${warm} clients got as far as the scenario wants within ${limit} ms`;
    const [loss] = this.ledger.losses().filter(({ blamed }) => blamed);
    return new VerifyError(`Only ${busy}: ${loss?.detail ?? this.#remark ?? "check that the server answers"}`);
  }

  #limit(ms: number, act: () => void): void {
    this.#stopWaiting.push(this.world.clock.setTimer(act, ms));
  }
}

/** Reloads of servers by hand, in memory and in virtual time. */
import { memoryAdapter } from "../../adapters/memory/mod.ts";
import { type Conn, Dialer, listen, type Listener } from "../../mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import {
  type ReloadLossName,
  type ReloadReport,
  type ReloadStage,
  type ReloadWorld,
  startReloads,
  type VerifyKind,
} from "../../src/tools/verify/mod.ts";
import { dice } from "./dice.ts";
import { type Accepting, type Faults, HandServer } from "./verify_losers.ts";
import { GRACE, until } from "./verify_world.ts";
import type { Home } from "./verify_world.ts";

/** How a reload lasts, and how long clients are alone before it, in ms: an old generation is gone by then. */
const RELOAD = 4500;
const REST = 400;

/** What a server does wrong. */
export interface ReloadFaults extends Faults {
  /** The listening socket is closed for so many ms in the middle. */
  readonly gap?: number;
  /** What comes in the first so many ms of a reload waits in a queue that dies. */
  readonly deadQueue?: number;
  /** The old generation is dropped. */
  readonly drops?: boolean;
}

/** How reloads are played. */
export interface ReloadPlay {
  readonly kind: VerifyKind;
  readonly seed?: number;
  readonly faults?: ReloadFaults;
  /** @default 2 */
  readonly reloads?: number;
  /** Before each reload the generation that serves is killed, and another one is there at once. */
  readonly kills?: boolean;
  /** Each reload says that it has failed. */
  readonly fails?: boolean;
  readonly clients?: number;
  readonly world?: Partial<ReloadWorld>;
}

/** Takes connections from somebody else's listener while it is in. */
class Handed implements Accepting {
  readonly address: Accepting["address"];
  readonly #waiting: Conn[] = [];
  #wake: () => void = () => {};
  #over = false;

  constructor(address: Accepting["address"]) {
    this.address = address;
  }

  take(conn: Conn): void {
    this.#waiting.push(conn);
    this.#wake();
  }

  close(): Promise<void> {
    this.#over = true;
    this.#wake();
    return Promise.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Conn> {
    while (!this.#over || this.#waiting.length > 0) {
      const conn = this.#waiting.shift();
      if (conn !== undefined) yield conn;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

/** One address, and a server behind it that is replaced. */
class Reloaded {
  readonly home: Home;
  readonly faults: ReloadFaults;
  #listener: Listener;
  #handed!: Handed;
  #server!: HandServer;
  #queue: Conn[] | null = null;

  constructor(home: Home, listener: Listener, faults: ReloadFaults) {
    this.home = home;
    this.faults = faults;
    this.#listener = listener;
    this.#next();
    void this.#accept(listener);
  }

  get port(): number {
    const { address } = this.#listener;
    return address.transport === "tcp" ? address.port : 0;
  }

  async reload(): Promise<void> {
    const { gap = 0, deadQueue = 0, drops = false } = this.faults;
    const old = this.#server;
    if (deadQueue > 0) await this.#loseQueue(deadQueue);
    if (gap > 0) await this.#goAway(gap);
    this.#next();
    if (drops) old.again();
    else await old.signal();
  }

  /** It dies with all that it has, and the next one is there already. */
  kill(): void {
    const old = this.#server;
    this.#next();
    old.again();
  }

  async stop(): Promise<void> {
    await this.#listener.close();
    this.#server.again();
  }

  #next(): void {
    this.#handed = new Handed(this.#listener.address);
    this.#server = new HandServer(this.home, this.#handed, this.faults);
  }

  async #accept(listener: Listener): Promise<void> {
    for await (const conn of listener) {
      if (this.#queue === null) this.#handed.take(conn);
      else this.#queue.push(conn);
    }
  }

  async #goAway(ms: number): Promise<void> {
    const { adapter, clock } = this.home;
    const { port } = this;
    await this.#listener.close();
    await this.#sleep(ms);
    this.#listener = await listen({ port, hostname: "127.0.0.1", adapter, clock, lingerTimeout: 1000 });
    void this.#accept(this.#listener);
  }

  async #loseQueue(ms: number): Promise<void> {
    const queue: Conn[] = this.#queue = [];
    await this.#sleep(ms);
    this.#queue = null;
    for (const conn of queue) conn.abort();
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.home.clock.setTimer(resolve, ms));
  }
}

/** The world of such clients. */
export function reloadWorld(
  clock: VirtualClock,
  more: Pick<ReloadWorld, "connect"> & Partial<ReloadWorld>,
): ReloadWorld {
  return {
    ...{ kind: "tcp", clock, random: () => 0.5, clients: 6, grace: GRACE, host: "test", path: "/", uploadPath: null },
    ...{ streamPath: null, webSocketPath: null, expect: "echo", bigSize: 2000, think: 30, roundTrip: 0, stretch: 1 },
    ...more,
  };
}

/** Plays reloads to their end. */
export async function playReloads(options: ReloadPlay): Promise<ReloadReport> {
  const { kind, seed = 1, faults = {}, clients = 6, reloads = 2, kills = false } = options;
  const clock = new VirtualClock({ turns: 2 });
  const adapter = memoryAdapter({ seed, clock });
  const roll = dice(seed);
  const random = () => roll(1 << 20) / (1 << 20);
  const listener = await listen({ port: 0, hostname: "127.0.0.1", adapter, clock, lingerTimeout: 1000 });
  const server = new Reloaded({ adapter, clock, kind, random, roundTrip: 0 }, listener, faults);
  const dialer = new Dialer({ adapter, clock, lingerTimeout: 60_000, keepAlive: 0 });
  const connect = () => dialer.connect({ port: server.port });
  const stage = startReloads(reloadWorld(clock, { kind, connect, random, clients, ...options.world }));
  await until(clock, stage.ready);
  for (let i = 0; i < reloads; i++) {
    await clock.advance(REST);
    if (kills) await kill(stage, server, clock);
    await reload(stage, server, clock, options.fails === true ? "exit code 1" : null);
  }
  await clock.advance(REST);
  stage.leave();
  await until(clock, stage.finished);
  stage.ledger.stopped(clock.now(), { took: 1, code: 0, signal: null });
  await server.stop();
  await clock.advance(5000);
  if (adapter.openSockets > 0) throw new Error(`${adapter.openSockets} sockets are left open`);
  return stage.ledger.report({ command: "hand", kind, clients: stage.clients }, reloads);
}

async function reload(
  { ledger }: ReloadStage,
  server: Reloaded,
  clock: VirtualClock,
  failure: string | null,
): Promise<void> {
  ledger.begins("reload", clock.now());
  void server.reload();
  await clock.advance(RELOAD);
  ledger.ends(clock.now(), failure);
}

async function kill({ ledger }: ReloadStage, server: Reloaded, clock: VirtualClock): Promise<void> {
  ledger.begins("kill", clock.now());
  server.kill();
  await clock.advance(1000);
  ledger.ends(clock.now());
}

/** Classes with a loss. */
export function foundIn({ total: { losses } }: ReloadReport): ReloadLossName[] {
  return (Object.keys(losses) as ReloadLossName[]).filter((name) => losses[name] > 0);
}

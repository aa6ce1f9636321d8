/**
 * Measures in process what registry and timers cost a connection, among few and among many: `scale.ts ROUNDS`.
 * The sockets do nothing, and the clock is moved by hand, so that only the server's own work counts.
 *
 * @module
 */
import process from "node:process";
import {
  type Adapter,
  type Address,
  type Clock,
  createServer,
  listen,
  type ListenerEvents,
  type RawSocket,
  type Server,
  silentLogger,
  type SocketEvents,
} from "../../../mod.ts";

const FEW = 100;
const MANY = 10_000;
const IDLE_TIMEOUT = 60_000;
const MAX_LIFETIME = 3_600_000;
/** Connections that come and go in one measurement. */
const CHURN = 40_000;
/** Of those, how many between two turns of the event loop. */
const CHURN_TURN = 500;
/** Connections times seconds in one measurement of timers. */
const TIMER_WORK = 600_000;
const STEP_MS = 25;
const ADDRESS: Address = { transport: "tcp", hostname: "127.0.0.1", port: 1 };

/** Nanoseconds per connection, round by round. */
export type ScaleCosts = Record<"churn" | "timers", { few: number[]; many: number[] }>;

/** Time that a loop moves; it has one or two timers at a time. */
class HandClock implements Clock {
  #now = 0;
  readonly #timers: Map<() => void, number> = new Map();

  now(): number {
    return this.#now;
  }

  setTimer(fn: () => void, delay: number): () => void {
    const timer = () => fn();
    this.#timers.set(timer, this.#now + delay);
    return () => this.#timers.delete(timer);
  }

  soon(fn: () => void): void {
    queueMicrotask(fn);
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const [timer, at] of this.#timers) {
      if (at > this.#now || !this.#timers.delete(timer)) continue;
      timer();
    }
  }
}

class IdleSocket implements RawSocket {
  readonly local = ADDRESS;
  readonly remote = ADDRESS;
  readonly alpnProtocol = null;
  readonly unsent = 0;
  events: SocketEvents | null = null;

  start(events: SocketEvents): void {
    this.events = events;
  }

  write(): boolean {
    return true;
  }

  pause(): void {}
  resume(): void {}
  shutdown(): void {}
  destroy(): void {}
  detach(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}
}

class World {
  readonly clock = new HandClock();
  #events: ListenerEvents | null = null;
  #sockets: IdleSocket[] = [];
  #oldest = 0;
  readonly #server: Server;

  constructor() {
    const limits = { idleTimeout: IDLE_TIMEOUT, maxLifetime: MAX_LIFETIME };
    this.#server = createServer({ ...limits, clock: this.clock, logger: silentLogger }, (conn) => {
      conn.consume({ data() {}, end() {}, closed() {} });
    });
  }

  async open(connections: number): Promise<this> {
    const events = (given: ListenerEvents) => this.#events = given;
    const adapter = {
      name: "idle",
      listen: () => Promise.resolve({ address: ADDRESS, start: events, resume() {}, close: () => Promise.resolve() }),
    } as unknown as Adapter;
    this.#server.serve(await listen({ adapter, clock: this.clock }));
    for (let i = 0; i < connections; i++) {
      this.come();
      this.clock.advance(IDLE_TIMEOUT / 4 / connections);
    }
    return this;
  }

  come(): void {
    const socket = new IdleSocket();
    this.#sockets.push(socket);
    this.#events!.accepted(socket);
  }

  goOldest(): void {
    const { events } = this.#sockets[this.#oldest++];
    events!.end();
    events!.gone();
    if (this.#oldest < MANY) return;
    this.#sockets = this.#sockets.slice(this.#oldest);
    this.#oldest = 0;
  }

  /** Every connection hears from its peer. */
  touch(): void {
    const chunk = new Uint8Array(1);
    for (let i = this.#oldest; i < this.#sockets.length; i++) this.#sockets[i].events!.data(chunk);
  }
}

async function churn(connections: number): Promise<number> {
  const world = await new World().open(connections);
  let spent = 0;
  for (let done = 0; done < CHURN; done += CHURN_TURN) {
    const from = performance.now();
    for (let i = 0; i < CHURN_TURN; i++) {
      world.come();
      world.goOldest();
    }
    world.clock.advance(STEP_MS);
    spent += performance.now() - from;
    await new Promise((resolve) => setTimeout(resolve));
  }
  return spent / CHURN * 1e6;
}

async function timers(connections: number): Promise<number> {
  const world = await new World().open(connections);
  let spent = 0;
  const seconds = TIMER_WORK / connections;
  for (let ms = 0; ms < seconds * 1000; ms += STEP_MS) {
    if (ms % (IDLE_TIMEOUT / 2) === 0) world.touch();
    const from = performance.now();
    world.clock.advance(STEP_MS);
    spent += performance.now() - from;
  }
  return spent / TIMER_WORK * 1e6;
}

const costs: ScaleCosts = { churn: { few: [], many: [] }, timers: { few: [], many: [] } };
await churn(FEW);
await timers(FEW);
for (let round = 0; round < Number(process.argv[2]); round++) {
  costs.churn.few.push(await churn(FEW));
  costs.churn.many.push(await churn(MANY));
  costs.timers.few.push(await timers(FEW));
  costs.timers.many.push(await timers(MANY));
}
console.log(JSON.stringify(costs));

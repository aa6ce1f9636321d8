/** A server and its clients in memory and in virtual time: races repeat exactly, and nothing sleeps. */
import {
  type MemoryAdapter,
  memoryAdapter,
  type MemoryFaults,
  type MemoryOptions,
  type MemoryWire,
} from "../../adapters/memory/mod.ts";
import {
  type Conn,
  Dialer,
  type Handler,
  lines,
  serve,
  type ServeOptions,
  type Server,
  silentLogger,
} from "../../mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import { within } from "./rig.ts";

/** Answers each line at once. */
export const echoLines: Handler = async (conn) => {
  for await (const line of lines(conn)) await conn.write(`echo: ${line}\n`);
};

/** What the network of a world is like. */
export type NetworkOptions = Pick<MemoryOptions, "seed" | "faults" | "wire">;

/** How far a server and its clients may be from each other. */
export const WIRES: readonly (readonly [string, MemoryWire])[] = [
  ["no wire", {}],
  ["a round trip of 200 ms", { up: 100, down: 100, jitter: 0.25 }],
  ["a long way back", { up: 30, down: 250, jitter: 0.25 }],
  ["a round trip of 400 ms", { up: 200, down: 200 }],
];

/** A network, options of its server, and how long a handler works at the most, in ms: what a seeded drain is run in. */
export type SeededWorld<Options> = readonly [name: string, faults: MemoryFaults, options: Options, work: number];

/** For every protocol. */
export const SEEDED_WORLDS: readonly SeededWorld<Pick<ServeOptions, "lameDuck">>[] = [
  ["split and merged chunks, small delays", { split: 0.3, merge: 0.3, delay: 1, maxDelay: 4 }, {}, 0],
  ["a lame duck and slow handlers", { split: 0.2, delay: 0.5, maxDelay: 20 }, { lameDuck: 300 }, 40],
];

/** Likewise, over each of `WIRES`. */
export const WIRED_WORLDS: readonly SeededWorld<Pick<ServeOptions, "lameDuck">>[] = [
  ["quick handlers", {}, {}, 5],
  ["split and merged chunks, slow handlers", { split: 0.2, merge: 0.2 }, {}, 40],
  ["a lame duck", {}, { lameDuck: 300 }, 10],
];

export interface WorldOptions extends ServeOptions, NetworkOptions {}

/** What a client has seen of its connection. */
export class Client {
  readonly conn: Conn;
  /** Everything received, as text. */
  text = "";
  /** How its input ended. */
  end: "open" | "fin" | "reset" = "open";
  /** The clock when it ended. */
  endedAt = -1;
  readonly #clock: VirtualClock;
  readonly #sent: { readonly text: string; readonly at: number }[] = [];
  readonly #lineWaiters: (() => void)[] = [];

  constructor(conn: Conn, clock: VirtualClock, closeOnFin: boolean) {
    this.conn = conn;
    this.#clock = clock;
    this.#follow(closeOnFin);
  }

  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }

  /** Lines that it sent whole before it could have seen the end. */
  get linesInTime(): string[] {
    const inTime = this.#sent.filter(({ at }) => this.end === "open" || at < this.endedAt);
    return inTime.map(({ text }) => text).join("").split("\n").slice(0, -1);
  }

  /** Sends, without waiting. */
  send(text: string): void {
    this.#sent.push({ text, at: this.#clock.now() });
    this.conn.write(text).catch(() => {});
  }

  /** The next moment something arrives or the connection ends. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#lineWaiters.push(resolve));
  }

  async #follow(closeOnFin: boolean): Promise<void> {
    try {
      for await (const chunk of this.conn) {
        this.text += new TextDecoder().decode(chunk);
        this.#tell();
      }
      this.end = "fin";
      this.endedAt = this.#clock.now();
      if (closeOnFin) await this.conn.close();
    } catch {
      this.end = "reset";
      this.endedAt = this.#clock.now();
    }
    this.#tell();
  }

  #tell(): void {
    for (const wake of this.#lineWaiters.splice(0)) wake();
  }
}

/** A server on a memory adapter. */
export class World implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock({ turns: 1 });
  readonly adapter: MemoryAdapter;
  server!: Server;
  readonly clients: Client[] = [];
  readonly #dialer: Dialer;

  constructor(network: NetworkOptions = {}) {
    this.adapter = memoryAdapter({ ...network, clock: this.clock });
    this.#dialer = new Dialer({ adapter: this.adapter, clock: this.clock, lingerTimeout: 60_000, keepAlive: 0 });
  }

  /** The longest that something goes to the other end and comes back, in ms. */
  get roundTrip(): number {
    const { up = 0, down = 0, jitter = 0 } = this.adapter.wire;
    return (up + down) * (1 + jitter);
  }

  /** Connects a client; `stubborn` ones don't close when the server does. */
  async client(options: { stubborn?: boolean; from?: string } = {}): Promise<Client> {
    this.adapter.clientHost = options.from ?? null;
    const { address } = this.server;
    const target = address.transport === "tcp" ? { port: address.port } : { path: address.path };
    const conn = await this.until(this.#dialer.connect(target), 5000);
    const client = new Client(conn, this.clock, options.stubborn !== true);
    this.clients.push(client);
    return client;
  }

  /** Awaits something that needs no time to pass. */
  async settled<T>(promise: Promise<T>): Promise<T> {
    for (let i = 0; i < 10; i++) {
      const done = await Promise.race([promise.then(() => true, () => true), this.clock.settle().then(() => false)]);
      if (done) return promise;
    }
    return within("something that needs no time", promise, 1000);
  }

  /** Lets time pass. */
  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Lets time pass until the promise settles, at the most `limit` ms. */
  async until<T>(promise: Promise<T>, limit = 60_000): Promise<T> {
    let done = false;
    promise.then(() => done = true, () => done = true);
    const end = this.clock.now() + limit;
    await this.clock.settle();
    while (!done && this.clock.now() < end) await this.clock.advance(5);
    if (!done) throw new Error(`Still pending after ${limit} ms of virtual time`);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.conn.abort();
    await this.until(this.server.close());
    await this.pass(100 + this.roundTrip);
  }
}

/** What a server is told of the world that it is in. */
export function placeIn({ adapter, clock }: World) {
  return { port: 0, hostname: "127.0.0.1", adapter, clock, logger: silentLogger };
}

/** Starts a server in a new world. */
export async function world(handler: Handler = echoLines, options: WorldOptions = {}): Promise<World> {
  const { seed, faults, wire, ...rest } = options;
  const made = new World({ seed, faults, wire });
  made.server = await serve({ ...placeIn(made), ...rest }, handler);
  return made;
}

/** A fault proxy between clients and a hand-held upstream, in memory and in virtual time. */
import { type MemoryAdapter, memoryAdapter, type MemoryFaults } from "../../adapters/memory/mod.ts";
import { type Clock, type Conn, Dialer, listen, type Listener, silentLogger, type TcpAddress } from "../../mod.ts";
import { type Fault, type FaultProxy, type FaultProxyOptions, startFaultProxy } from "../../src/tools/faults/mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import { concat } from "./rig.ts";

/** One end of a connection: what it has received, when, and how that ended. */
export class Peer {
  readonly conn: Conn;
  readonly chunks: Uint8Array[] = [];
  /** The clock at each chunk. */
  readonly times: number[] = [];
  end: "open" | "fin" | "reset" = "open";
  /** The clock at the end. */
  endedAt = -1;
  readonly #clock: VirtualClock;

  constructor(conn: Conn, clock: VirtualClock, reads: boolean) {
    this.conn = conn;
    this.#clock = clock;
    if (reads) this.read();
  }

  get bytes(): Uint8Array {
    return concat(this.chunks);
  }

  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  get sizes(): number[] {
    return this.chunks.map((chunk) => chunk.length);
  }

  /** Reads to the end. */
  async read(): Promise<void> {
    try {
      for (let chunk = await this.conn.read(); chunk !== null; chunk = await this.conn.read()) {
        this.chunks.push(chunk);
        this.times.push(this.#clock.now());
      }
      this.end = "fin";
    } catch {
      this.end = "reset";
    }
    this.endedAt = this.#clock.now();
  }

  /** Sends, without waiting. */
  send(data: string | Uint8Array): void {
    this.conn.write(data).catch(() => {});
  }

  /** Half-closes, without waiting. */
  finish(): void {
    this.conn.closeWrite().catch(() => {});
  }
}

/** Both ends of one connection through the proxy. */
export interface Ends {
  readonly client: Peer;
  readonly upstream: Peer;
}

/** Everything one test opened. */
export class FaultsWorld implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock({ turns: 3 });
  readonly adapter: MemoryAdapter;
  proxy!: FaultProxy;
  listener!: Listener;
  readonly #dialer: Dialer;
  readonly #conns: Conn[] = [];

  constructor(seed: number, faults: MemoryFaults) {
    this.adapter = memoryAdapter({ seed, clock: this.clock, faults });
    this.#dialer = new Dialer({ adapter: this.adapter, clock: this.clock, keepAlive: 0 });
  }

  /** A client, connected to the proxy and not necessarily to the upstream. */
  async client(reads = true): Promise<Peer> {
    const { port } = this.proxy.address as TcpAddress;
    return this.#peer(await this.#dialer.connect({ port }), reads);
  }

  /** What the upstream accepts next. */
  async accept(reads = true): Promise<Peer> {
    return this.#peer(await this.listener.accept(), reads);
  }

  async pair(reads = true): Promise<Ends> {
    const [client, upstream] = await Promise.all([this.client(reads), this.accept(reads)]);
    await this.settle();
    return { client, upstream };
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      await this.clock.settle();
      await this.adapter.settled();
    }
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.settle();
    await this.clock.advance(ms);
    await this.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const conn of this.#conns) conn.abort();
    await this.listener.close();
    const closed = this.proxy.close();
    await this.pass(1000);
    await closed;
  }

  #peer(conn: Conn, reads: boolean): Peer {
    this.#conns.push(conn);
    return new Peer(conn, this.clock, reads);
  }
}

export interface FaultsWorldOptions extends Partial<FaultProxyOptions> {
  readonly networkSeed?: number;
  readonly network?: MemoryFaults;
  /** The proxy's timers fire so many ms late. @default 0 */
  readonly lag?: number;
}

/** A proxy with these faults, and an upstream behind it. */
export async function faultsWorld(faults: readonly Fault[], options: FaultsWorldOptions = {}): Promise<FaultsWorld> {
  const { networkSeed = 1, network = {}, lag = 0, ...rest } = options;
  const world = new FaultsWorld(networkSeed, network);
  const { adapter } = world;
  world.listener = await listen({ port: 0, hostname: "127.0.0.1", adapter, clock: world.clock });
  const upstream = { port: (world.listener.address as TcpAddress).port };
  const clock = lag === 0 ? world.clock : late(world.clock, lag);
  world.proxy = await startFaultProxy({ upstream, faults, seed: 1, adapter, clock, logger: silentLogger, ...rest });
  return world;
}

function late(clock: VirtualClock, lag: number): Clock {
  return {
    now: () => clock.now(),
    setTimer: (fn, delay) => clock.setTimer(fn, delay + lag),
    soon: (fn) => clock.soon(fn),
  };
}

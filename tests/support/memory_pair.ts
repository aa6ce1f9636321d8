/**
 * Pairs of sockets in memory with what both ends see, and time that moves only when a test says so.
 *
 * @module
 */
import { memoryAdapter } from "../../adapters/memory/mod.ts";
import type { MemoryAdapter, MemoryOptions, MemorySocket } from "../../adapters/memory/mod.ts";
import type { Clock } from "../../src/clock.ts";
import type { RawSocket, SocketListener, SocketListenOptions } from "../../src/socket.ts";

/** Where listeners open. */
export const LOOPBACK: SocketListenOptions = {
  address: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
  backlog: 16,
  reusePort: false,
};

/** Time that moves only when the test says so. */
export class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; fn: () => void }[] = [];
  now(): number {
    return this.#now;
  }
  setTimer(fn: () => void, delay: number): () => void {
    const timer = { at: this.#now + delay, fn };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }
  soon(fn: () => void): void {
    queueMicrotask(fn);
  }
  /** Runs the next timer; false if there is none. */
  step(): boolean {
    const next = this.#timers.sort((a, b) => a.at - b.at).shift();
    if (next === undefined) return false;
    this.#now = next.at;
    next.fn();
    return true;
  }
  get pending(): number {
    return this.#timers.length;
  }
}

/** Writes down what one socket emits. */
export class Witness {
  readonly socket: RawSocket;
  readonly events: string[] = [];
  readonly chunks: Uint8Array[] = [];
  constructor(socket: RawSocket) {
    this.socket = socket;
    socket.start({
      data: (chunk) => {
        this.chunks.push(chunk);
        this.events.push(`data ${chunk.length}`);
      },
      end: () => void this.events.push("end"),
      drained: () => void this.events.push("drained"),
      gone: (error) => void this.events.push(`gone ${(error as { code?: string } | undefined)?.code ?? "clean"}`),
    });
  }
  get bytes(): number[] {
    return this.chunks.flatMap((chunk) => [...chunk]);
  }
}

/** Both ends of a connection, and what it goes over. */
export interface Pair {
  net: MemoryAdapter;
  listener: SocketListener;
  client: MemorySocket;
  server: RawSocket;
}

/** A connected pair; faults and the wire's delays start once it is connected. */
export async function pair(options: MemoryOptions = {}): Promise<Pair> {
  const net = memoryAdapter({ ...options, faults: {}, wire: {} });
  const listener = await net.listen(LOOPBACK);
  const accepted: RawSocket[] = [];
  listener.start({ accepted: (socket) => void accepted.push(socket), failed: () => {} });
  const client = await net.connect({ address: listener.address });
  await net.settled();
  net.faults = options.faults ?? {};
  net.wire = options.wire ?? {};
  return { net, listener, client, server: accepted[0] };
}

/** Runs everything that waits, timers included. */
export async function runAll(net: MemoryAdapter, clock: ManualClock): Promise<void> {
  do await net.settled(); while (clock.step());
}

/** What both ends see, and when. */
export function witnesses(clock: Clock, ...sockets: RawSocket[]): { trace: string[]; ends: Witness[] } {
  const trace: string[] = [];
  const ends = sockets.map((socket, end) => {
    const witness = new Witness(socket);
    witness.events.push = (...entries: string[]) => trace.push(...entries.map((e) => `${end} ${e} @${clock.now()}`));
    return witness;
  });
  return { trace, ends };
}

/** Sends 100 numbered bytes each way in ten writes, then FIN from both; returns what both sides saw. */
export async function exchange(
  seed: number,
  faults: MemoryOptions["faults"],
  wire?: MemoryOptions["wire"],
): Promise<{ trace: string[]; bytes: number[][] }> {
  const clock = new ManualClock();
  const { net, client, server } = await pair({ seed, clock, faults, wire });
  const { trace, ends } = witnesses(clock, client, server);
  for (let i = 0; i < 10; i++) {
    const bytes = Uint8Array.from({ length: 10 }, (_, k) => i * 10 + k);
    client.write(bytes);
    server.write(bytes);
  }
  client.shutdown();
  server.shutdown();
  await runAll(net, clock);
  return { trace, bytes: ends.map((end) => end.bytes) };
}

/** What `exchange` sends each way. */
export const HUNDRED = Array.from({ length: 100 }, (_, i) => i);

/** A connected pair with a wire between its ends; `at` does something when the clock has come there. */
export async function wired(options: MemoryOptions) {
  const clock = new ManualClock();
  const made = await pair({ clock, ...options });
  const { trace, ends } = witnesses(clock, made.client, made.server);
  const at = (ms: number, fn: () => void) => void clock.setTimer(fn, ms);
  return { ...made, clock, trace, ends, at, run: () => runAll(made.net, clock) };
}

import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory/mod.ts";
import type { MemoryAdapter, MemoryOptions, MemorySocket } from "../../adapters/memory/mod.ts";
import type { Clock } from "../../src/clock.ts";
import { conformance } from "./conformance/mod.ts";
import { ConnectError, ListenError } from "../../src/errors.ts";
import type { RawSocket, SocketListener, SocketListenOptions } from "../../src/socket.ts";

// Not here: TLS is pretended, and a Unix path makes no file.
const FEATURES = { tls: false, unix: false, ipv6: true, kernel: false };
conformance("memory", () => Promise.resolve(memoryAdapter()), FEATURES);
const FAR: MemoryOptions = { wire: { up: 2, down: 3, jitter: 0.5 }, bufferSize: 1 << 20 };
conformance("memory with a wire", () => Promise.resolve(memoryAdapter(FAR)), FEATURES);

const LOOPBACK: SocketListenOptions = {
  address: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
  backlog: 16,
  reusePort: false,
};

/** Time that moves only when the test says so. */
class ManualClock implements Clock {
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
class Witness {
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

interface Pair {
  net: MemoryAdapter;
  listener: SocketListener;
  client: MemorySocket;
  server: RawSocket;
}

/** A connected pair; faults and the wire's delays start once it is connected. */
async function pair(options: MemoryOptions = {}): Promise<Pair> {
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
async function runAll(net: MemoryAdapter, clock: ManualClock): Promise<void> {
  do await net.settled(); while (clock.step());
}

/** What both ends see, and when. */
function witnesses(clock: Clock, ...sockets: RawSocket[]): { trace: string[]; ends: Witness[] } {
  const trace: string[] = [];
  const ends = sockets.map((socket, end) => {
    const witness = new Witness(socket);
    witness.events.push = (...entries: string[]) => trace.push(...entries.map((e) => `${end} ${e} @${clock.now()}`));
    return witness;
  });
  return { trace, ends };
}

/** Sends 100 numbered bytes each way in ten writes, then FIN from both; returns what both sides saw. */
async function exchange(
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

const HUNDRED = Array.from({ length: 100 }, (_, i) => i);

describe("memory adapter: schedule", () => {
  const faults = { split: 0.5, merge: 0.3, delay: 0.5, stall: 0.05 };

  it("the same seed gives the same run", async () => {
    const [a, b] = [await exchange(7, faults), await exchange(7, faults)];
    assertEquals(a.trace, b.trace);
  });

  it("different seeds give different runs, with the same bytes in the same order", async () => {
    const traces = new Set<string>();
    for (let seed = 1; seed <= 50; seed++) {
      const { trace, bytes } = await exchange(seed, faults);
      assertEquals(bytes, [HUNDRED, HUNDRED]);
      assertEquals(trace.filter((line) => line.includes("gone clean")).length, 2);
      traces.add(trace.join());
    }
    assertEquals(traces.size, 50);
  });

  it("without faults chunks arrive as they were written and no timer is set", async () => {
    const { trace } = await exchange(1, {});
    const chunks = trace.filter((line) => line.includes("data"));
    assert(chunks.every((line) => line.endsWith("data 10 @0")));
    assertEquals(chunks.length, 20);
  });

  it("split cuts chunks, merge joins them, delay moves time", async () => {
    const count = (lines: string[]) => lines.filter((line) => line.startsWith("1 data")).length;
    assert(count((await exchange(1, { split: 1 })).trace) > 10);
    assertEquals(count((await exchange(1, { merge: 1 })).trace), 1);
    const late = await exchange(1, { delay: 1, maxDelay: 20 });
    assert(late.trace.every((line) => Number(line.split("@")[1]) <= 20 * 12));
    assert(late.trace.some((line) => !line.endsWith("@0")));
  });

  it("stall holds the reader back for stallTime", async () => {
    const { trace } = await exchange(1, { stall: 1, merge: 1, stallTime: 300 });
    assertEquals(trace.filter((line) => line.includes("data")).sort(), ["0 data 100 @300", "1 data 100 @300"]);
  });

  it("reset ends both sides with ECONNRESET", async () => {
    const { trace, bytes } = await exchange(1, { reset: 1 });
    assertEquals(trace.map((line) => line.split(" @")[0]).sort(), ["0 gone ECONNRESET", "1 gone ECONNRESET"]);
    assertEquals(bytes, [[], []]);
  });

  it("vanish leaves both sides open and silent until they destroy", async () => {
    const { net, client, server } = await pair({ faults: { vanish: 1 } });
    const [a, b] = [new Witness(client), new Witness(server)];
    client.write(new Uint8Array(1));
    await net.settled();
    server.write(new Uint8Array(1));
    client.shutdown();
    await net.settled();
    assertEquals([a.events, b.events, net.openSockets], [[], [], 2]);
    client.destroy();
    await net.settled();
    assertEquals([a.events, b.events, net.openSockets], [["gone clean"], [], 1]);
  });

  it("endless traffic lets the runtime's timers run", async () => {
    const { client, server } = await pair();
    for (const socket of [client, server]) {
      socket.start({ data: (chunk) => void socket.write(chunk), end() {}, drained() {}, gone() {} });
    }
    client.write(new Uint8Array(8));
    await new Promise((done) => setTimeout(done, 5));
    client.destroy();
  });

  it("a delayed delivery leaves no timer behind when its socket is destroyed", async () => {
    const clock = new ManualClock();
    const { net, client, server } = await pair({ clock, faults: { delay: 1 } });
    new Witness(server);
    client.write(new Uint8Array(1));
    assertEquals(clock.pending, 1);
    server.destroy();
    net.faults = {};
    assertEquals(clock.pending, 1, "the reset on its way to the client");
    await runAll(net, clock);
    assertEquals([clock.pending, net.openSockets], [0, 0]);
  });
});

/** A connected pair with a wire between its ends; `at` does something when the clock has come there. */
async function wired(options: MemoryOptions) {
  const clock = new ManualClock();
  const made = await pair({ clock, ...options });
  const { trace, ends } = witnesses(clock, made.client, made.server);
  const at = (ms: number, fn: () => void) => void clock.setTimer(fn, ms);
  return { ...made, clock, trace, ends, at, run: () => runAll(made.net, clock) };
}

describe("memory adapter: wire", () => {
  it("bytes and FIN take the way's delay, each direction its own", async () => {
    const { trace, bytes } = await exchange(1, {}, { up: 30, down: 250 });
    assertEquals(bytes, [HUNDRED, HUNDRED]);
    assertEquals(trace.slice(0, 11), [...Array(10).fill("1 data 10 @30"), "1 end @30"]);
    assertEquals(trace.slice(11), [
      "1 gone clean @30",
      ...Array(10).fill("0 data 10 @250"),
      "0 end @250",
      "0 gone clean @250",
    ]);
  });

  it("many chunks are under way at the same time", async () => {
    const { trace, client, server, at, run } = await wired({ wire: { up: 100, down: 40 } });
    for (const ms of [0, 10, 20]) at(ms, () => [client, server].map((socket) => socket.write(new Uint8Array(1 + ms))));
    await run();
    assertEquals(trace.filter((line) => line.startsWith("1")), [
      "1 data 1 @100",
      "1 data 11 @110",
      "1 data 21 @120",
    ]);
    assertEquals(trace.filter((line) => line.startsWith("0")), ["0 data 1 @40", "0 data 11 @50", "0 data 21 @60"]);
  });

  it("jitter varies a delay by its share, and nothing overtakes what left before it", async () => {
    const times = new Set<number>();
    for (let seed = 1; seed <= 50; seed++) {
      const { trace, client, at, ends, run } = await wired({ seed, wire: { up: 100, jitter: 0.25 } });
      for (let i = 0; i < 10; i++) at(i, () => void client.write(Uint8Array.of(i)));
      await run();
      assertEquals(ends[1].bytes, HUNDRED.slice(0, 10));
      const taken = trace.map((line, i) => Number(line.split("@")[1]) - i);
      assert(taken.every((time) => time >= 75 - 9 && time <= 125), `seed ${seed}: ${taken}`);
      times.add(taken[0]);
    }
    assertEquals(times.size, 50);
    assertEquals(await exchange(3, {}, { up: 9, jitter: 1 }), await exchange(3, {}, { up: 9, jitter: 1 }));
  });

  it("what leaves at one moment arrives at one moment, a FIN with the bytes before it", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { trace } = await exchange(seed, {}, { up: 100, jitter: 0.5 });
      assertEquals(new Set(trace.filter((line) => line.startsWith("1")).map((line) => line.split("@")[1])).size, 1);
    }
  });

  it("a reset comes behind the bytes that left before it", async () => {
    const { trace, client, server, at, run } = await wired({ wire: { up: 100, down: 50 } });
    at(0, () => void server.write(new Uint8Array(7)));
    at(10, () => client.write(new Uint8Array(3)));
    at(20, () => client.destroy());
    await run();
    assertEquals(trace, ["0 gone clean @20", "1 data 3 @110", "1 gone ECONNRESET @120"]);
  });

  it("bytes for an end that is gone are answered with a reset, a round trip after they left", async () => {
    const { trace, client, server, at, run } = await wired({ wire: { up: 100, down: 50 } });
    server.shutdown();
    server.detach();
    at(60, () => void client.write(new Uint8Array(3)));
    at(70, () => void client.write(new Uint8Array(3)));
    await run();
    assertEquals(trace, ["1 gone clean @0", "0 end @50", "0 gone ECONNRESET @210"]);
  });

  it("a FIN that is under way when the other end is destroyed spares nobody the reset", async () => {
    const { trace, client, server, at, run } = await wired({ wire: { up: 100, down: 50 } });
    server.shutdown();
    client.shutdown();
    at(60, () => server.destroy());
    await run();
    assertEquals(trace, ["0 end @50", "0 gone clean @50", "1 gone clean @60"]);
  });

  it("what breaks a connection at one end is seen at the other end later", async () => {
    const { trace, client, at, run } = await wired({ wire: { up: 100, down: 50 } });
    at(5, () => client.reset());
    await run();
    assertEquals(trace, ["0 gone ECONNRESET @5", "1 gone ECONNRESET @105"]);
  });

  it("the buffer bounds what is under way and unread together", async () => {
    const { trace, client, at, run } = await wired({ wire: { up: 100 }, bufferSize: 1000 });
    client.write(new Uint8Array(2500));
    at(99, () => assertEquals(client.unsent, 1500));
    at(101, () => assertEquals(client.unsent, 500));
    client.shutdown();
    await run();
    assertEquals(trace.filter((line) => line.startsWith("1")), [
      "1 data 1000 @100",
      "1 data 1000 @200",
      "1 data 500 @300",
      "1 end @300",
    ]);
    assert(trace.includes("0 drained @200"));
  });

  it("another wire counts for what leaves from then on, which still overtakes nothing", async () => {
    const { trace, net, client, at, run } = await wired({ wire: { up: 100 } });
    client.write(new Uint8Array(1));
    at(10, () => {
      net.wire = {};
      client.write(new Uint8Array(2));
    });
    at(200, () => void client.write(new Uint8Array(3)));
    await run();
    assertEquals(trace, ["1 data 1 @100", "1 data 2 @100", "1 data 3 @200"]);
  });

  it("faults come on top of it", async () => {
    const { trace } = await exchange(1, { stall: 1, merge: 1, stallTime: 300 }, { up: 50, down: 70 });
    assertEquals(trace.filter((line) => line.includes("data")), ["1 data 100 @350", "0 data 100 @370"]);
  });

  it("leaves no timer behind when both ends are gone", async () => {
    const { net, client, server, clock } = await wired({ wire: { up: 100, down: 100 } });
    client.write(new Uint8Array(1));
    server.write(new Uint8Array(1));
    assertEquals(clock.pending, 2);
    client.destroy();
    server.destroy();
    await net.settled();
    assertEquals([clock.pending, net.openSockets], [0, 0]);
  });

  it("a link that has gone silent carries nothing, not even what was under way", async () => {
    const { trace, client, server, at, run } = await wired({ wire: { up: 100, down: 100 } });
    client.write(new Uint8Array(1));
    at(50, () => client.vanish());
    at(60, () => client.destroy());
    at(500, () => server.destroy());
    await run();
    assertEquals(trace, ["0 gone clean @60", "1 gone clean @500"]);
  });

  it("a connect takes a round trip, and the listener hears of it half-way", async () => {
    const clock = new ManualClock();
    const net = memoryAdapter({ clock, wire: { up: 30, down: 70 } });
    const listener = await net.listen(LOOPBACK);
    const log: string[] = [];
    listener.start({
      accepted: (socket) => {
        log.push(`accepted @${clock.now()}`);
        socket.write(new Uint8Array(5));
      },
      failed() {},
    });
    void net.connect({ address: listener.address }).then((socket) => {
      log.push(`connected @${clock.now()}`);
      new Witness(socket).events.push = (...events) => log.push(...events.map((event) => `${event} @${clock.now()}`));
    });
    const nowhere = { transport: "tcp", hostname: "127.0.0.1", port: 9 } as const;
    net.connect({ address: nowhere }).catch((error) => log.push(`${error.code} @${clock.now()}`));
    await runAll(net, clock);
    assertEquals(log.sort(), ["ECONNREFUSED @100", "accepted @30", "connected @100", "data 5 @100"]);
  });

  it("a connect that is aborted on its way rejects at once and leaves nothing", async () => {
    const clock = new ManualClock();
    const net = memoryAdapter({ clock, wire: { up: 30, down: 70 } });
    const listener = await net.listen(LOOPBACK);
    listener.start({ accepted: (socket) => void new Witness(socket), failed() {} });
    for (const moment of [10, 60]) {
      const controller = new AbortController();
      clock.setTimer(() => controller.abort(new Error("enough")), moment);
      const began = clock.now();
      let rejected = -1;
      const connecting = net.connect({ address: listener.address, signal: controller.signal });
      connecting.catch(() => rejected = clock.now() - began);
      await runAll(net, clock);
      await assertRejects(() => connecting, Error, "enough");
      assertEquals([rejected, net.openSockets], [moment, 0]);
    }
  });
});

describe("memory adapter: buffers", () => {
  it("write beyond the buffer stays unsent and drains as the peer reads", async () => {
    const { net, client, server } = await pair({ bufferSize: 1000 });
    const a = new Witness(client);
    assertEquals(client.write(new Uint8Array(400)), true);
    assertEquals(client.write(new Uint8Array(1000).fill(5)), false);
    assertEquals(client.unsent, 400);
    await net.settled();
    assertEquals(client.unsent, 400, "nobody reads");
    const b = new Witness(server);
    await net.settled();
    assertEquals([client.unsent, a.events], [0, ["drained"]]);
    assertEquals(b.bytes.length, 1400);
    assertEquals(b.bytes.lastIndexOf(0), 399);
  });

  it("bytes may be reused as soon as unsent is 0", async () => {
    const { net, client, server } = await pair();
    const b = new Witness(server);
    const bytes = Uint8Array.of(1, 2, 3);
    client.write(bytes);
    bytes.fill(9);
    await net.settled();
    assertEquals(b.bytes, [1, 2, 3]);
  });

  it("nothing is delivered inside write", async () => {
    const { net, client, server } = await pair();
    const b = new Witness(server);
    client.write(new Uint8Array(1));
    assertEquals(b.events, []);
    await net.settled();
    assertEquals(b.events, ["data 1"]);
  });

  it("destroy with bytes unread resets the peer and discards what is in flight", async () => {
    const { net, client, server } = await pair();
    const a = new Witness(client);
    client.write(new Uint8Array(10));
    client.shutdown();
    server.write(new Uint8Array(10));
    server.destroy();
    await net.settled();
    assertEquals(a.events, ["gone ECONNRESET"]);
  });

  it("destroy resets the peer unless both sides had finished", async () => {
    const { net, client, server } = await pair();
    const [a, b] = [new Witness(client), new Witness(server)];
    client.shutdown();
    await net.settled();
    server.write(new Uint8Array(10));
    server.destroy();
    await net.settled();
    assertEquals([a.events, b.events], [["gone ECONNRESET"], ["end", "gone clean"]]);
  });

  it("release after shutdown ends here at once, and the peer gets the bytes and FIN", async () => {
    const { net, client, server } = await pair({ bufferSize: 10 });
    const b = new Witness(server);
    server.write(new Uint8Array(30));
    server.shutdown();
    server.detach();
    await net.settled();
    assertEquals([b.events, server.unsent], [[], 20], "what is unsent is flushed first");
    const a = new Witness(client);
    await net.settled();
    assertEquals(a.events, ["data 10", "data 10", "data 10", "end"]);
    assertEquals(b.events, ["drained", "gone clean"]);
    client.write(new Uint8Array(1));
    await net.settled();
    assertEquals(a.events.at(-1), "gone ECONNRESET", "nobody is there any more");
  });

  it("release with bytes unread resets the peer", async () => {
    const { net, client, server } = await pair();
    const a = new Witness(client);
    client.write(new Uint8Array(1));
    server.detach();
    await net.settled();
    assertEquals(a.events, ["gone ECONNRESET"]);
  });
});

describe("memory adapter: listener", () => {
  it("connecting where nobody listens is refused", async () => {
    const net = memoryAdapter();
    const address = { transport: "tcp", hostname: "127.0.0.1", port: 9 } as const;
    const error = await assertRejects(() => net.connect({ address }), ConnectError);
    assertEquals(error.code, "ECONNREFUSED");
    net.faults = { refuse: 1 };
    const listener = await net.listen(LOOPBACK);
    await assertRejects(() => net.connect({ address: listener.address }), ConnectError);
    assertEquals(net.openSockets, 0);
  });

  it("an address is taken until its listener closes, unless both reuse the port", async () => {
    const net = memoryAdapter();
    const first = await net.listen(LOOPBACK);
    const again = { ...LOOPBACK, address: first.address };
    const error = await assertRejects(() => net.listen(again), ListenError);
    assertEquals(error.code, "EADDRINUSE");
    await first.close();
    const shared = { ...again, reusePort: true };
    await net.listen(shared);
    await net.listen(shared);
    assertEquals(net.listeners.size, 2);
  });

  it("Unix paths name the listener only, and pretended TLS agrees on the server's most wanted protocol", async () => {
    const net = memoryAdapter();
    const address = { transport: "unix", path: "/run/a.sock" } as const;
    const pem = "-----BEGIN";
    const listener = await net.listen({
      ...LOOPBACK,
      address,
      tls: { cert: pem, key: pem, alpnProtocols: ["h2", "http/1.1"] },
    });
    await assertRejects(() => net.connect({ address }), ConnectError);
    const client = await net.connect({ address, tls: { alpnProtocols: ["http/1.1", "h2"] } });
    assertEquals([client.alpnProtocol, client.peer.alpnProtocol], ["h2", "h2"]);
    assertEquals([client.remote, client.local], [address, { transport: "unix", path: "" }]);
    assertEquals([client.peer.local, client.peer.remote], [client.remote, client.local]);
    await listener.close();
    await net.listen({ ...LOOPBACK, address });
  });

  it("EMFILE keeps the connection queued until resume", async () => {
    const net = memoryAdapter();
    const listener = await net.listen(LOOPBACK);
    const log: string[] = [];
    listener.start({ accepted: () => void log.push("accepted"), failed: (error) => void log.push(error.code!) });
    net.failAccept("EMFILE");
    await net.connect({ address: listener.address });
    await net.settled();
    assertEquals(log, ["EMFILE"]);
    listener.resume();
    await net.settled();
    assertEquals(log, ["EMFILE", "accepted"]);
  });

  it("ECONNABORTED loses the connection and accepting goes on", async () => {
    const net = memoryAdapter();
    const listener = await net.listen(LOOPBACK);
    const log: string[] = [];
    listener.start({ accepted: () => void log.push("accepted"), failed: (error) => void log.push(error.code!) });
    net.failAccept("ECONNABORTED");
    const lost = new Witness(await net.connect({ address: listener.address }));
    await net.connect({ address: listener.address });
    await net.settled();
    assertEquals([log, lost.events], [["ECONNABORTED", "accepted"], ["gone ECONNRESET"]]);
  });

  it("a client that resets before accept is accepted and closes with ECONNRESET", async () => {
    const net = memoryAdapter({ faults: { earlyReset: 1 } });
    const listener = await net.listen(LOOPBACK);
    await net.connect({ address: listener.address });
    await net.settled();
    const server = await new Promise<RawSocket>((accepted) => listener.start({ accepted, failed() {} }));
    const witness = new Witness(server);
    await net.settled();
    assertEquals([witness.events, net.openSockets], [["gone ECONNRESET"], 0]);
  });

  it("beyond the backlog a connect waits, and can be aborted", async () => {
    const net = memoryAdapter();
    const listener = await net.listen({ ...LOOPBACK, backlog: 1 });
    const { address } = listener;
    await net.connect({ address });
    await net.connect({ address });
    const controller = new AbortController();
    const aborted = net.connect({ address, signal: controller.signal });
    const waiting = net.connect({ address });
    await net.settled();
    controller.abort(new Error("enough"));
    await assertRejects(() => aborted, Error, "enough");
    listener.start({ accepted() {}, failed() {} });
    await waiting;
    assertEquals(net.openSockets, 6);
  });

  it("close resets what is queued and refuses what waits", async () => {
    const net = memoryAdapter();
    const listener = await net.listen({ ...LOOPBACK, backlog: 0 });
    const queued = new Witness(await net.connect({ address: listener.address }));
    const waiting = net.connect({ address: listener.address });
    await net.settled();
    await Promise.all([listener.close(), assertRejects(() => waiting, ConnectError)]);
    await net.settled();
    assertEquals([queued.events, net.openSockets], [["gone ECONNRESET"], 0]);
  });
});

describe("memory adapter: process", () => {
  it("raise calls the handlers of that signal until they are removed", () => {
    const net = memoryAdapter();
    const log: string[] = [];
    const stop = net.onSignal("SIGTERM", () => void log.push("term"));
    net.onSignal("SIGINT", () => void log.push("int"));
    net.raise("SIGTERM");
    stop();
    net.raise("SIGTERM");
    assertEquals([log, net.signalHandlers], [["term"], 1]);
  });

  it("exit records the first code, and kernelTable gives what was set", async () => {
    const net = memoryAdapter();
    assertEquals([net.exitCode, await net.kernelTable()], [null, null]);
    net.exit(3);
    net.exit(0);
    net.table = "sl local";
    assertEquals([net.exitCode, await net.kernelTable()], [3, "sl local"]);
  });
});

import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryAdapter } from "../../../adapters/memory/mod.ts";
import { exchange, HUNDRED, LOOPBACK, ManualClock, runAll, wired, Witness } from "../../support/memory_pair.ts";

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

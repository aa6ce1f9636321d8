/** The fault proxy without faults: what passes through it is what was sent, in memory and in virtual time. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { OptionError } from "../../../mod.ts";
import { type Fault, startFaultProxy } from "../../../src/tools/faults/mod.ts";
import { faultsWorld } from "../../support/faults_world.ts";
import { firstDifference, pattern } from "../../support/rig.ts";

/** What the proxy and two sockets of 64 KiB on each side may hold of one direction, with one chunk above each. */
const HELD_BYTES = 1_000_000;

const sizes = fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 12 });

describe("a fault proxy without faults", () => {
  it("keeps all bytes in order both ways, however they are split", async () => {
    const network = fc.record({ split: fc.double({ min: 0, max: 1, noNaN: true }), merge: fc.constantFrom(0, 0.5) });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, network, fc.integer(), async (up, down, faults, networkSeed) => {
        await using world = await faultsWorld([], { networkSeed, network: faults });
        const { client, upstream } = await world.pair();
        const [sent, answered] = [up, down].map((parts) => pattern(parts.reduce((sum, part) => sum + part, 0)));
        let [i, j] = [0, 0];
        for (let turn = 0; turn < Math.max(up.length, down.length); turn++) {
          if (turn < up.length) client.send(sent.subarray(i, i += up[turn]));
          if (turn < down.length) upstream.send(answered.subarray(j, j += down[turn]));
          if (turn % 3 === 0) await world.settle();
        }
        client.finish();
        await world.settle();
        upstream.finish();
        await world.settle();
        assertEquals(firstDifference(upstream.bytes, sent), -1);
        assertEquals(firstDifference(client.bytes, answered), -1);
        assertEquals([client.end, upstream.end], ["fin", "fin"]);
        assertEquals(world.proxy.stats().connections.ended, 1);
        assertEquals(world.adapter.openSockets, 0);
      }),
      { numRuns: 60 },
    );
  });

  it("passes a FIN on as a FIN, each way, and the other way goes on", async () => {
    await using world = await faultsWorld([]);
    const { client, upstream } = await world.pair();
    client.send("last words");
    client.finish();
    await world.pass(5000);
    assertEquals([upstream.text, upstream.end, client.end], ["last words", "fin", "open"]);
    upstream.send("answer");
    await world.pass(5000);
    assertEquals([client.text, client.end], ["answer", "open"]);
    upstream.finish();
    await world.settle();
    assertEquals([client.end, world.adapter.openSockets], ["fin", 0]);
  });

  it("passes the upstream's FIN on while the client still sends", async () => {
    await using world = await faultsWorld([]);
    const { client, upstream } = await world.pair();
    upstream.finish();
    await world.pass(5000);
    assertEquals([client.end, upstream.end], ["fin", "open"]);
    client.send("still here");
    client.finish();
    await world.settle();
    assertEquals([upstream.text, upstream.end, world.adapter.openSockets], ["still here", "fin", 0]);
  });

  for (const side of ["client", "upstream"] as const) {
    it(`passes a reset of the ${side} on as a reset`, async () => {
      await using world = await faultsWorld([]);
      const ends = await world.pair();
      ends.client.send("a");
      ends.upstream.send("b");
      await world.settle();
      ends[side].conn.abort();
      await world.pass(2);
      const other = side === "client" ? ends.upstream : ends.client;
      assertEquals([other.end, other.text.length], ["reset", 1]);
      assertEquals([world.proxy.stats().connections.reset, world.adapter.openSockets], [1, 0]);
    });

    it(`makes the ${side} wait for a slow reader, and holds no more than a bound`, async () => {
      await using world = await faultsWorld([]);
      const ends = await world.pair(false);
      const [writer, reader] = side === "client" ? [ends.client, ends.upstream] : [ends.upstream, ends.client];
      const chunk = pattern(50_000);
      let taken = 0;
      const writing = (async () => {
        for (; taken < 100; taken++) await writer.conn.write(chunk);
      })();
      await world.pass(60_000);
      assert(taken * chunk.length < HELD_BYTES, `${taken * chunk.length} bytes taken of a peer that never reads`);
      const reading = reader.read();
      await world.pass(10);
      await writing;
      writer.finish();
      await world.settle();
      await reading;
      assertEquals(reader.bytes.length, 100 * chunk.length);
      for (let i = 0; i < 100; i += 33) {
        assertEquals(firstDifference(reader.bytes.subarray(i * 50_000, (i + 1) * 50_000), chunk), -1);
      }
    });
  }

  it("passes on what came before it had reached the upstream", async () => {
    await using world = await faultsWorld([]);
    const client = await world.client();
    client.send("early");
    client.finish();
    const upstream = await world.accept();
    await world.settle();
    assertEquals([upstream.text, upstream.end], ["early", "fin"]);
  });

  it("resets the client if the upstream can't be reached, and counts it", async () => {
    await using world = await faultsWorld([]);
    await world.listener.close();
    const client = await world.client();
    await world.settle();
    assertEquals([client.end, world.proxy.stats().connections.failed], ["reset", 1]);
  });

  it("resets both ends when it is closed, and leaves nothing open", async () => {
    const world = await faultsWorld([{ kind: "latency", ms: 500 }]);
    const { client, upstream } = await world.pair();
    client.send("under way");
    await world.settle();
    const closed = world.proxy.close();
    await world.pass(100);
    await closed;
    assertEquals([client.end, upstream.end, upstream.text], ["reset", "reset", ""]);
    await world[Symbol.asyncDispose]();
    assertEquals([world.adapter.openSockets, world.clock.pending], [0, 0]);
  });
});

describe("a drain of the fault proxy", () => {
  it("lets what is under way arrive, then ends both sides with a FIN", async () => {
    await using world = await faultsWorld([{ kind: "latency", ms: 300 }]);
    const { client, upstream } = await world.pair();
    client.send("question");
    await world.pass(100);
    const drained = world.proxy.server.shutdown({ grace: 10_000 });
    await world.pass(1000);
    assertEquals([upstream.text, upstream.end], ["question", "open"]);
    upstream.send("answer");
    // So long it took to answer: twice that silence is needed to believe that nothing more will come.
    await world.pass(3500);
    assertEquals([client.text, upstream.end], ["answer", "fin"]);
    upstream.finish();
    await world.pass(400);
    assertEquals(client.end, "fin");
    client.finish();
    await world.pass(1000);
    const report = await drained;
    assertEquals([report.clean, report.connections.cut, world.adapter.openSockets], [true, 0, 0]);
  });

  it("lifts stalls and partitions, or it could not end", async () => {
    await using world = await faultsWorld([{ kind: "stall", direction: "down" }]);
    const { client, upstream } = await world.pair();
    upstream.send("held");
    await world.pass(1000);
    world.proxy.set([{ kind: "stall", direction: "down" }, { kind: "partition" }]);
    world.proxy.partition(1_000_000);
    client.send("held too");
    await world.pass(1000);
    assertEquals([client.text, upstream.text], ["", ""]);
    const drained = world.proxy.server.shutdown({ grace: 4000 });
    await world.pass(10);
    assertEquals([client.text, upstream.text], ["held", "held too"]);
    await world.pass(2500);
    assertEquals(upstream.end, "fin");
    upstream.finish();
    client.finish();
    await world.pass(3500);
    const { clean, duration } = await drained;
    assert(clean && duration < 4000, `clean ${clean} in ${duration} ms`);
  });

  it("does not wait for an upstream that ignores its FIN and is silent", async () => {
    await using world = await faultsWorld([]);
    const { client } = await world.pair();
    const drained = world.proxy.server.shutdown({ grace: 10_000 });
    await world.pass(2500);
    assertEquals(client.end, "fin");
    client.finish();
    await world.pass(3500);
    const report = await drained;
    assert(report.clean && report.duration < 6000, `clean ${report.clean} in ${report.duration} ms`);
  });
});

describe("the options of a fault proxy", () => {
  const cases: readonly (readonly [faults: unknown, message: string])[] = [
    [null, "faults must be a list such as"],
    [{}, "faults must be a list"],
    [[1], "faults[0] must be an object with a kind, got 1"],
    [[{ kind: "flood" }], "faults[0].kind must be one of latency, bandwidth, slice, reset, stall, slowClose, halfOpen"],
    [[{ kind: "latency" }], "faults[0].ms must be from 0 to 2147483647 milliseconds, got undefined"],
    [[{ kind: "halfOpen" }, { kind: "latency", ms: -1 }], "faults[1].ms must be from 0 to 2147483647"],
    [[{ kind: "latency", ms: 1, jitter: "5" }], 'faults[0].jitter must be from 0 to 2147483647 milliseconds, got "5"'],
    [[{ kind: "bandwidth", bytesPerSecond: 0 }], "faults[0].bytesPerSecond must be a whole number of at least 1"],
    [[{ kind: "slice", bytes: 1.5 }], "faults[0].bytes must be a whole number of at least 1, got 1.5"],
    [[{ kind: "reset", afterBytes: -1 }], "faults[0].afterBytes must be a whole number of at least 0, got -1"],
    [[{ kind: "reset", chance: 1.1 }], "faults[0].chance must be from 0 to 1, got 1.1"],
    [[{ kind: "stall", share: -0.1 }], "faults[0].share must be from 0 to 1, got -0.1"],
    [[{ kind: "stall", direction: "left" }], 'faults[0].direction must be up, down or both, got "left"'],
    [[{ kind: "slowClose", ms: NaN }], "faults[0].ms must be from 0 to 2147483647 milliseconds, got NaN"],
    [[{ kind: "refuse", ms: 5 }], "faults[0].ms is unknown, this kind has direction, share"],
  ];

  it("are refused by name and value, before anything is opened", async () => {
    await using world = await faultsWorld([{ kind: "halfOpen" }]);
    const listeners = world.adapter.listeners.size;
    for (const [faults, message] of cases) {
      const options = { upstream: { port: 1 }, faults: faults as Fault[], adapter: world.adapter };
      if (faults !== null) await assertRejects(() => startFaultProxy(options), OptionError, message);
      assertThrows(() => world.proxy.set(faults as Fault[]), OptionError, message);
    }
    assertEquals(world.proxy.faults, [{ kind: "halfOpen" }]);
    for (const upstream of [{}, { port: 0 }, { port: 1, path: "/x" }, { path: "" }, null]) {
      await assertRejects(() => startFaultProxy({ upstream: upstream! }), OptionError, "upstream");
    }
    await assertRejects(() => startFaultProxy({ upstream: { port: 1 }, seed: -1 }), OptionError, "seed must be");
    await assertRejects(
      () => startFaultProxy({ upstream: { port: 1 }, listen: { port: 70_000 } }),
      OptionError,
      "70000",
    );
    assertThrows(() => world.proxy.partition(-1), OptionError, "ms must be from 0");
    assertEquals(world.adapter.listeners.size, listeners);
  });
});

/** Each fault of the proxy does exactly what it says, in virtual time. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Fault } from "../../../src/tools/faults/mod.ts";
import { type Ends, type FaultsWorld, faultsWorld } from "../../support/faults_world.ts";
import { firstDifference, pattern } from "../../support/rig.ts";

describe("the fault latency", () => {
  it("delays bytes, FIN and reset by so much", async () => {
    await using world = await faultsWorld([{ kind: "latency", ms: 50 }]);
    const { client, upstream } = await world.pair();
    const sentAt = world.clock.now();
    client.send("ping");
    await world.pass(49);
    assertEquals(upstream.text, "");
    await world.pass(1);
    assertEquals([upstream.text, upstream.times], ["ping", [sentAt + 50]]);
    client.finish();
    await world.pass(60);
    assertEquals([upstream.end, upstream.endedAt], ["fin", sentAt + 100]);
    const resetAt = world.clock.now();
    upstream.conn.abort();
    await world.pass(60);
    assertEquals([client.end, client.endedAt], ["reset", resetAt + 50]);
  });

  it("varies within its jitter, and keeps the order", async () => {
    await using world = await faultsWorld([{ kind: "latency", ms: 50, jitter: 20, direction: "up" }]);
    const { client, upstream } = await world.pair();
    const sentAt: number[] = [];
    for (let i = 0; i < 40; i++) {
      sentAt.push(world.clock.now());
      client.send(String.fromCharCode(48 + i));
      await world.pass(100);
    }
    assertEquals(upstream.text, String.fromCharCode(...sentAt.map((_, i) => 48 + i)));
    const delays = upstream.times.map((time, i) => time - sentAt[i]);
    assert(delays.every((delay) => delay >= 30 && delay <= 70), `delays ${delays}`);
    assert(Math.max(...delays) - Math.min(...delays) > 20, `delays ${delays}`);
    for (let i = 0; i < 40; i++) {
      client.send(String.fromCharCode(48 + i));
      await world.pass(1);
    }
    await world.pass(100);
    assertEquals(upstream.text.slice(40), upstream.text.slice(0, 40));
  });

  it("lets no reset overtake bytes", async () => {
    await using world = await faultsWorld([{ kind: "latency", ms: 50, jitter: 50 }]);
    for (let i = 0; i < 20; i++) {
      const { client, upstream } = await world.pair();
      client.send("first");
      await world.settle();
      client.conn.abort();
      await world.pass(105);
      assertEquals([upstream.text, upstream.end], ["first", "reset"]);
    }
  });

  it("is for one direction alone if asked", async () => {
    await using world = await faultsWorld([{ kind: "latency", ms: 500, direction: "down" }]);
    const { client, upstream } = await world.pair();
    client.send("up");
    upstream.send("down");
    await world.settle();
    assertEquals([upstream.text, client.text], ["up", ""]);
    await world.pass(500);
    assertEquals(client.text, "down");
  });
});

describe("the fault bandwidth", () => {
  it("lets at no moment more pass than the rate, and all of it in that time", async () => {
    await using world = await faultsWorld([{ kind: "bandwidth", bytesPerSecond: 10_000, direction: "up" }]);
    const { client, upstream } = await world.pair();
    const start = world.clock.now();
    const sent = pattern(20_000);
    client.send(sent);
    for (let ms = 100; ms <= 1900; ms += 100) {
      await world.pass(100);
      const { length } = upstream.bytes;
      assert(length <= ms * 10 && length > ms * 10 - 400, `${length} bytes after ${ms} ms`);
    }
    await world.pass(100);
    assertEquals(firstDifference(upstream.bytes, sent), -1);
    assertEquals(world.clock.now() - start, 2000);
  });
});

describe("the fault bandwidth on a machine whose timers are late", () => {
  it("keeps to the rate all the same", async () => {
    await using world = await faultsWorld([{ kind: "bandwidth", bytesPerSecond: 10_000 }], { lag: 4 });
    const { client, upstream } = await world.pair();
    client.send(pattern(20_000));
    await world.pass(2010);
    assertEquals(upstream.bytes.length, 20_000);
  });
});

describe("the fault slice", () => {
  it("passes bytes on in writes of at most so many", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 900 }), async (bytes, length) => {
        await using world = await faultsWorld([{ kind: "slice", bytes, direction: "down" }]);
        const { client, upstream } = await world.pair();
        const sent = pattern(length);
        upstream.send(sent);
        for (let turns = 0; client.bytes.length < length && turns < 1000; turns++) await world.settle();
        assertEquals(firstDifference(client.bytes, sent), -1);
        const full = new Array(Math.floor(length / bytes)).fill(bytes);
        assertEquals(client.sizes, length % bytes === 0 ? full : [...full, length % bytes]);
      }),
      { numRuns: 15 },
    );
  });

  it("pauses between them", async () => {
    await using world = await faultsWorld([{ kind: "slice", bytes: 10, delay: 5 }]);
    const { client, upstream } = await world.pair();
    const start = world.clock.now();
    client.send(pattern(30));
    await world.pass(20);
    assertEquals([upstream.sizes, upstream.times], [[10, 10, 10], [start, start + 5, start + 10]]);
  });
});

describe("the fault reset", () => {
  it("comes when exactly so many bytes have passed, at both ends", async () => {
    for (const afterBytes of [1, 1000, 2500, 5000]) {
      await using world = await faultsWorld([{ kind: "reset", afterBytes, direction: "up" }]);
      const { client, upstream } = await world.pair();
      for (let i = 0; i < 5; i++) {
        client.send(pattern(1000));
        upstream.send("noise");
        await world.settle();
      }
      await world.pass(20);
      assertEquals([upstream.bytes.length, upstream.end, client.end], [afterBytes, "reset", "reset"]);
      assertEquals([world.proxy.stats().faults.reset, world.adapter.openSockets], [1, 0]);
    }
  });

  it("does not come before", async () => {
    await using world = await faultsWorld([{ kind: "reset", afterBytes: 1001, direction: "up" }]);
    const { client, upstream } = await world.pair();
    client.send(pattern(1000));
    await world.pass(1000);
    assertEquals([upstream.bytes.length, upstream.end, client.end], [1000, "open", "open"]);
  });

  it("counts the bytes of both directions together if it is for both", async () => {
    await using world = await faultsWorld([{ kind: "reset", afterBytes: 10 }]);
    const { client, upstream } = await world.pair();
    client.send("1234567");
    await world.settle();
    upstream.send("1234567");
    await world.pass(20);
    assertEquals([upstream.text, client.text, client.end], ["1234567", "123", "reset"]);
  });

  it("comes at once without bytes to wait for", async () => {
    await using world = await faultsWorld([{ kind: "reset" }]);
    const { client, upstream } = await world.pair();
    await world.pass(20);
    assertEquals([client.end, upstream.end], ["reset", "reset"]);
  });

  it("comes at random with its chance for each chunk", async () => {
    const chunks = await chunksBeforeReset(0.1, 1);
    const mean = chunks.reduce((sum, count) => sum + count, 0) / chunks.length;
    assert(mean > 4 && mean < 16, `${chunks} chunks before the reset, expected about 9`);
  });

  it("comes at the same chunks with the same seed, and at others with another", async () => {
    const [first, again, other] = [
      await chunksBeforeReset(0.1, 7),
      await chunksBeforeReset(0.1, 7),
      await chunksBeforeReset(0.1, 8),
    ];
    assertEquals(first, again);
    assert(first.join() !== other.join());
  });
});

describe("the fault stall", () => {
  it("lets exactly so many bytes pass, and its peer's writes come to a halt", async () => {
    await using world = await faultsWorld([{ kind: "stall", afterBytes: 100, direction: "up" }]);
    const { client, upstream } = await world.pair();
    let written = 0;
    const writing = (async () => {
      for (; written < 100; written++) await client.conn.write(pattern(10_000));
    })();
    await world.pass(100_000);
    assertEquals([upstream.bytes.length, upstream.end], [100, "open"]);
    assert(written < 30, `${written} writes of 10,000 bytes were taken`);
    upstream.send("the other way goes on");
    await world.settle();
    assertEquals([client.text, world.proxy.stats().faults.stall], ["the other way goes on", 1]);
    world.proxy.set([]);
    await world.pass(10);
    await writing;
    await world.settle();
    assertEquals(upstream.bytes.length, 1_000_000);
  });
});

describe("the fault slowClose", () => {
  it("passes a FIN on so much later, and bytes at once", async () => {
    await using world = await faultsWorld([{ kind: "slowClose", ms: 2000 }]);
    const { client, upstream } = await world.pair();
    const start = world.clock.now();
    client.send("bytes");
    client.finish();
    await world.settle();
    assertEquals([upstream.text, upstream.end], ["bytes", "open"]);
    await world.pass(2500);
    assertEquals([upstream.end, upstream.endedAt], ["fin", start + 2000]);
  });
});

describe("the fault halfOpen", () => {
  for (const how of ["FIN", "reset"] as const) {
    it(`never tells the upstream of the client's ${how}, and lets go when the upstream ends`, async () => {
      await using world = await faultsWorld([{ kind: "halfOpen", direction: "up" }]);
      const { client, upstream } = await world.pair();
      client.send("hello");
      await world.settle();
      if (how === "FIN") client.finish();
      else client.conn.abort();
      upstream.send("anybody?");
      await world.pass(600_000);
      assertEquals([upstream.text, upstream.end, upstream.conn.state], ["hello", "open", "idle"]);
      assertEquals(client.text, how === "FIN" ? "anybody?" : "");
      upstream.finish();
      await world.pass(10);
      assertEquals([upstream.end, world.adapter.openSockets], ["fin", 0]);
      assertEquals(world.proxy.stats().connections.open, 0);
    });
  }

  for (const how of ["fin", "reset"] as const) {
    it(`tells of the ${how} when it is lifted`, async () => {
      await using world = await faultsWorld([{ kind: "halfOpen" }]);
      const { client, upstream } = await world.pair();
      if (how === "fin") client.finish();
      else client.conn.abort();
      await world.pass(1000);
      assertEquals(upstream.end, "open");
      world.proxy.set([]);
      await world.pass(2);
      assertEquals(upstream.end, how);
    });
  }

  it("never tells the client of the upstream's end", async () => {
    await using world = await faultsWorld([{ kind: "halfOpen", direction: "down" }]);
    const { client, upstream } = await world.pair();
    upstream.conn.abort();
    await world.pass(600_000);
    assertEquals(client.end, "open");
    client.conn.abort();
    await world.settle();
    assertEquals(world.adapter.openSockets, 0);
  });
});

describe("the fault refuse", () => {
  it("resets a new connection, and its upstream hears nothing", async () => {
    await using world = await faultsWorld([{ kind: "refuse" }]);
    const client = await world.client();
    await world.pass(1000);
    const { connections, faults } = world.proxy.stats();
    assertEquals([client.end, connections.failed, faults.refuse], ["reset", 1, 1]);
    world.proxy.set([]);
    const { upstream } = await world.pair();
    assertEquals(upstream.conn.id, 1);
  });
});

/** For each of twenty connections: how many chunks had passed before it was reset. */
async function chunksBeforeReset(chance: number, seed: number): Promise<number[]> {
  const faults: Fault[] = [{ kind: "reset", chance, direction: "up" }];
  await using world = await faultsWorld(faults, { seed });
  const counts: number[] = [];
  for (let i = 0; i < 20; i++) counts.push(await countUntilReset(world, await world.pair()));
  return counts;
}

async function countUntilReset(world: FaultsWorld, { client, upstream }: Ends): Promise<number> {
  for (let sent = 0; sent < 200 && upstream.end === "open"; sent++) {
    client.send("x");
    await world.pass(11);
  }
  return upstream.bytes.length;
}

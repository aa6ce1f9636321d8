/** What holds for all faults of the proxy: shares, seeds, combinations, changes at run time; and partitions. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { faultsWorld } from "../../support/faults_world.ts";
import { pattern } from "../../support/rig.ts";

describe("faults", () => {
  it("fall to their share of the connections, the same with the same seed", async () => {
    const first = await refusedAmong(200, 0.3, 5);
    assertEquals(first, await refusedAmong(200, 0.3, 5));
    assert(first.join() !== (await refusedAmong(200, 0.3, 6)).join());
    assert(first.length > 40 && first.length < 80, `${first.length} of 200 with a share of 0.3`);
    assertEquals((await refusedAmong(20, 0, 5)).length, 0);
    assertEquals((await refusedAmong(20, 1, 5)).length, 20);
  });

  it("combine: a limited rate in slices, late, and then a reset", async () => {
    await using world = await faultsWorld([
      { kind: "latency", ms: 100 },
      { kind: "bandwidth", bytesPerSecond: 1000 },
      { kind: "slice", bytes: 10 },
      { kind: "reset", afterBytes: 55 },
    ]);
    const { client, upstream } = await world.pair();
    const start = world.clock.now();
    client.send(pattern(100));
    await world.pass(500);
    assertEquals(upstream.sizes, [10, 10, 10, 10, 10, 5]);
    assertEquals(upstream.times.map((time) => Math.round(time - start)), [110, 120, 130, 140, 150, 155]);
    assertEquals([upstream.end, client.end], ["reset", "reset"]);
  });

  it("change at run time for live connections", async () => {
    await using world = await faultsWorld([]);
    const { client, upstream } = await world.pair();
    client.send("a");
    await world.settle();
    world.proxy.set([{ kind: "latency", ms: 1000 }]);
    client.send("b");
    await world.pass(500);
    assertEquals(upstream.text, "a");
    world.proxy.set([]);
    client.send("c");
    await world.pass(499);
    assertEquals(upstream.text, "a");
    await world.pass(1);
    assertEquals(upstream.text, "abc");
    world.proxy.set([{ kind: "reset", afterBytes: 2 }]);
    client.send("defg");
    await world.pass(20);
    assertEquals([upstream.text, upstream.end], ["abcde", "reset"]);
  });
});

describe("a partition", () => {
  it("lets nothing pass for a while, either way, and then all of it", async () => {
    await using world = await faultsWorld([]);
    const { client, upstream } = await world.pair();
    world.proxy.partition(5000);
    client.send("up");
    client.finish();
    upstream.send("down");
    await world.pass(4999);
    assertEquals([upstream.text, upstream.end, client.text], ["", "open", ""]);
    await world.pass(1);
    assertEquals([upstream.text, upstream.end, client.text], ["up", "fin", "down"]);
  });

  it("keeps new connections from the upstream", async () => {
    await using world = await faultsWorld([{ kind: "partition", ms: 3000 }]);
    const client = await world.client();
    client.send("hello");
    const accepted = world.accept();
    await world.pass(2900);
    assertEquals(world.proxy.stats().connections.connecting, 1);
    await world.pass(100);
    assertEquals((await accepted).text, "hello");
  });

  it("hides a reset until it is over", async () => {
    await using world = await faultsWorld([]);
    const { client, upstream } = await world.pair();
    world.proxy.partition(1000);
    client.conn.abort();
    await world.pass(999);
    assertEquals(upstream.end, "open");
    await world.pass(1);
    assertEquals(upstream.end, "reset");
  });

  it("without a duration lasts until the faults change, and ends early if asked", async () => {
    await using world = await faultsWorld([{ kind: "partition", direction: "up" }]);
    const client = await world.client();
    world.proxy.set([]);
    const upstream = await world.accept();
    world.proxy.set([{ kind: "partition", direction: "up" }]);
    world.proxy.partition(600_000);
    client.send("up");
    upstream.send("down");
    await world.pass(500_000);
    world.proxy.partition(0);
    await world.settle();
    assertEquals([upstream.text, client.text], ["", "down"]);
    world.proxy.set([]);
    await world.settle();
    assertEquals(upstream.text, "up");
  });
});

/** Numbers of the connections, among so many, that a refusal with this share falls to. */
async function refusedAmong(connections: number, share: number, seed: number): Promise<number[]> {
  await using world = await faultsWorld([{ kind: "refuse", share }], { seed });
  const refused: number[] = [];
  for (let number = 1; number <= connections; number++) {
    const client = await world.client();
    await world.settle();
    if (client.end === "reset") refused.push(number);
  }
  return refused;
}

import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { exchange, HUNDRED, ManualClock, pair, runAll, Witness } from "../../support/memory_pair.ts";

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

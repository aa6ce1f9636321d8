/** `endLameDuck()`: a drain goes on before its lame duck's time is over. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { world } from "../../support/world.ts";

describe("endLameDuck()", () => {
  it("closes the listener at once, and serves out as ever", async () => {
    await using w = await world(undefined, { grace: 10_000, lameDuck: 5000, acceptQuiet: 5000 });
    const client = await w.client();
    const phases: string[] = [];
    w.server.observe({ drainPhase: (phase) => void phases.push(phase) });
    const began = w.clock.now();
    const stopping = w.server.shutdown();
    await w.pass(1000);
    assertEquals(phases, ["lameDuck"]);
    assertEquals(w.server.endLameDuck(), true);
    await w.pass(10);
    assertEquals(phases, ["lameDuck", "drain"]);
    client.send("still served\n");
    const report = await w.until(stopping);
    assertEquals([client.text, report.clean, report.forced], ["echo: still served\n", true, false]);
    assert(report.phases.lameDuck < 1100, `${report.phases.lameDuck}`);
    assert(w.clock.now() - began < 4000);
  });

  it("does nothing where no drain is in its lame duck", async () => {
    await using w = await world(undefined, { grace: 10_000, lameDuck: 1000, acceptQuiet: 1000 });
    assertEquals(w.server.endLameDuck(), false);
    const stopping = w.server.shutdown();
    assertEquals(w.server.endLameDuck(), true);
    await w.pass(1);
    assertEquals([w.server.endLameDuck(), w.server.resume()], [false, false]);
    await w.until(stopping);
    assertEquals(w.server.endLameDuck(), false);
  });

  it("leaves a drain that was called off alone", async () => {
    await using w = await world(undefined, { grace: 10_000, lameDuck: 1000, acceptQuiet: 1000 });
    const stopping = w.server.shutdown();
    assertEquals([w.server.resume(), w.server.endLameDuck()], [true, false]);
    assertEquals((await w.until(stopping)).resumed, true);
  });
});

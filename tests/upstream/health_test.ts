import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { UpstreamError, type UpstreamOptions } from "../../src/upstream/mod.ts";
import { Health } from "../../src/upstream/http/health.ts";
import { type HealthState, TRANSITIONS } from "../../src/upstream/http/health_states.ts";
import { answer, type Script, UpstreamWorld } from "../support/upstream_world.ts";

/** Answers with its own letter, as often as it is asked; 503 while it is out of order. */
class Place {
  isWell = true;
  asked = 0;
  readonly script: Script;

  constructor(letter: string) {
    this.script = async (side) => {
      for (let head = await side.head(); head !== null; head = await side.head()) {
        this.asked++;
        side.send(this.isWell ? answer(letter) : answer("", "", "503 Service Unavailable"));
      }
    };
  }
}

async function ask(w: UpstreamWorld, times: number): Promise<string> {
  let letters = "";
  for (let i = 0; i < times; i++) {
    const response = await w.until(w.upstream.fetch("/"));
    letters += response.ok ? await response.text() : "-";
  }
  return letters;
}

async function places(weights: readonly number[], options: UpstreamOptions = {}): Promise<[UpstreamWorld, Place[]]> {
  const w = new UpstreamWorld();
  const all = weights.map((_, i) => new Place("abc"[i]));
  const addresses = [];
  for (const [i, { script }] of all.entries()) addresses.push({ url: await w.serve(script), weight: weights[i] });
  w.ask(addresses, options);
  return [w, all];
}

function states(w: UpstreamWorld): string[] {
  return w.upstream.stats.addresses.map(({ state }) => state);
}

describe("several addresses", () => {
  it("are asked by their weights, evenly spread", async () => {
    const [w] = await places([5, 1, 1]);
    await using _ = w;
    assertEquals(await ask(w, 14), "aabacaaaabacaa");
    assertEquals(w.upstream.stats.addresses.map(({ calls }) => calls), [10, 2, 2]);
  });

  it("lose one that fails so often in a row, and get it back when a call has found it well", async () => {
    const [w, [a, b]] = await places([1, 1], { failures: 3, ejectFor: 10_000 });
    await using _ = w;
    a.isWell = false;
    assertEquals(await ask(w, 8), "-b-b-bbb");
    assertEquals([states(w), w.upstream.stats.addresses[0].ejections], [["out", "in"], 1]);
    await w.pass(9000);
    assertEquals(await ask(w, 2), "bb");
    // The while is over: one call finds out, and it is still not well.
    await w.pass(1500);
    const asked = a.asked;
    assertEquals((await ask(w, 4)).match(/-/g)?.length, 1);
    assertEquals([a.asked - asked, states(w)], [1, ["out", "in"]]);
    // The second time it is out for twice as long.
    await w.pass(15_000);
    assertEquals(await ask(w, 2), "bb");
    await w.pass(6000);
    a.isWell = true;
    assertEquals((await ask(w, 4)).match(/a/g)?.length, 2);
    assertEquals([states(w), b.isWell], [["in", "in"], true]);
  });

  it("a success in between begins the count anew", async () => {
    const [w, [a]] = await places([1, 1], { failures: 2 });
    await using _ = w;
    for (let i = 0; i < 4; i++) {
      a.isWell = i % 2 === 0;
      await ask(w, 2);
    }
    assertEquals(states(w), ["in", "in"]);
  });

  it("never lose the last one", async () => {
    const [w, all] = await places([1, 1], { failures: 1, ejectFor: 60_000 });
    await using _ = w;
    for (const place of all) place.isWell = false;
    assertEquals(await ask(w, 6), "------");
    assertEquals(states(w).filter((state) => state === "in").length, 1);
    for (const place of all) place.isWell = true;
    assertEquals((await ask(w, 3)).length, 3);
  });

  it("while one call finds out, others go elsewhere", async () => {
    const w = new UpstreamWorld();
    await using _ = w;
    let isSlow = false;
    const slow = await w.serve(async (side) => {
      while (await side.head() !== null) {
        if (isSlow) await new Promise<void>((resolve) => w.clock.setTimer(resolve, 500));
        side.send(isSlow ? answer("a") : answer("", "", "503 No"));
      }
    });
    const well = new Place("b");
    w.ask([slow, await w.serve(well.script)], { failures: 1, ejectFor: 1000 });
    await ask(w, 2);
    isSlow = true;
    await w.pass(1000);
    // Whose turn it is: the first of the two finds out.
    const calls = [w.upstream.fetch("/"), w.upstream.fetch("/")];
    await w.pass(1);
    assertEquals(states(w), ["trial", "in"]);
    assertEquals(await ask(w, 3), "bbb");
    const texts = await w.until(Promise.all(calls.map(async (call) => await (await call).text())));
    assertEquals(texts.sort(), ["a", "b"]);
    assertEquals(states(w), ["in", "in"]);
  });

  it("one that can't be reached costs no call: it goes to another, whatever its method, since nothing was sent", async () => {
    const [w, all] = await places([1, 1], { failures: 2 });
    await using _ = w;
    await w.until(w.servers[0].close());
    const texts: string[] = [];
    for (let i = 0; i < 4; i++) {
      texts.push(await (await w.until(w.upstream.fetch("/", { method: "POST", body: "x" }))).text());
    }
    assertEquals([texts, all[1].asked, states(w)], [["b", "b", "b", "b"], 4, ["out", "in"]]);
    assertEquals([w.upstream.stats.retries, w.upstream.stats.failures.connect], [2, 2]);
    await w.until(w.servers[1].close());
    const error = await assertRejects(() => w.until(w.upstream.fetch("/")), UpstreamError);
    assertEquals(error.failure, "connect");
  });
});

describe("an address's health", () => {
  const all: HealthState[] = ["in", "out", "trial"];

  it("has an answer to every event", () => {
    for (const [event, row] of Object.entries(TRANSITIONS)) assertEquals(Object.keys(row), all, event);
  });

  it("hears nothing of what was asked before it was taken out", () => {
    const health = new Health({ failures: 1, ejectFor: 100 });
    health.bad(false, 0, true);
    health.well(false);
    assertEquals([health.state, health.takes(99), health.takes(100)], ["out", false, true]);
    assertEquals([health.begin(100), health.begin(100), health.state, health.takes(100)], [
      true,
      false,
      "trial",
      false,
    ]);
    health.bad(false, 101, true);
    health.well(false);
    assertEquals(health.state, "trial");
    health.unknown();
    assertEquals([health.state, health.takes(101)], ["out", true]);
    health.begin(101);
    health.well(true);
    assertEquals([health.state, health.ejections], ["in", 1]);
    // It broke off in the body behind the head that had found it well: that counts as any failure does.
    health.bad(true, 102, false);
    assertEquals([health.state, health.ejections], ["in", 1]);
  });
});

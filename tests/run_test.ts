import { describe, it } from "node:test";
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { memoryAdapter } from "../adapters/memory.ts";
import { OptionError, run, type RunOptions, serve, type Server, silentLogger } from "../mod.ts";
import { type World, world } from "./support/world.ts";

function running(w: World, servers: (Server | Promise<Server>)[] = [w.server], options: RunOptions = {}) {
  return run(servers, { adapter: w.adapter, clock: w.clock, logger: silentLogger, grace: 2000, ...options });
}

describe("run", () => {
  it("drains on a signal and exits 0", async () => {
    await using w = await world();
    const client = await w.client();
    const report = running(w);
    await w.clock.settle();
    w.adapter.raise("SIGTERM");
    const { exitCode, signal, clean, reports } = await w.until(report);
    assertEquals([exitCode, signal, clean, w.adapter.exitCode], [0, "SIGTERM", true, 0]);
    assertEquals([reports[0].cause, client.end, w.adapter.signalHandlers], ["SIGTERM", "fin", 0]);
  });

  it("hears signals from the moment of the call, on the adapter of a server that runs", async () => {
    await using w = await world();
    const report = run(w.server, { clock: w.clock, logger: silentLogger });
    w.adapter.raise("SIGTERM");
    assertEquals((await w.until(report)).exitCode, 0);
  });

  it("exits 1 when something was cut", async () => {
    await using w = await world(() => new Promise(() => {}));
    await w.client();
    const report = running(w);
    await w.clock.settle();
    w.adapter.raise("SIGINT");
    assertEquals([(await w.until(report)).exitCode, w.adapter.exitCode], [1, 1]);
  });

  it("exits 1 when a hook failed, and runs its hooks after all servers, in reverse order", async () => {
    await using w = await world();
    const order: string[] = [];
    w.server.onShutdown("server", () => void order.push("server"));
    const hooks = [
      { name: "first", run: () => void order.push("first") },
      { name: "second", run: () => Promise.reject(new Error("no")) },
    ];
    const report = running(w, [w.server], { hooks });
    await w.clock.settle();
    w.adapter.raise("SIGTERM");
    const { exitCode, hooks: results } = await w.until(report);
    assertEquals([exitCode, order, results.map((result) => result.name)], [1, ["server", "first"], [
      "second",
      "first",
    ]]);
  });

  it("cuts at a second signal and exits 128 + n", async () => {
    await using w = await world(() => new Promise(() => {}));
    const client = await w.client();
    const report = running(w);
    await w.clock.settle();
    w.adapter.raise("SIGTERM");
    await w.pass(500);
    w.adapter.raise("SIGINT");
    const began = w.clock.now();
    assertEquals((await w.until(report)).exitCode, 130);
    assertLess(w.clock.now() - began, 100);
    assertEquals(client.end, "reset");
  });

  it("counts the same signal within 100 ms once", async () => {
    await using w = await world();
    await w.client();
    const report = running(w);
    await w.clock.settle();
    w.adapter.raise("SIGINT");
    w.adapter.raise("SIGINT");
    await w.pass(50);
    w.adapter.raise("SIGINT");
    assertEquals((await w.until(report)).exitCode, 0);
  });

  it("drains a server that was still starting when the signal came", async () => {
    await using w = await world();
    let start: (server: Server) => void = () => {};
    const report = running(w, [new Promise((resolve) => start = resolve)]);
    await w.clock.settle();
    w.adapter.raise("SIGTERM");
    await w.pass(300);
    assertEquals(w.server.state, "running");
    start(w.server);
    assertEquals((await w.until(report)).exitCode, 0);
  });

  it("drains several servers within one budget", async () => {
    await using w = await world();
    const second = await serve({ adapter: w.adapter, clock: w.clock, logger: silentLogger, name: "two" }, () => {});
    const report = running(w, [w.server, Promise.resolve(second)]);
    await w.clock.settle();
    w.adapter.raise("SIGTERM");
    assertEquals((await w.until(report)).reports.map(({ server }) => server), ["server", "two"]);
  });

  it("stops the others when one can't start, and leaves no signal handler", async () => {
    await using w = await world();
    const report = running(w, [w.server, Promise.reject(new Error("port in use"))]);
    report.catch(() => {});
    await w.pass(10);
    await assertRejects(() => report, Error, "port in use");
    assertEquals([w.server.state, w.adapter.signalHandlers], ["closed", 0]);
  });

  it("hears at once of a server that fails to start, before its own options are looked at", async () => {
    const adapter = memoryAdapter();
    const failing = serve({ adapter, port: 70_000 }, () => {});
    await assertRejects(() => run(failing, { adapter, signals: ["SIGNONE"] }), OptionError, "SIGNONE");
    await assertRejects(() => run(serve({ adapter, port: 70_000 }, () => {}), { adapter }), OptionError, "port");
  });

  it("closes a server that still starts when its own options are wrong", async () => {
    await using w = await world();
    const report = run(w.server, { adapter: w.adapter, clock: w.clock, signals: ["SIGNONE"] });
    report.catch(() => {});
    await w.pass(100);
    await assertRejects(() => report, OptionError, "SIGNONE");
    assertEquals([w.server.state, w.adapter.listeners.size], ["closed", 0]);
  });

  it("goes on after resume(), and the next signal is a first one", async () => {
    await using w = await world();
    const report = running(w, [w.server], { lameDuck: 300 });
    await w.clock.settle();
    w.adapter.raise("SIGTERM");
    await w.pass(200);
    w.server.resume();
    await w.pass(1000);
    assertEquals(w.server.state, "running");
    w.adapter.raise("SIGTERM");
    assertEquals((await w.until(report)).exitCode, 0);
  });

  it("ends when the program itself stops the servers, without a signal", async () => {
    await using w = await world();
    const report = running(w, [w.server], { exit: false });
    await w.clock.settle();
    w.server.shutdown();
    const { exitCode, signal } = await w.until(report);
    assertEquals([exitCode, signal, w.adapter.exitCode], [0, null, null]);
  });

  it("refuses unknown signals and budgets that don't fit, before anything", async () => {
    const adapter = memoryAdapter();
    const names = ["SIGKILL", "sigterm", "TERM", "", "toString"];
    for (const name of names) {
      const error = await assertRejects(() => run([], { adapter, signals: [name] }), OptionError) as Error;
      assert(error.message.includes(JSON.stringify(name)), error.message);
    }
    await assertRejects(() => run([], { adapter, grace: 100, lameDuck: 100 }), OptionError);
    const hooks = [{ name: "slow", run: () => {}, timeout: 5000 }];
    await assertRejects(() => run([], { adapter, grace: 1000, hooks }), OptionError);
    assertEquals(adapter.signalHandlers, 0);
  });
});

import { describe, it } from "node:test";
import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { memoryAdapter } from "../../../adapters/memory/mod.ts";
import {
  createServer,
  jsonLogger,
  type Logger,
  OptionError,
  run,
  type RunOptions,
  serve,
  type Server,
  ServerClosedError,
  silentLogger,
} from "../../../mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { type World, world } from "../../support/world.ts";

function running(w: World, servers: (Server | Promise<Server>)[] = [w.server], options: RunOptions = {}) {
  return run(servers, { adapter: w.adapter, clock: w.clock, logger: silentLogger, grace: 2000, ...options });
}

/** A logger that keeps its records, and the records. */
function kept(): { logger: Logger; records: Record<string, unknown>[] } {
  const records: Record<string, unknown>[] = [];
  return { records, logger: jsonLogger({ write: (line) => records.push(JSON.parse(line)) }) };
}

describe("what run() says", () => {
  it("is where each server listens, by the first server's logger when it has none of its own", async () => {
    const [w, { logger, records }] = [await world(), kept()];
    const server = await serve({ adapter: w.adapter, clock: w.clock, logger, name: "api", port: 9000 }, () => {});
    const report = run([server, w.server], { clock: w.clock });
    await w.clock.settle();
    const told = records.filter(({ msg }) => String(msg).startsWith("Listening"));
    assertEquals(told.map(({ msg, server }) => [msg, server]), [
      ["Listening on tcp://localhost:9000", "api"],
      [`Listening on ${w.server.url}`, "server"],
    ]);
    assertEquals(told[0].addresses, ["[::]:9000"]);
    w.adapter.raise("SIGTERM");
    assertEquals((await w.until(report)).exitCode, 0);
    assertEquals(records.filter(({ msg }) => msg === "Got SIGTERM, draining").length, 1);
    assertEquals(records.filter(({ msg }) => msg === "Stopped, nothing was lost").length, 2);
  });

  it("is what the stop has cost: every connection that was cut, with peer, state and age", async () => {
    const { logger, records } = kept();
    await using w = await world(() => new Promise(() => {}));
    for (let i = 0; i < 22; i++) await w.client();
    const hooks = [{ name: "flush", run: () => Promise.reject(new Error("disk full")) }];
    const report = running(w, [w.server], { logger, hooks });
    await w.clock.settle();
    w.adapter.raise("SIGTERM");
    const [{ cut }] = (await w.until(report)).reports;
    assertEquals(records.filter(({ msg }) => msg === "Stopped, 22 cut, 0 truncated").length, 1);
    const told = records.filter(({ msg }) => /^Cut [^2]/.test(String(msg)));
    assertEquals(
      told.map(({ msg, conn, peer, state }) => [msg, conn, peer, state]),
      cut.slice(0, 20).map(({ id, peer, state }) => [`Cut ${peer}`, id, peer, state]),
    );
    assert(told.every(({ age }) => Number(age) >= 1500), "the age in ms");
    assertEquals(records.filter(({ msg }) => msg === "Cut 2 more, the report names them").length, 1);
    const failed = records.find(({ msg }) => msg === "A shutdown hook failed");
    assertEquals([failed?.hook, failed?.reason], ["flush", "disk full"]);
  });
});

describe("a server's url", () => {
  it("tells what is spoken and where, for clients of this machine", async () => {
    const adapter = memoryAdapter();
    const tls = { cert: "-----BEGIN CERTIFICATE-----", key: "-----BEGIN PRIVATE KEY-----" };
    const answer = () => new Response();
    const servers = [
      await serve({ adapter, port: 9000 }, () => {}),
      await serve({ adapter, port: 9001, hostname: "127.0.0.1", tls }, () => {}),
      await serve({ adapter, path: "/tmp/x.sock" }, () => {}),
      await serveHttp({ adapter, port: 8080 }, answer),
      await serveHttp({ adapter, port: 8443, hostname: "::1", tls }, answer),
    ];
    assertEquals(servers.map(({ url }) => url), [
      "tcp://localhost:9000",
      "tls://127.0.0.1:9001",
      "unix:/tmp/x.sock",
      "http://localhost:8080/",
      "https://[::1]:8443/",
    ]);
    assertThrows(() => createServer({ adapter }, () => {}).url, ServerClosedError);
    await Promise.all(servers.map((server) => server.close()));
  });
});

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

  it("counts SIGINT and a SIGTERM within 100 ms once, as a watcher sends them, and not a later one", async () => {
    await using w = await world(() => new Promise(() => {}));
    await w.client();
    const report = running(w);
    await w.clock.settle();
    w.adapter.raise("SIGINT");
    await w.pass(50);
    w.adapter.raise("SIGTERM");
    await w.pass(50);
    assertEquals([w.server.state, w.adapter.exitCode], ["draining", null]);
    await w.pass(100);
    w.adapter.raise("SIGTERM");
    assertEquals((await w.until(report)).exitCode, 143);
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

  it("counts a signal once that came in time to a process that was deaf", async () => {
    await using w = await world(() => new Promise(() => {}));
    await w.client();
    const turns: (() => void)[] = [];
    const clock = {
      now: () => w.clock.now(),
      setTimer: (fn: () => void, delay: number) => w.clock.setTimer(fn, delay),
      soon: (fn: () => void) => w.clock.soon(fn),
      turn: (fn: () => void) => void turns.push(fn),
    };
    const report = running(w, [w.server], { clock });
    await w.clock.settle();
    w.adapter.raise("SIGTERM");
    await w.pass(150);
    // The loop was blocked: what was due has run, and what waits in the kernel is heard in the same turn.
    w.adapter.raise("SIGTERM");
    await w.pass(150);
    assertEquals([w.server.state, w.adapter.exitCode], ["draining", null]);
    for (const turn of turns) turn();
    w.adapter.raise("SIGTERM");
    assertEquals((await w.until(report)).exitCode, 143);
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
    await assertRejects(() => run(undefined as never, { adapter }), OptionError, "servers must be what serve()");
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

import { describe, it } from "node:test";
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertRejects } from "@std/assert";
import {
  type Address,
  Dialer,
  type Handler,
  jsonLogger,
  OptionError,
  run,
  type Runnables,
  type RunOptions,
  serve,
  type ServeOptions,
  type Server,
  silentLogger,
} from "../../../mod.ts";
import { healthHandler, type HealthOptions, livez, readyz, reply, serveHttp } from "../../../src/http/mod.ts";
import { lastScrape } from "../../../src/metrics/mod.ts";
import { stagesGiven, stagesOf } from "../../../src/server/run/stages.ts";
import { Client, echoLines, World } from "../../support/world.ts";

const never: Handler = () => new Promise(() => {});

/** Several servers in one world; the first made is the world's own. */
class Fleet extends World {
  readonly log: string[] = [];
  readonly servers: Server[] = [];
  readonly #options: ServeOptions = {
    adapter: this.adapter,
    clock: this.clock,
    logger: silentLogger,
    hostname: "127.0.0.1",
  };

  async serve(name: string, handler: Handler = echoLines, options: ServeOptions = {}): Promise<Server> {
    return this.#add(await serve({ ...this.#named(name), ...options }, handler));
  }

  async probes(health: HealthOptions = {}, options: ServeOptions = {}): Promise<Server> {
    return this.#add(await serveHttp({ ...this.#named("probes"), ...options }, healthHandler(health)));
  }

  /** A new client of one of them. */
  async dial(server: Server, stubborn = false): Promise<Client> {
    const dialer = new Dialer({ adapter: this.adapter, clock: this.clock, lingerTimeout: 60_000, keepAlive: 0 });
    const { address } = server;
    const target = address.transport === "tcp" ? { port: address.port } : { path: address.path };
    const client = new Client(await this.until(dialer.connect(target), 5000), this.clock, !stubborn);
    this.clients.push(client);
    return client;
  }

  /** What a probe of readiness is told: the status, and what the connection may do then. */
  async probe(server: Server, path = "/readyz"): Promise<string> {
    const client = await this.dial(server);
    client.send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
    await this.pass(10);
    client.conn.abort();
    return `${client.text.slice(9, 12)}${/connection: close/i.test(client.text) ? ", close" : ""}`;
  }

  run(servers: Runnables, options: RunOptions = {}) {
    return run(servers, { adapter: this.adapter, clock: this.clock, logger: silentLogger, grace: 4000, ...options });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.conn.abort();
    await Promise.all(this.servers.map((server) => this.until(server.close())));
    await super[Symbol.asyncDispose]();
  }

  #named(name: string): ServeOptions {
    return { ...this.#options, name, onDrainPhase: (phase) => this.log.push(`${name} ${phase}`) };
  }

  #add<T extends Server>(server: T): T {
    this.servers.push(server);
    this.server ??= server;
    return server;
  }
}

/** Names of the servers that a phase was begun by, in order. */
function order(fleet: Fleet, phase: string): string[] {
  return fleet.log.filter((line) => line.endsWith(` ${phase}`)).map((line) => line.split(" ")[0]);
}

describe("stagesOf()", () => {
  const tcp = (...hostnames: string[]): Address[] => {
    return hostnames.map((hostname) => ({ transport: "tcp", hostname, port: 80 }));
  };
  const places: Record<string, { addresses: Address[]; forProbes?: boolean }> = {
    open: { addresses: tcp("0.0.0.0") },
    open6: { addresses: tcp("::") },
    lan: { addresses: tcp("10.0.0.1") },
    name: { addresses: tcp("example.com") },
    looksLocal: { addresses: tcp("127.example.com") },
    both: { addresses: tcp("127.0.0.1", "192.168.0.1") },
    nowhere: { addresses: [] },
    local: { addresses: tcp("127.0.0.1") },
    local8: { addresses: tcp("127.8.9.1") },
    local6: { addresses: tcp("::1") },
    mapped: { addresses: tcp("::ffff:127.0.0.1") },
    named: { addresses: tcp("localhost") },
    unix: { addresses: [{ transport: "unix", path: "/run/a" }, ...tcp("127.0.0.1")] },
    probes: { addresses: tcp("0.0.0.0"), forProbes: true },
    localProbes: { addresses: tcp("127.0.0.1"), forProbes: true },
  };
  const table: [given: string, stages: string][] = [
    ["", ""],
    ["open", "open"],
    ["local", "local"],
    ["probes", "probes"],
    ["local local8 local6 mapped named unix", "local local8 local6 mapped named unix"],
    ["open open6 lan name looksLocal both nowhere", "open open6 lan name looksLocal both nowhere"],
    ["local open unix lan", "open lan | local unix"],
    ["local6 both", "both | local6"],
    ["mapped open named", "open | mapped named"],
    ["local nowhere", "nowhere | local"],
    ["probes local", "local | probes"],
    ["localProbes open", "open | localProbes"],
    ["localProbes local probes open", "open | local | localProbes probes"],
  ];
  for (const [given, expected] of table) {
    it(`${given || "nobody"} → ${expected || "nobody"}`, () => {
      const names = given.split(" ").filter((name) => name !== "");
      const stages = stagesOf(names.map((name) => ({ name, forProbes: false, ...places[name] })));
      assertEquals(stages.map((stage) => stage.map(({ name }) => name).join(" ")).join(" | "), expected);
    });
  }

  it("of servers that were given in order leaves empty ones out", () => {
    assertEquals(stagesGiven(["a", "b", "c", "d"], [0, 3, 0, 1]), [["a", "c"], ["d"], ["b"]]);
    assertEquals([stagesGiven([], []), stagesGiven(["a"], [2])], [[], [["a"]]]);
  });
});

describe("run() in stages", () => {
  it("begins a stage when the one before has reported, and serves in it as ever until then", async () => {
    await using fleet = new Fleet();
    const [api, web] = [await fleet.serve("api"), await fleet.serve("web")];
    const back = await serveHttp(
      { adapter: fleet.adapter, clock: fleet.clock, logger: silentLogger },
      () => reply("x"),
    );
    const probes = await fleet.probes({ servers: [api] });
    const slow = await fleet.dial(api);
    const report = fleet.run([api, [back], web, [probes]]);
    await fleet.clock.settle();
    assertEquals(await fleet.probe(probes), "200");
    slow.send("half a l");
    await fleet.pass(1);
    fleet.adapter.raise("SIGTERM");
    assertEquals([api, web, back, probes].map(({ state, ready }) => `${state} ${ready}`), [
      "draining false",
      "draining false",
      "running false",
      "running false",
    ]);
    await fleet.pass(500);
    assertEquals([await fleet.probe(probes), await fleet.probe(back), web.state], ["503", "200", "closed"]);
    slow.send("ine\n");
    const { reports, exitCode } = await fleet.until(report);
    assertEquals([slow.text, exitCode], ["echo: half a line\n", 0]);
    assertEquals(reports.map(({ server, cause }) => `${server} ${cause}`), [
      "api SIGTERM",
      "http SIGTERM",
      "web SIGTERM",
      "probes SIGTERM",
    ]);
    assertEquals(order(fleet, "done"), ["web", "api", "probes"]);
  });

  it("costs next to nothing for a later stage without connections, lame duck or not", async () => {
    await using fleet = new Fleet();
    const all = [await fleet.serve("a"), await fleet.serve("b"), await fleet.serve("c")];
    const report = fleet.run([all[0], [all[1]], [all[2]]], { lameDuck: 300 });
    await fleet.clock.settle();
    const began = fleet.clock.now();
    fleet.adapter.raise("SIGTERM");
    await fleet.until(report);
    assertLess(fleet.clock.now() - began, 320);
  });

  it("waits for a last scrape behind the others' stops, whatever lame duck they have, as long as it was told", async () => {
    for (
      const options of [{ grace: undefined }, { grace: undefined, lameDuck: 300 }, { lameDuck: 300, grace: 20_000 }]
    ) {
      await using fleet = new Fleet();
      let leave = (): void => {};
      const api = await fleet.serve("api", () => new Promise<void>((resolve) => leave = resolve));
      const probes = await fleet.probes({}, lastScrape(3000));
      await fleet.dial(api);
      const report = fleet.run([api, probes], { patience: 9000, ...options });
      await fleet.clock.settle();
      fleet.adapter.raise("SIGTERM");
      await fleet.pass(6000);
      leave();
      await fleet.until(api.closed);
      const began = fleet.clock.now();
      await fleet.pass(1000);
      assertEquals(await fleet.probe(probes, "/livez"), "200, close");
      await fleet.until(report, 5000);
      const took = fleet.clock.now() - began;
      assert(took >= 3000 && took < 4500, `${took} ms`);
    }
  });

  it("gives a last scrape what is left of a grace that was given", async () => {
    await using fleet = new Fleet();
    const [api, probes] = [await fleet.serve("api"), await fleet.probes({}, lastScrape(15_000))];
    const report = fleet.run([api, probes], { grace: 4000, lameDuck: 300 });
    await fleet.clock.settle();
    const began = fleet.clock.now();
    fleet.adapter.raise("SIGTERM");
    await fleet.until(report, 30_000);
    const took = fleet.clock.now() - began;
    assert(took > 2500 && took <= 4000, `${took} ms`);
  });

  it("leaves a later stage its share when an earlier one uses all of its time", async () => {
    await using fleet = new Fleet();
    const [api, back, last] = [await fleet.serve("api", never), await fleet.serve("back"), await fleet.serve("last")];
    back.onShutdown("hook", () => {}, { timeout: 300 });
    const stuck = await fleet.dial(api);
    const idle = [await fleet.dial(back), await fleet.dial(last, true)];
    const hooks = [{ name: "end", run: () => void fleet.log.push("hook done"), timeout: 200 }];
    const report = fleet.run([api, [back], [last]], { hooks });
    await fleet.clock.settle();
    const began = fleet.clock.now();
    fleet.adapter.raise("SIGTERM");
    // Its own: twice quiet 250, abortGrace 200 and 100 for the report; back has a hook besides.
    await fleet.pass(4000 - 200 - 800 - 1100 - 50);
    assertEquals([stuck.end, back.state, idle[0].end], ["reset", "draining", "open"]);
    const { reports, exitCode } = await fleet.until(report);
    assertEquals([idle.map(({ end }) => end), exitCode], [["fin", "fin"], 1]);
    assertEquals(reports.map(({ clean }) => clean), [false, true, true]);
    assertEquals(order(fleet, "done"), ["api", "back", "last", "hook"]);
    assertLess(fleet.clock.now() - began, 4001);
  });

  it("answers in a late stage what comes in its first quiet window, and cuts what never ends within its share", async () => {
    await using fleet = new Fleet();
    const [api, back] = [await fleet.serve("api", never), await fleet.serve("back")];
    const stuck = await fleet.serve("stuck", never);
    await fleet.dial(api);
    const [client, cut] = [await fleet.dial(back), await fleet.dial(stuck)];
    const report = fleet.run([api, [back, stuck]], { lameDuck: 100, idleGrace: 600 });
    await fleet.clock.settle();
    const began = fleet.clock.now();
    fleet.adapter.raise("SIGTERM");
    while (back.state === "running") await fleet.pass(5);
    await fleet.pass(100);
    client.send("late\n");
    const { reports } = await fleet.until(report);
    assertEquals([client.text, client.end, cut.end], ["echo: late\n", "fin", "reset"]);
    assertEquals(reports.map(({ connections }) => connections.cut), [1, 0, 1]);
    assertLess(fleet.clock.now() - began, 4001);
  });

  it("forces all stages at once at a second signal", async () => {
    await using fleet = new Fleet();
    const [api, back] = [await fleet.serve("api", never), await fleet.serve("back")];
    const probes = await fleet.probes();
    const clients = [await fleet.dial(api), await fleet.dial(back)];
    const report = fleet.run([api, [back], [probes]]);
    await fleet.clock.settle();
    fleet.adapter.raise("SIGTERM");
    await fleet.pass(500);
    fleet.adapter.raise("SIGINT");
    const began = fleet.clock.now();
    const { exitCode, reports } = await fleet.until(report);
    assertLess(fleet.clock.now() - began, 100);
    assertEquals([exitCode, clients.map(({ end }) => end)], [130, ["reset", "reset"]]);
    assertEquals(reports.map(({ cause, forced }) => `${cause} ${forced}`), Array(3).fill("SIGTERM true"));
  });

  it("is called off by the first stage's resume(), and begins anew at the next signal", async () => {
    await using fleet = new Fleet();
    const [api, back, gone] = [await fleet.serve("api"), await fleet.serve("back"), await fleet.serve("gone")];
    const report = fleet.run([api, gone, [back]], { lameDuck: 300 });
    await fleet.clock.settle();
    gone.shutdown();
    await fleet.pass(500);
    fleet.adapter.raise("SIGTERM");
    await fleet.pass(200);
    assertEquals([api.ready, back.ready, back.resume(), api.resume()], [false, false, false, true]);
    await fleet.pass(1000);
    assertEquals([api, back].map(({ state, ready }) => `${state} ${ready}`), ["running true", "running true"]);
    assertEquals(order(fleet, "lameDuck"), ["gone", "api"]);
    fleet.adapter.raise("SIGTERM");
    assertEquals((await fleet.until(report)).exitCode, 0);
    assertEquals(order(fleet, "done"), ["gone", "api", "back"]);
  });

  it("keeps later stages while one server of the first was resumed alone", async () => {
    await using fleet = new Fleet();
    const [api, web, back] = [await fleet.serve("api"), await fleet.serve("web"), await fleet.serve("back")];
    const report = fleet.run([api, web, [back]], { lameDuck: 300 });
    await fleet.clock.settle();
    fleet.adapter.raise("SIGTERM");
    await fleet.pass(200);
    api.resume();
    await fleet.pass(2000);
    assertEquals([api, web, back].map(({ state, ready }) => `${state} ${ready}`), [
      "running true",
      "closed false",
      "running false",
    ]);
    api.shutdown();
    assertEquals((await fleet.until(report)).exitCode, 0);
    assertEquals(order(fleet, "done"), ["web", "api", "back"]);
  });

  it("takes promises of servers that still start, and servers that stopped by themselves", async () => {
    await using fleet = new Fleet();
    const [api, back, gone] = [await fleet.serve("api"), await fleet.serve("back"), await fleet.serve("gone")];
    await fleet.until(gone.shutdown());
    let start: (server: Server) => void = () => {};
    const starting = new Promise<Server>((resolve) => start = resolve);
    const report = fleet.run([[gone], [starting], [Promise.resolve(back)]]);
    await fleet.clock.settle();
    fleet.adapter.raise("SIGTERM");
    await fleet.pass(300);
    assertEquals([api, back].map(({ state, ready }) => `${state} ${ready}`), ["running true", "running false"]);
    start(api);
    const { exitCode, reports } = await fleet.until(report);
    assertEquals([exitCode, reports.map(({ server }) => server)], [0, ["gone", "api", "back"]]);
    assertEquals(order(fleet, "done"), ["gone", "api", "back"]);
  });

  it("stops each within its own grace where the run has none", async () => {
    await using fleet = new Fleet();
    const api = await fleet.serve("api", never, { grace: 6000 });
    const back = await fleet.serve("back", never, { grace: 1000 });
    for (const server of [api, back]) await fleet.dial(server);
    const report = fleet.run([api, [back]], { grace: undefined });
    await fleet.clock.settle();
    const began = fleet.clock.now();
    fleet.adapter.raise("SIGTERM");
    const { reports } = await fleet.until(report);
    const [first, second] = reports.map(({ duration }) => duration);
    assert(first > 5000 && first < 5500, `${first}`);
    assert(second > 400 && second <= 1000, `${second}`);
    assertLess(fleet.clock.now() - began, 6001);
  });

  it("refuses stages that the budget has no room for, and names them", async () => {
    const refused = async (servers: string[][], options: RunOptions, ...words: string[]) => {
      await using fleet = new Fleet();
      const stages = [];
      for (const names of servers) stages.push(await Promise.all(names.map((name) => fleet.serve(name))));
      const [first, ...later] = stages;
      const error = fleet.run([...first, ...later], options).catch((error) => error);
      await fleet.pass(100);
      const { option, message } = await error;
      assertEquals(option, "grace");
      for (const word of words) assert(message.includes(word), message);
    };
    await refused(
      [["api"], ["back"], ["keep", "last"]],
      { grace: 1000 },
      "650 ms for back",
      "650 ms for keep and last",
    );
    await refused([["api"], ["back"]], { grace: 2000, lameDuck: 1200 }, "lameDuck 1200", "800 ms for back", "2000 ms");
    await refused([["api"], ["back"]], { grace: 2000, abortGrace: 900 }, "abortGrace 900", "1500 ms for back");
  });

  it("refuses an array in a nested one, and leaves nothing open", async () => {
    await using fleet = new Fleet();
    const [api, back] = [await fleet.serve("api"), await fleet.serve("back")];
    const report = fleet.run([api, [[back] as unknown as Server]]);
    report.catch(() => {});
    await fleet.pass(100);
    await assertRejects(() => report, OptionError, "nested once");
    assertEquals([api.state, back.state], ["closed", "closed"]);
  });
});

describe("run() without an order", () => {
  it("stops what strangers reach, what this machine reaches and what answers probes, in this order", async () => {
    await using fleet = new Fleet();
    const probes = await fleet.probes();
    const admin = await fleet.serve("admin");
    const api = await fleet.serve("api", echoLines, { hostname: "0.0.0.0" });
    const client = await fleet.dial(api);
    const report = fleet.run([probes, admin, api]);
    await fleet.clock.settle();
    assertEquals(await fleet.probe(probes), "200");
    client.send("half");
    await fleet.pass(1);
    fleet.adapter.raise("SIGTERM");
    assertEquals([await fleet.probe(probes), await fleet.probe(probes, "/livez")], ["503", "200"]);
    await fleet.pass(300);
    assertEquals([api, admin, probes].map(({ state }) => state), ["draining", "running", "running"]);
    client.send("\n");
    assertEquals((await fleet.until(report)).reports.map(({ server }) => server), ["probes", "admin", "api"]);
    assertEquals(order(fleet, "done"), ["api", "admin", "probes"]);
  });

  it("is turned off altogether by an order, and knows a server for probes by its handler", async () => {
    await using fleet = new Fleet();
    const [probes, api] = [await fleet.probes(), await fleet.serve("api")];
    const report = fleet.run([probes, [api]]);
    await fleet.clock.settle();
    fleet.adapter.raise("SIGTERM");
    await fleet.until(report);
    assertEquals(order(fleet, "done"), ["probes", "api"]);
    const options = { adapter: fleet.adapter, clock: fleet.clock, logger: silentLogger };
    const handlers = [healthHandler(), readyz(), livez(), () => reply("x")];
    const servers = await Promise.all(handlers.map((handler) => serveHttp(options, handler)));
    assertEquals([...servers, api].map(({ forProbes }) => forProbes), [true, true, true, false, false]);
    await Promise.all(servers.map((server) => fleet.until(server.close())));
  });

  it("stops all together where an empty array says that they are in order already", async () => {
    await using fleet = new Fleet();
    const [probes, api] = [await fleet.probes(), await fleet.serve("api", echoLines, { hostname: "0.0.0.0" })];
    const report = fleet.run([probes, api, []]);
    await fleet.clock.settle();
    fleet.adapter.raise("SIGTERM");
    assertEquals([probes.state, api.state], ["draining", "draining"]);
    assertEquals((await fleet.until(report)).exitCode, 0);
  });

  it("stops all together where the grace is too short for stages", async () => {
    await using fleet = new Fleet();
    const [probes, api] = [await fleet.probes(), await fleet.serve("api")];
    await fleet.dial(api);
    await fleet.dial(probes);
    const report = fleet.run([probes, api], { grace: 400 });
    await fleet.clock.settle();
    fleet.adapter.raise("SIGTERM");
    assertEquals([probes.state, api.state], ["draining", "draining"]);
    assertEquals((await fleet.until(report)).exitCode, 0);
  });
});

describe("onReport", () => {
  it("that fails, at once or later, is logged, and the process ends as it would have", async () => {
    const failing: readonly (() => Promise<void>)[] = [
      () => {
        throw new Error("disk full");
      },
      () => Promise.reject(new Error("disk full")),
    ];
    for (const onReport of failing) {
      await using fleet = new Fleet();
      const lines: string[] = [];
      const logger = jsonLogger({ write: (line) => lines.push(line) });
      const report = fleet.run([await fleet.serve("api")], { onReport, logger });
      await fleet.clock.settle();
      fleet.adapter.raise("SIGTERM");
      assertEquals([(await fleet.until(report)).exitCode, fleet.adapter.exitCode], [0, 0]);
      assertEquals(lines.filter((line) => line.includes("onReport() failed") && line.includes("disk full")).length, 1);
    }
  });

  it("that never settles is given up at the next signal", async () => {
    await using fleet = new Fleet();
    const report = fleet.run([await fleet.serve("api")], { onReport: () => new Promise(() => {}) });
    await fleet.clock.settle();
    fleet.adapter.raise("SIGTERM");
    await fleet.pass(500);
    assertEquals(fleet.adapter.exitCode, null);
    fleet.adapter.raise("SIGTERM");
    assertEquals(fleet.adapter.exitCode, 143);
    await fleet.until(report);
  });

  it("that never settles is waited for as far as the budget goes", async () => {
    await using fleet = new Fleet();
    const api = await fleet.serve("api");
    const report = fleet.run([api], { onReport: () => new Promise(() => {}) });
    await fleet.clock.settle();
    const began = fleet.clock.now();
    fleet.adapter.raise("SIGTERM");
    assertEquals((await fleet.until(report)).exitCode, 0);
    const took = fleet.clock.now() - began;
    assertGreaterOrEqual(took, 3990);
    assertLess(took, 4010);
    assertEquals(fleet.adapter.exitCode, 0);
  });
});

import { describe, it } from "node:test";
import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  type Conn,
  type Context,
  createServer,
  FrameError,
  lines,
  listen,
  OptionError,
  serve,
  ServerClosedError,
  silentLogger,
} from "../../mod.ts";
import { memoryAdapter } from "../../adapters/memory/mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import { type Client, echoLines, world } from "../support/world.ts";

/** Sends a line and gives back what came in answer. */
async function ask(w: Awaited<ReturnType<typeof world>>, client: Client, line: string): Promise<string> {
  const before = client.text.length;
  client.send(line + "\n");
  await w.pass(20);
  return client.text.slice(before);
}

describe("serve: handlers are isolated", () => {
  const throwers: [string, (conn: Conn) => void | Promise<void>][] = [
    ["throws at once", () => {
      throw new Error("boom");
    }],
    ["rejects at once", () => Promise.reject(new Error("boom"))],
    ["throws after a read", async (conn) => {
      await conn.read();
      throw new Error("boom");
    }],
    ["throws nothing but undefined", async (conn) => {
      await conn.read();
      throw undefined;
    }],
  ];
  for (const [name, thrower] of throwers) {
    it(`a handler that ${name} costs its own connection, a record and a count`, async () => {
      const records: unknown[] = [];
      const logger = { ...silentLogger, error: (_: string, fields: unknown) => records.push(fields) };
      await using w = await world((conn, ctx) => conn.id === 1 ? thrower(conn) : echoLines(conn, ctx), { logger });
      const [broken, healthy] = [await w.client(), await w.client()];
      broken.send("x\n");
      await w.pass(10);
      assertEquals([broken.end, healthy.end], ["reset", "open"]);
      assertEquals(await ask(w, healthy, "a"), "echo: a\n");
      assertEquals([w.server.stats.handlerErrors, records.length, w.server.connections.size], [1, 1, 1]);
    });
  }

  it("a logger that throws disturbs nobody, neither when a handler fails nor in a drain", async () => {
    const broken = () => {
      throw new Error("no log");
    };
    const logger = { debug: broken, info: broken, warn: broken, error: broken, critical: broken };
    await using w = await world(
      (conn, ctx) => conn.id === 1 ? Promise.reject(new Error("boom")) : echoLines(conn, ctx),
      {
        logger,
      },
    );
    const [failed, healthy] = [await w.client(), await w.client()];
    assertEquals(await ask(w, healthy, "a"), "echo: a\n");
    assertEquals([failed.end, w.server.stats.handlerErrors], ["reset", 1]);
    assertEquals((await w.until(w.server.shutdown())).clean, true);
  });

  it("closes gracefully when the handler returns", async () => {
    await using w = await world(async (conn) => await conn.write("hello\n"));
    const client = await w.client();
    await w.pass(10);
    assertEquals([client.text, client.end, w.server.connections.size], ["hello\n", "fin", 0]);
  });

  it("ends the handler's context with the handler, and with its peer", async () => {
    const contexts: Context[] = [];
    await using w = await world((_conn, ctx) => {
      contexts.push(ctx);
      if (contexts.length > 1) return new Promise((resolve) => ctx.signal.addEventListener("abort", () => resolve()));
    });
    await w.client();
    const held = await w.client();
    await w.pass(10);
    assertEquals(contexts.map((ctx) => ctx.err() !== null), [true, false]);
    held.conn.abort();
    await w.pass(10);
    assertEquals(contexts.map((ctx) => ctx.signal.aborted), [true, true]);
    assertEquals(w.server.connections.size, 0);
  });

  it("answers what came before a broken frame, then closes; the peer's fault is no handler error", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn, { maxLength: 10 })) await conn.write(`echo: ${line}\n`);
    });
    const [broken, healthy] = [await w.client(), await w.client()];
    broken.send("good\n" + "x".repeat(100) + "\n");
    await w.pass(50);
    assertEquals([broken.text, broken.end], ["echo: good\n", "fin"]);
    assertEquals([w.server.stats.peerErrors, w.server.stats.handlerErrors], [1, 0]);
    assertEquals(await ask(w, healthy, "a"), "echo: a\n");
  });

  it("hands the connection to a consumer that outlives the handler", async () => {
    await using w = await world((conn) => {
      conn.consume({ data: (chunk) => void conn.write(chunk), end: () => void conn.close(), closed() {} });
    });
    const client = await w.client();
    client.send("push");
    await w.pass(10);
    assertEquals([client.text, client.end], ["push", "open"]);
    client.conn.closeWrite();
    await w.pass(10);
    assertEquals([client.end, w.server.connections.size], ["fin", 0]);
  });
});

describe("server.connections", () => {
  it("leaves out a connection that is closed, half-closed or gone, also for whoever is told of that", async () => {
    const ends: Record<string, (conn: Conn) => unknown> = {
      "close()": (conn) => conn.close(),
      "closeWrite()": (conn) => conn.closeWrite(),
      "abort()": (conn) => conn.abort(),
    };
    for (const [name, end] of Object.entries(ends)) {
      const told: number[] = [];
      await using w = await world((conn) =>
        conn.consume({ data: () => void end(conn), end() {}, closed: () => told.push(w.server.connections.size) })
      );
      const [first] = [await w.client({ stubborn: true }), await w.client()];
      await w.pass(1);
      assertEquals([w.server.connections.size, w.server.stats.active], [2, 2]);
      first.send("end");
      await w.pass(1);
      const [other] = w.server.connections;
      assertEquals([w.server.connections.size, other.id], [1, 2], name);
      w.clients[1].conn.abort();
      await w.pass(1);
      assertEquals([w.server.connections.size, told.at(-1)], [0, 0], name);
    }
  });
});

describe("accept loop", () => {
  it("survives ECONNABORTED and a client that resets before it is accepted", async () => {
    await using w = await world();
    w.adapter.failAccept("ECONNABORTED", 2);
    for (let i = 0; i < 2; i++) await w.client();
    await w.pass(10);
    const client = await w.client();
    assertEquals(await ask(w, client, "a"), "echo: a\n");
    assertEquals(w.server.stats.acceptErrors, 2);
  });

  it("backs off from 5 ms to 1 s when descriptors run out, logs once per burst, and recovers", async () => {
    let warnings = 0;
    await using w = await world(echoLines, { logger: { ...silentLogger, warn: () => warnings++ } });
    w.adapter.failAccept("EMFILE", 10);
    const began = w.clock.now();
    const client = await w.client();
    client.send("a\n");
    while (client.text === "" && w.clock.now() - began < 20_000) await w.pass(5);
    // 5 + 10 + 20 + 40 + 80 + 160 + 320 + 640 + 1000 + 1000
    assertGreater(w.clock.now() - began, 3200);
    assertLess(w.clock.now() - began, 3400);
    assertEquals([w.server.stats.acceptErrors, warnings], [10, 1]);
  });

  it("a stop interrupts the back-off", async () => {
    await using w = await world();
    w.adapter.failAccept("EMFILE", 100);
    await w.client();
    await w.pass(3000);
    const report = await w.until(w.server.shutdown());
    assertLess(report.duration, 300);
    assertEquals(report.acceptQueueLeft, 1);
  });

  it("is a hand-written loop with listen() and accept(), unblocked by close()", async () => {
    const clock = new VirtualClock();
    const adapter = memoryAdapter({ clock });
    const listener = await listen({ adapter, clock });
    const got: number[] = [];
    const loop = (async () => {
      for await (const conn of listener) {
        got.push(conn.id);
        void conn.close();
      }
    })();
    for (let i = 0; i < 3; i++) await adapter.connect({ address: listener.address });
    await clock.advance(10);
    await listener.close();
    await loop;
    assertEquals(got, [1, 2, 3]);
    await assertRejects(() => listener.accept(), ServerClosedError);
    const second = await listen({ adapter, clock });
    const pending = second.accept();
    pending.catch(() => {});
    await second.close();
    await assertRejects(() => pending, ServerClosedError);
  });

  it("serves several listeners, and one only once", async () => {
    const clock = new VirtualClock();
    const adapter = memoryAdapter({ clock });
    const server = createServer({ adapter, clock, logger: silentLogger }, echoLines);
    assertThrows(() => server.address, ServerClosedError);
    const [one, two] = [await listen({ adapter, clock }), await listen({ adapter, clock, path: "/tmp/s" })];
    server.serve(one);
    server.serve(two);
    assertThrows(() => server.serve(one), ServerClosedError);
    assertEquals(server.addresses.length, 2);
    for (const address of server.addresses) await adapter.connect({ address });
    await clock.advance(10);
    assertEquals(server.connections.size, 2);
    const closing = server.close();
    await clock.advance(100);
    await closing;
    assertThrows(() => server.serve(two), ServerClosedError);
  });
});

describe("admission", () => {
  it("reject: turns away with a word and a FIN, and counts", async () => {
    await using w = await world(echoLines, { maxConnections: 1, rejectWith: "full\n" });
    const [first, second] = [await w.client(), await w.client()];
    await w.pass(10);
    assertEquals([second.text, second.end], ["full\n", "fin"]);
    assertEquals(await ask(w, first, "a"), "echo: a\n");
    assertEquals(w.server.stats.rejected.maxConnections, 1);
    first.conn.close();
    await w.pass(10);
    assertEquals(await ask(w, await w.client(), "b"), "echo: b\n");
  });

  it("queue: the client waits, and is served when another leaves", async () => {
    await using w = await world(echoLines, { maxConnections: 1, policy: "queue", maxQueue: 1 });
    const [first, second, third] = [await w.client(), await w.client(), await w.client()];
    assertEquals([await ask(w, second, "a"), w.server.stats.queued], ["", 1]);
    assertEquals([third.end, w.server.stats.rejected.queueFull], ["fin", 1]);
    first.conn.close();
    await w.pass(10);
    assertEquals([second.text, w.server.stats.queued], ["echo: a\n", 0]);
  });

  it("queue: who still waits at the end of a drain is counted, and served if another leaves in time", async () => {
    await using w = await world(echoLines, { maxConnections: 1, policy: "queue" });
    const [first, second] = [await w.client(), await w.client()];
    second.send("waited\n");
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals([first.end, second.text, second.end], ["fin", "echo: waited\n", "fin"]);
    assertEquals([report.admissionQueueLeft, report.clean, report.connections.accepted], [0, true, 1]);
  });

  it("shedIdle: the longest-idle connection is closed gracefully and the new one admitted", async () => {
    await using w = await world(echoLines, { maxConnections: 2, policy: "shedIdle" });
    const [a, b] = [await w.client(), await w.client()];
    await ask(w, b, "1");
    await ask(w, a, "2");
    const early = await w.client();
    await w.pass(10);
    assertEquals([early.end, w.server.stats.shed], ["fin", 0], "nobody is at rest yet");
    await w.pass(1000);
    const c = await w.client();
    await w.pass(10);
    assertEquals([a.end, b.end, c.end, w.server.stats.shed], ["open", "fin", "open", 1]);
    assertEquals(await ask(w, c, "3"), "echo: 3\n");
  });

  it("shedIdle: without an idle one the new one is rejected", async () => {
    await using w = await world(() => new Promise(() => {}), { maxConnections: 1, policy: "shedIdle", grace: 300 });
    const [busy, turned] = [await w.client(), await w.client()];
    await w.pass(10);
    assertEquals([busy.end, turned.end], ["open", "fin"]);
  });

  it("limits each IP; IPv4-mapped IPv6 is the same peer as IPv4", async () => {
    await using w = await world(echoLines, { maxConnectionsPerIp: 1 });
    const clients = [];
    for (const from of ["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.2"]) clients.push(await w.client({ from }));
    await w.pass(10);
    assertEquals(clients.map((client) => client.end), ["open", "fin", "open"]);
    assertEquals(w.server.stats.rejected.maxConnectionsPerIp, 1);
  });

  it("counts an IPv6 prefix as one peer if asked", async () => {
    await using w = await world(echoLines, { maxConnectionsPerIp: 1, ipv6Prefix: 64 });
    const clients = [];
    for (const from of ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]) clients.push(await w.client({ from }));
    await w.pass(10);
    assertEquals(clients.map((client) => client.end), ["open", "fin", "open"]);
  });

  it("limits the rate with a token bucket", async () => {
    await using w = await world(echoLines, { acceptRate: 10, acceptBurst: 2 });
    const clients = [await w.client(), await w.client(), await w.client()];
    await w.pass(10);
    assertEquals(clients.map((client) => client.end), ["open", "open", "fin"]);
    await w.pass(100);
    assertEquals((await w.client()).end, "open");
  });

  it("rate and queue: the client is served when its token comes", async () => {
    await using w = await world(echoLines, { acceptRate: 10, acceptBurst: 1, policy: "queue" });
    const [, second] = [await w.client(), await w.client()];
    second.send("a\n");
    await w.pass(50);
    assertEquals(second.text, "");
    await w.pass(100);
    assertEquals(second.text, "echo: a\n");
  });

  it("holds no place for who has left: with a FIN and no word, with a reset, or before it is read", async () => {
    await using w = await world(echoLines, { maxConnections: 1, policy: "queue", maxQueue: 3 });
    const first = await w.client();
    const leavers = [await w.client(), await w.client(), await w.client()];
    const extra = await w.client();
    await w.pass(5);
    assertEquals([w.server.stats.queued, extra.end, w.server.stats.rejected.queueFull], [3, "fin", 1]);
    leavers[0].conn.closeWrite();
    leavers[1].conn.abort();
    leavers[2].send("half a line");
    await w.pass(5);
    assertEquals([w.server.stats.queued, leavers[0].end !== "open"], [1, true]);
    leavers[2].conn.abort();
    await w.pass(5);
    const next = await w.client();
    next.send("a\n");
    await w.pass(5);
    assertEquals([w.server.stats.queued, next.text], [1, ""]);
    first.conn.abort();
    await w.pass(5);
    assertEquals([next.text, w.server.stats.active, w.server.stats.queued], ["echo: a\n", 1, 0]);
  });

  it("reads ahead for who waits, no more than a buffer's worth, and hands all of it over in order", async () => {
    for (const goes of ["on", "half-closed"]) {
      const limits = { maxConnections: 1, policy: "queue", readHighWaterMark: 1_000_000 } as const;
      await using w = await world(echoLines, limits);
      const first = await w.client();
      const second = await w.client();
      const lines = Array.from({ length: 30 }, (_, i) => `${i}`.padEnd(10_000, "x"));
      for (const line of lines) second.send(`${line}\n`);
      if (goes === "half-closed") second.conn.closeWrite();
      await w.pass(100);
      // What is not read waits with the kernel, and with the client.
      assertGreaterOrEqual(second.conn.bytesWritten - second.conn.bytesFlushed, 50_000);
      first.conn.abort();
      await w.pass(100);
      if (goes === "on") {
        second.send("last\n");
        await w.pass(10);
        lines.push("last");
      }
      assertEquals(second.lines, lines.map((line) => `echo: ${line}`));
      assertEquals(second.end, goes === "on" ? "open" : "fin");
      if (goes === "on") lines.pop();
    }
  });

  it("serves who has asked and closed its side while it waited", async () => {
    await using w = await world(echoLines, { maxConnections: 1, policy: "queue" });
    const first = await w.client();
    const second = await w.client();
    second.send("a\nb\n");
    second.conn.closeWrite();
    await w.pass(50);
    assertEquals([w.server.stats.queued, second.end], [1, "open"]);
    first.conn.abort();
    await w.pass(50);
    assertEquals([second.text, second.end], ["echo: a\necho: b\n", "fin"]);
  });

  it("first come, first served: who waits goes before a newcomer that would find the place free", async () => {
    let open = true;
    const admit = () => open;
    await using w = await world(echoLines, { admit, maxConnectionsPerIp: 1, policy: "queue" });
    await w.client({ from: "10.0.0.9" });
    open = false;
    const first = [await w.client({ from: "10.0.0.1" }), await w.client({ from: "10.0.0.2" })];
    // One that waits for its own address's place is in nobody's way.
    const own = await w.client({ from: "10.0.0.9" });
    for (const client of [...first, own]) client.send("a\n");
    await w.pass(5);
    open = true;
    let admitted = 0;
    const counting = () => admitted++ < 1;
    w.server.configure({ admit: counting });
    await w.pass(5);
    assertEquals([first.map(({ text }) => text), own.text], [["echo: a\n", ""], ""]);
    admitted = 0;
    const late = await w.client({ from: "10.0.0.3" });
    late.send("b\n");
    await w.pass(5);
    assertEquals([first.map(({ text }) => text), late.text], [["echo: a\n", "echo: a\n"], ""]);
    admitted = -10;
    const other = await w.client({ from: "10.0.0.4" });
    other.send("c\n");
    await w.pass(5);
    assertEquals([late.text, other.text, own.text], ["echo: b\n", "echo: c\n", ""]);
  });

  it("changes at run time with configure(), all or nothing", async () => {
    await using w = await world(echoLines, { maxConnections: 1 });
    await w.client();
    w.server.configure({ maxConnections: 2, rejectWith: "no\n" });
    const second = await w.client();
    assertEquals(await ask(w, second, "a"), "echo: a\n");
    assertThrows(() => w.server.configure({ maxConnections: 5, policy: "nice" as "queue" }), OptionError);
    const third = await w.client();
    await w.pass(10);
    assertEquals([third.text, third.end], ["no\n", "fin"]);
    w.server.configure({ idleTimeout: 100 });
    await w.pass(300);
    assertEquals(second.end, "fin");
    w.server.configure({ maxConnectionsPerIp: 1 });
    const [one, two] = [await w.client(), await w.client()];
    await w.pass(10);
    assertEquals([one.end, two.end], ["open", "fin"]);
  });

  it("configure() lets in who waits when it raises a limit", async () => {
    await using w = await world(echoLines, { maxConnections: 1, policy: "queue" });
    const [, second] = [await w.client(), await w.client()];
    second.send("a\n");
    await w.pass(10);
    w.server.configure({ maxConnections: 2 });
    await w.pass(10);
    assertEquals(second.text, "echo: a\n");
  });
});

describe("bad options", () => {
  const bad: [Record<string, unknown>, string, string][] = [
    [{ port: 70000 }, "port", "70000"],
    [{ port: -1 }, "port", "-1"],
    [{ port: 1.5 }, "port", "1.5"],
    [{ port: "9000" }, "port", '"9000"'],
    [{ hostname: "" }, "hostname", '""'],
    [{ path: "/tmp/x", port: 1 }, "path", "/tmp/x"],
    [{ path: "/tmp/x", mode: 0o1000 }, "mode", "512"],
    [{ path: "/tmp/x", mode: "660" }, "mode", '"660"'],
    [{ port: 0, mode: 0o600 }, "mode", "give a path with it"],
    [{ grace: -5 }, "grace", "-5"],
    [{ grace: NaN }, "grace", "NaN"],
    [{ lameDuck: Infinity }, "lameDuck", "Infinity"],
    [{ idleTimeout: "10s" }, "idleTimeout", '"10s"'],
    [{ quiet: -1 }, "quiet", "-1"],
    [{ maxConnections: 0 }, "maxConnections", "0"],
    [{ maxConnections: 2.5 }, "maxConnections", "2.5"],
    [{ policy: "maybe" }, "policy", '"maybe"'],
    [{ ipv6Prefix: 129 }, "ipv6Prefix", "129"],
    [{ lifetimeJitter: 2 }, "lifetimeJitter", "2"],
    [{ backlog: 0 }, "backlog", "0"],
    [{ tls: { cert: "/etc/cert.pem", key: "x" } }, "tls.cert", "-----BEGIN"],
  ];
  for (const [options, option, value] of bad) {
    it(`refuses ${JSON.stringify(options)}, naming the option and the value, and opens nothing`, async () => {
      const adapter = memoryAdapter();
      const error = await assertRejects(
        () => serve({ adapter, logger: silentLogger, ...options }, echoLines),
        OptionError,
      ) as OptionError;
      assertEquals(error.option, option);
      assert(error.message.includes(value) && error.message.startsWith(option), error.message);
      assertEquals([adapter.listeners.size, error.code], [0, "ERR_OPTION"]);
    });
  }

  it("a FrameError carries a code", () => {
    assertInstanceOf(new FrameError("ERR_FRAME_TOO_LONG", "Too long"), Error);
  });
});

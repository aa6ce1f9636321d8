import { describe, it } from "node:test";
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { type Context, type DrainPhase, type Handler, lines, type ServeOptions } from "../../../mod.ts";
import type { TcpServer } from "../../../src/server/server.ts";
import { echoLines, type World, world } from "../../support/world.ts";

describe("drain: signals to handlers, phases, repeats", () => {
  const never = () => new Promise<void>(() => {});
  const late: [string, typeof echoLines, ServeOptions][] = [
    ["the server's", echoLines, { goodbye: never }],
    ["a stream's", async (conn) => {
      for await (const line of lines(conn, { goodbye: never })) await conn.write(`echo: ${line}\n`);
    }, {}],
    ["a consumer's", (conn) => {
      conn.consume({ data: (chunk) => void conn.write(chunk), end() {}, closed() {}, goodbye: never });
      conn.report(false, false);
    }, {}],
  ];
  for (const [whose, handler, options] of late) {
    it(`waits for a goodbye that never comes no longer than lingerTimeout, or its budget: ${whose}`, async () => {
      const times = [
        { lingerTimeout: 300, grace: 5000, fin: 550 },
        // Patience is over at 500, T2 at 850; the FIN is out before T2.
        { lingerTimeout: 5000, grace: 1000, fin: 825 },
      ];
      for (const { lingerTimeout, grace, fin } of times) {
        await using w = await world(handler, { ...options, lingerTimeout, grace, idleGrace: 250 });
        const client = await w.client();
        const began = w.clock.now();
        const report = w.server.shutdown();
        await w.pass(fin - 50);
        client.send("meanwhile\n");
        const { clean, phases } = await w.until(report);
        assertEquals([client.end, clean, phases.abort], ["fin", true, 0]);
        assert(client.endedAt - began > fin - 50 && client.endedAt - began <= fin + 25, `${client.endedAt - began}`);
        assertEquals(client.text.endsWith("meanwhile\n"), true);
      }
    });
  }

  it("waits for the goodbye to a single connection no longer than lingerTimeout", async () => {
    await using w = await world(echoLines, {
      goodbye: never,
      lingerTimeout: 300,
      idleGrace: 250,
      maxLifetime: 1000,
      lifetimeJitter: 0,
    });
    const client = await w.client();
    await w.pass(1500);
    assertEquals(client.end, "open");
    await w.pass(100);
    assertEquals([client.end, w.server.state], ["fin", "running"]);
  });

  it("resets nobody for a goodbye that fails when nobody waits for it any more", async () => {
    let fail: (error: Error) => void = () => {};
    const goodbye = () => new Promise<void>((_, reject) => fail = reject);
    await using w = await world(echoLines, { goodbye, lingerTimeout: 300, idleGrace: 250 });
    const client = await w.client({ stubborn: true });
    const report = w.server.shutdown();
    await w.pass(600);
    fail(new Error("too late"));
    await w.pass(10);
    client.conn.close();
    assertEquals([(await w.until(report)).clean, client.end], [true, "fin"]);
  });

  it("lets a broadcast reach whoever can still hear it, and end for nobody's goodbye", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        // It stays busy, and so is said goodbye to long after the others.
        for (let i = 0; line === "stay" && i < 10; i++) await new Promise<void>((wake) => w.clock.setTimer(wake, 100));
      }
    }, { goodbye: (conn) => conn.write("bye\n"), idleGrace: 250 });
    const [quiet, stays, gone] = [await w.client({ stubborn: true }), await w.client(), await w.client()];
    stays.send("stay\n");
    await w.pass(10);
    const counts: number[][] = [];
    const broadcast = async (text: string) => {
      for (const conn of w.server.connections) await conn.write(text);
      counts.push([w.server.connections.size, w.server.stats.active, w.server.holders().length]);
    };
    await broadcast("one\n");
    const report = w.server.shutdown();
    await broadcast("two\n");
    gone.conn.abort();
    await w.pass(500);
    await broadcast("three\n");
    const [last] = w.server.connections;
    assertEquals([last.id, w.server.connections.has(last)], [2, true]);
    quiet.conn.close();
    assertEquals((await w.until(report)).connections, { ...(await report).connections, atStart: 3, cut: 0 });
    assertEquals([quiet.text, stays.text], ["one\ntwo\nbye\n", "one\ntwo\nthree\nbye\n"]);
    assertEquals(counts, [[3, 3, 0], [3, 3, 3], [1, 2, 2]]);
  });

  it("fires ctx.draining at T0 and leaves ctx.signal alone", async () => {
    let ctx: Context & { draining: AbortSignal } | null = null;
    await using w = await world((conn, given) => {
      ctx = given;
      return echoLines(conn, given);
    });
    const client = await w.client();
    assertEquals(ctx!.draining.aborted, false);
    const report = w.server.shutdown();
    assertEquals([ctx!.draining.aborted, ctx!.signal.aborted, w.server.ready], [true, false, false]);
    await w.until(report);
    assertEquals(client.end, "fin");
  });

  it("accepts and serves during the lame duck, and closes the listener after it", async () => {
    await using w = await world(echoLines, { lameDuck: 300 });
    const report = w.server.shutdown();
    await w.pass(200);
    const late = await w.client();
    late.send("a\n");
    await w.pass(150);
    assertEquals(late.text, "echo: a\n");
    await assertRejects(() => w.client());
    assertEquals((await w.until(report)).connections.accepted, 1);
  });

  it("ends the lame duck early when nothing was accepted for acceptQuiet", async () => {
    await using w = await world(echoLines, { lameDuck: 3000, acceptQuiet: 100 });
    const report = await w.until(w.server.shutdown());
    assertEquals(report.phases.lameDuck, 100);
  });

  it("is undone by resume() during the lame duck, and can be begun again", async () => {
    await using w = await world(echoLines, { lameDuck: 300 });
    const client = await w.client();
    const report = w.server.shutdown();
    await w.pass(100);
    assertEquals(w.server.resume(), true);
    assertEquals((await w.settled(report)).resumed, true);
    assertEquals([w.server.state, w.server.ready], ["running", true]);
    client.send("a\n");
    await w.pass(1000);
    assertEquals([client.text, client.end], ["echo: a\n", "open"]);
    const second = await w.until(w.server.shutdown());
    assertEquals([second.resumed, second.clean, client.end], [false, true, "fin"]);
    assertEquals(w.server.resume(), false);
  });

  const callers: readonly (readonly [string, (w: World) => void])[] = [
    ["right behind shutdown()", (w) => assertEquals(w.server.resume(), true)],
    ["from the phase's observer", () => {}],
    ["from a listener of ctx.draining", () => {}],
  ];
  for (const [index, [where, call]] of callers.entries()) {
    it(`is undone by resume() wherever that is called: ${where}`, async () => {
      const said: boolean[] = [];
      let w!: World;
      const resume = (place: number): unknown => place === index && said.push(w.server.resume());
      const onDrainPhase = (phase: DrainPhase): unknown => phase === "lameDuck" && resume(1);
      const handler: Handler = (conn, ctx) => {
        ctx.draining.addEventListener("abort", () => resume(2));
        return echoLines(conn, ctx);
      };
      for (const lameDuck of [0, 300]) {
        await using made = w = await world(handler, { lameDuck, onDrainPhase });
        const [first, second] = [await w.client(), await w.client()];
        const report = w.server.shutdown();
        call(w);
        assertEquals((await w.settled(report)).resumed, true);
        assertEquals([w.server.state, w.server.ready, said.every((did) => did)], ["running", true, true]);
        for (const client of [first, second]) client.send("a\n");
        const late = await w.client();
        await w.pass(5000);
        assertEquals([first.text, second.text, first.end, late.end], ["echo: a\n", "echo: a\n", "open", "open"]);
        assertEquals(made.server.stats.active, 3);
      }
    });
  }

  it("that was just called off does not swallow the stop that is asked for then", async () => {
    for (const again of ["shutdown", "close"] as const) {
      await using w = await world(echoLines, { lameDuck: 300 });
      const first = w.server.shutdown();
      assertEquals(w.server.resume(), true);
      const second = w.server[again]();
      assertEquals([(await w.settled(first)).resumed, (await w.until(second)).resumed], [true, false]);
      assertEquals(w.server.state, "closed");
    }
  });

  it("reaches its hooks and its report though a step fails for one connection", async () => {
    let hooks = 0;
    await using w = await world(echoLines, { grace: 2000 });
    w.server.onShutdown("flush", () => void hooks++);
    const clients = [await w.client(), await w.client(), await w.client()];
    const [, broken] = (w.server as TcpServer).tracked;
    broken.armAt = () => {
      throw new Error("broken");
    };
    const report = await w.until(w.server.shutdown());
    assertEquals([hooks, clients.map(({ end }) => end)], [1, ["fin", "reset", "fin"]]);
    assertEquals(report.cut.length, 1);
  });

  it("gives the same promise to a second shutdown(), and close() forces it", async () => {
    await using w = await world(() => new Promise(() => {}), { grace: 10_000 });
    const client = await w.client();
    const first = w.server.shutdown();
    assert(first === w.server.shutdown());
    await w.pass(100);
    assert(w.server.close() === first);
    const report = await w.until(first);
    assertEquals([report.forced, report.cut.length, client.end], [true, 1, "reset"]);
    assertLess(report.duration, 200);
  });

  it("can be begun inside a handler, even by one that awaits it", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        if (line === "await") await w.server.shutdown();
        else w.server.shutdown();
        await conn.write("stopping\n");
      }
    }, { grace: 500 });
    const [idle, client] = [await w.client(), await w.client()];
    client.send("stop\n");
    await w.until(w.server.closed);
    assertEquals([client.text, client.end, idle.end], ["stopping\n", "fin", "fin"]);
    await using other = await world(async (conn) => {
      await conn.read();
      await other.server.shutdown();
    }, { grace: 500 });
    (await other.client()).send("x");
    const report = await other.until(other.server.closed);
    assertEquals([report.cut[0].handlerRunning, report.duration <= 500], [true, true]);
  });

  it("says live who holds it up, and for what", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) if (line === "hang") await new Promise(() => {});
    }, { grace: 1000 });
    const [hanging, partial] = [await w.client(), await w.client()];
    hanging.send("hang\n");
    partial.send("par");
    assertEquals(w.server.holders(), []);
    const report = w.server.shutdown();
    await w.pass(200);
    assertEquals(w.server.holders().map(({ id, waitsFor }) => [id, waitsFor]), [[1, "answer"], [2, "message"]]);
    await w.until(report);
  });

  it("tells each phase as it begins", async () => {
    const phases: string[] = [];
    await using w = await world(() => new Promise(() => {}), {
      grace: 1000,
      onDrainPhase: (phase) => phases.push(phase),
    });
    w.server.onShutdown("hook", () => {});
    await w.client();
    await w.until(w.server.shutdown());
    assertEquals(phases, ["lameDuck", "drain", "patience", "abort", "cut", "hooks", "done"]);
  });

  it("closes a connection by maxLifetime on the same path, one at a time", async () => {
    let drained = false;
    await using w = await world((conn, ctx) => {
      ctx.draining.addEventListener("abort", () => drained = true);
      return echoLines(conn, ctx);
    }, { maxLifetime: 1000, lifetimeJitter: 0.1 });
    const client = await w.client();
    await w.pass(850);
    client.send("a\n");
    await w.pass(20);
    assertEquals(client.end, "open");
    // At most 1100 ms of life, and then idleGrace: it has shown no rhythm.
    await w.pass(1300);
    assertEquals([client.text, client.end, drained], ["echo: a\n", "fin", true]);
    assertEquals(w.server.ready, true);
  });
});

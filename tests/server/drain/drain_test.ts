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
  type Consumer,
  type Context,
  type DrainPhase,
  DrainTimeoutError,
  type Handler,
  lines,
  OptionError,
  type ServeOptions,
  type Server,
} from "../../../mod.ts";
import type { TcpServer } from "../../../src/server/server.ts";
import { type Client, echoLines, type World, world } from "../../support/world.ts";

/** Sends a line as soon as the last was answered, after `think` ms; counts what got no answer. */
async function pingPong(w: World, client: Client, think: number): Promise<{ sent: number; answered: number }> {
  let sent = 0;
  while (client.end === "open") {
    client.send(`${++sent}\n`);
    while (client.end === "open" && client.lines.length < sent) await client.changed();
    if (client.end === "open") await new Promise<void>((resolve) => w.clock.setTimer(resolve, think));
  }
  return { sent, answered: client.lines.length };
}

/** Keeps `depth` lines in flight until the end. */
async function pipeline(client: Client, depth: number): Promise<{ sent: number; answered: number }> {
  let sent = 0;
  const top = () => {
    let text = "";
    while (sent < client.lines.length + depth) text += `${++sent}\n`;
    if (text !== "") client.send(text);
  };
  top();
  while (client.end === "open") {
    await client.changed();
    if (client.end === "open") top();
  }
  return { sent, answered: client.lines.length };
}

describe("drain: what was received is answered", () => {
  it("answers a line that was received before the drain began", async () => {
    await using w = await world();
    const client = await w.client();
    client.send("a\nb\n");
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals(client.text, "echo: a\necho: b\n");
    assertEquals(client.end, "fin");
    assertEquals(report.clean, true);
    assertEquals(report.connections, {
      atStart: 1,
      accepted: 0,
      idle: 1,
      finished: 0,
      dropped: 0,
      truncated: 0,
      cut: 0,
    });
    assertEquals(report.delivery.finSeen, 1);
  });

  it("answers a line that is on the wire at that moment, and one that comes within the quiet window", async () => {
    await using w = await world(echoLines, { faults: { delay: 1 } });
    const client = await w.client();
    client.send("wire\n");
    const report = w.server.shutdown();
    await w.pass(120);
    client.send("window\n");
    await w.until(report);
    assertEquals(client.text, "echo: wire\necho: window\n");
    assertEquals((await report).clean, true);
    assertEquals((await report).connections.finished, 1);
  });

  it("answers a line whose second half comes 200 ms after the drain began", async () => {
    await using w = await world();
    const client = await w.client();
    client.send("ha");
    await w.pass(10);
    const report = w.server.shutdown();
    await w.pass(200);
    assertEquals(client.end, "open");
    client.send("lf\n");
    await w.until(report);
    assertEquals(client.text, "echo: half\n");
    assertEquals((await report).clean, true);
  });

  it("answers everything of a client that has half-closed", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        await new Promise<void>((resolve) => w.clock.setTimer(resolve, 30));
        await conn.write(`echo: ${line}\n`);
      }
    });
    const client = await w.client();
    client.send("a\nb\nc\n");
    client.conn.closeWrite();
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals(client.lines, ["echo: a", "echo: b", "echo: c"]);
    assertEquals([client.end, report.clean], ["fin", true]);
  });

  it("delivers 1 MiB to a slow reader whole", async () => {
    const big = "x".repeat(1 << 20);
    await using w = await world(async (conn) => {
      for await (const _ of lines(conn)) await conn.write(big + "\n");
    });
    const client = await w.client();
    client.conn.pause();
    client.send("go\n");
    await w.pass(10);
    client.conn.pause();
    const report = w.server.shutdown();
    await w.pass(1000);
    client.conn.resume();
    await w.until(report);
    assertEquals(client.text.length, big.length + 1);
    assertEquals([client.end, (await report).clean], ["fin", true]);
  });

  it("serves a busy client on until patience is over, and loses nothing then", async () => {
    await using w = await world(echoLines, { grace: 2000, faults: { delay: 1, maxDelay: 3 } });
    const client = await w.client();
    const played = pingPong(w, client, 7);
    await w.pass(100);
    const began = w.clock.now();
    const report = await w.until(w.server.shutdown());
    const { sent, answered } = await w.until(played);
    assertEquals(answered, sent);
    assertEquals([client.end, report.clean, report.afterFin.messages], ["fin", true, 0]);
    assertGreater(client.endedAt - began, 1000);
    assertLess(client.endedAt - began, 1500);
  });

  it("loses nothing of a client that keeps 32 lines in flight: answers are withheld until it falls quiet", async () => {
    await using w = await world(echoLines, { grace: 2000, faults: { delay: 1, maxDelay: 3 } });
    const client = await w.client();
    const played = pipeline(client, 32);
    await w.pass(100);
    const report = await w.until(w.server.shutdown());
    const { sent, answered } = await w.until(played);
    // What it wrote on the very answers that came with our FIN, it wrote after it could see the FIN.
    assertLess(sent - answered, 33);
    assertEquals(report.clean, true);
    assertEquals(report.afterFin.messages, sent - answered);
  });

  it("ends even with a client that sends without waiting for answers, and counts what came after the FIN", async () => {
    await using w = await world(echoLines, { grace: 2000 });
    const client = await w.client();
    let sent = 0;
    const send = () => {
      if (client.end !== "open") return;
      client.send(`${++sent}\n`);
      w.clock.setTimer(send, 10);
    };
    send();
    await w.pass(100);
    const report = await w.until(w.server.shutdown());
    assertEquals(client.end, "fin");
    assertEquals(client.lines.length + report.afterFin.messages, sent);
    assertEquals(report.clean, true);
    assertLess(report.duration, 2000);
  });
});

describe("drain: ends", () => {
  it("closes its listener at a moment when nobody waits to be accepted, if one comes within quiet", async () => {
    for (const [waiting, left, least, most] of [[[0, 3, 2, 1, 0], 0, 15, 40], [[0], 0, 0, 5], [[0, 1], 1, 250, 290]]) {
      await using w = await world(echoLines);
      const script = [waiting].flat();
      w.adapter.acceptQueue = () => script.length > 1 ? script.shift()! : script[0];
      const { phases, acceptQueueLeft } = await w.until(w.server.shutdown());
      assertEquals(acceptQueueLeft, left);
      assertGreaterOrEqual(phases.lameDuck, least as number);
      assertLess(phases.lameDuck, most as number);
    }
  });

  it("doesn't wait for that moment any longer because others come all the time", async () => {
    await using w = await world(echoLines);
    let first = true;
    w.adapter.acceptQueue = () => first ? (first = false, 0) : 1;
    const report = w.server.shutdown();
    for (let i = 0; i < 100; i++) {
      w.client().catch(() => {});
      await w.pass(20);
    }
    const { phases } = await w.until(report);
    assertGreaterOrEqual(phases.lameDuck, 250);
    assertLess(phases.lameDuck, 290);
  });

  it("closes an idle client with FIN after idleGrace: a default that suits a phone, or what was asked for", async () => {
    for (const [options, after] of [[{}, 1000], [{ idleGrace: 250 }, 250], [{ grace: 2000 }, 500]] as const) {
      await using w = await world(echoLines, options);
      const client = await w.client();
      await w.pass(1000);
      const began = w.clock.now();
      const report = await w.until(w.server.shutdown());
      assertEquals(client.end, "fin");
      assertGreater(client.endedAt - began, after - 1);
      assertLess(report.duration, after + 100);
      assertEquals(report.connections.idle, 1);
    }
  });

  it("ends at once without connections", async () => {
    await using w = await world();
    const report = await w.settled(w.server.shutdown());
    assertEquals([report.duration, report.clean], [0, true]);
  });

  it("resets a client that never reads when the grace is over, and says what it had", async () => {
    await using w = await world(async (conn) => {
      for await (const _ of lines(conn)) await conn.write("x".repeat(1 << 20));
    }, { grace: 1000 });
    const client = await w.client({ stubborn: true });
    client.conn.pause();
    client.send("go\n");
    await w.pass(10);
    client.conn.pause();
    const report = await w.until(w.server.shutdown());
    client.conn.resume();
    await w.pass(50);
    assertEquals(client.end, "reset");
    assertEquals(report.clean, false);
    assertEquals(report.cut.length, 1);
    assertGreater(report.cut[0].bytesUnsent, 900_000);
    assertEquals(report.cut[0].delivery, "process");
    assertLess(report.duration, 1001);
  });

  it("lets go of a client that never closes after its FIN, without calling it cut", async () => {
    await using w = await world(echoLines, { lingerTimeout: 500, idleGrace: 250 });
    const client = await w.client({ stubborn: true });
    client.send("a\n");
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals(client.text, "echo: a\n");
    assertEquals(client.end, "fin");
    assertEquals([report.clean, report.connections.cut], [true, 0]);
    assertLess(report.duration, 1000);
  });

  it("aborts ctx.signal with DrainTimeoutError at the end of grace, then cuts a handler that goes on", async () => {
    let seen: unknown = null;
    let at = 0;
    await using w = await world((conn, ctx) => {
      ctx.signal.addEventListener("abort", () => [seen, at] = [ctx.signal.reason, w.clock.now()]);
      return new Promise(() => conn.write("busy\n"));
    }, { grace: 1000 });
    const client = await w.client();
    await w.pass(10);
    const began = w.clock.now();
    const report = await w.until(w.server.shutdown());
    assertInstanceOf(seen, DrainTimeoutError);
    assertEquals(at - began, 850);
    assertEquals(client.end, "reset");
    assertEquals(report.cut.map((cut) => [cut.id, cut.handlerRunning, cut.state]), [[1, true, "new"]]);
    assertEquals([report.clean, report.phases.abort], [false, 100]);
  });

  it("says of each cut connection whether a handler runs, whatever protocol has its bytes", async () => {
    const consumers: Partial<Consumer>[] = [{ handling: 7 }, { handling: 0 }, {}];
    await using w = await world((conn) => {
      conn.consume({ data() {}, end() {}, closed() {}, ...consumers[conn.id - 1] });
      conn.report(true, false);
    }, { grace: 1000 });
    for (const _ of consumers) await w.client();
    const report = await w.until(w.server.shutdown());
    assertEquals(report.cut.map((cut) => cut.handlerRunning), [true, false, true]);
  });

  it("spares a handler that unwinds when ctx.signal aborts", async () => {
    await using w = await world(async (conn, ctx) => {
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
      await conn.write("stopped\n");
    }, { grace: 1000 });
    const client = await w.client();
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals([client.text, client.end, report.clean], ["stopped\n", "fin", true]);
  });

  it("waits for a handler whose peer has gone", async () => {
    let ended = false;
    await using w = await world(async (conn) => {
      await conn.read();
      await new Promise<void>((resolve) => w.clock.setTimer(resolve, 400));
      ended = true;
    });
    const client = await w.client();
    client.send("go\n");
    await w.pass(10);
    client.conn.abort();
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals([ended, report.connections.dropped, report.clean], [true, 1, true]);
  });

  it("never runs a message that comes after our FIN, and counts it", async () => {
    const ran: string[] = [];
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) ran.push(line);
    });
    const client = await w.client({ stubborn: true });
    const report = w.server.shutdown();
    await w.pass(1100);
    assertEquals(client.end, "fin");
    client.send("late\ntoo late\n");
    await w.until(report);
    assertEquals(ran, []);
    assertEquals((await report).afterFin, { messages: 2, bytes: 14 });
  });

  it("says goodbye before the FIN", async () => {
    await using w = await world(echoLines, { goodbye: (conn) => void conn.write("bye\n") });
    const client = await w.client();
    client.send("a\n");
    await w.pass(10);
    await w.until(w.server.shutdown());
    assertEquals([client.text, client.end], ["echo: a\nbye\n", "fin"]);
  });
});

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

describe("drain: budget and hooks", () => {
  it("refuses parts that exceed the grace, at the start", async () => {
    const error = await assertRejects(() => world(echoLines, { grace: 1000, lameDuck: 900 }), OptionError);
    assert(
      (error as Error).message.includes("grace 1000 ms is less than its parts: lameDuck 900"),
      (error as Error).message,
    );
    await using w = await world(echoLines, { grace: 1000 });
    assertThrows(() => w.server.onShutdown("slow", () => {}, { timeout: 900 }), OptionError);
    assertThrows(() => w.server.shutdown({ lameDuck: 2000 }), OptionError);
    assertEquals(w.server.state, "running");
  });

  it("serves who waits for admission before it believes itself empty", async () => {
    await using w = await world(echoLines, { maxConnections: 1, policy: "queue", grace: 2000 });
    const clients = [await w.client(), await w.client(), await w.client()];
    for (const client of clients) client.send("a\n");
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals(clients.map((client) => [client.text, client.end]), clients.map(() => ["echo: a\n", "fin"]));
    assertEquals([report.phases.abort, report.clean, report.connections.accepted], [0, true, 2]);
  });

  it("runs hooks in reverse order, each with its own time, and a failing one doesn't stop the next", async () => {
    const order: string[] = [];
    await using w = await world(echoLines, { grace: 4000 });
    const hook = (server: Server, name: string, run: () => void | Promise<void>) =>
      server.onShutdown(name, () => {
        order.push(name);
        return run();
      }, { timeout: 200 });
    hook(w.server, "database", () => {});
    hook(w.server, "hangs", () => new Promise(() => {}));
    hook(w.server, "throws", () => {
      throw new Error("broken");
    });
    hook(w.server, "gone", () => {})();
    const report = await w.until(w.server.shutdown());
    assertEquals(order, ["throws", "hangs", "database"]);
    assertEquals(report.hooks.map(({ name, ok }) => [name, ok]), [["throws", false], ["hangs", false], [
      "database",
      true,
    ]]);
    assertEquals([report.hooks[0].error, report.hooks[1].duration], ["broken", 200]);
    assertEquals([report.clean, report.cut.length], [false, 0]);
  });
});

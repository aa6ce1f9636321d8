import { describe, it } from "node:test";
import { assertEquals, assertGreater, assertGreaterOrEqual, assertInstanceOf, assertLess } from "@std/assert";
import { type Consumer, DrainTimeoutError, lines } from "../../../mod.ts";
import { echoLines, world } from "../../support/world.ts";

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

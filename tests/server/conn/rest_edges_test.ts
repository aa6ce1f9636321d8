import process from "node:process";
import { describe, it } from "node:test";
import { assertEquals, assertLess } from "@std/assert";
import { lines } from "../../../mod.ts";
import { httpWorld, request } from "../../support/http_world.ts";
import { wsWorld } from "../../support/websocket_world.ts";
import { world } from "../../support/world.ts";
import type { VirtualClock } from "../../../src/testing/clock.ts";

const sleep = (clock: VirtualClock, ms: number) => new Promise<void>((resolve) => clock.setTimer(resolve, ms));

describe("a connection that is told goodbye", () => {
  it("owes an answer for each frame of a batch", async () => {
    const clocks: VirtualClock[] = [];
    await using w = await world(async (conn) => {
      for await (const batch of lines(conn).batches()) {
        batch.forEach((line, i) => void sleep(clocks[0], 200 + i * 1500).then(() => conn.write(`${line}\n`)));
      }
    });
    clocks.push(w.clock);
    const client = await w.client();
    client.send("a\nb\nc\n");
    await w.pass(100);
    assertEquals([(await w.until(w.server.shutdown())).clean, client.lines], [true, ["a", "b", "c"]]);
  });

  it("has its HTTP request answered, whoever asked for its end", async () => {
    const clocks: VirtualClock[] = [];
    await using w = await httpWorld(async (_, ctx) => {
      void ctx.conn.closed.then(() => {});
      await sleep(clocks[0], 3000);
      return new Response("x");
    });
    clocks.push(w.clock);
    const peer = await w.peer();
    peer.ask(request("/"));
    await w.pass(200);
    assertEquals([(await w.until(w.server.shutdown())).clean, peer.told], [true, ["200 x, close"]]);
  });

  it("leaves soon after its handler begins to wait for the end, also behind the end of patience", async () => {
    for (const wait of [500, 7000]) {
      const clocks: VirtualClock[] = [];
      await using w = await world(async (conn) => {
        await conn.write("hello\n");
        await sleep(clocks[0], wait);
        await conn.closed;
      });
      clocks.push(w.clock);
      await w.client();
      const report = await w.until(w.server.shutdown());
      assertEquals(report.clean, true);
      assertLess(report.duration, wait + 1300);
    }
  });

  it("may have a read pending that nobody awaits", async () => {
    const unheard: unknown[] = [];
    const note = (reason: unknown) => void unheard.push(reason);
    process.on("unhandledRejection", note);
    await using w = await world(async (conn) => {
      await conn.read();
      void conn.read();
      await conn.write("answer\n");
      await conn.closed;
    });
    const client = await w.client();
    client.send("x");
    await w.pass(100);
    await w.until(w.server.shutdown());
    await new Promise((resolve) => setTimeout(resolve, 5));
    process.off("unhandledRejection", note);
    assertEquals(unheard, []);
  });

  it("has its acknowledgements withheld for a moment only when its age ends it", async () => {
    const clocks: VirtualClock[] = [];
    await using w = await world(async (conn) => {
      for await (const _ of lines(conn)) {
        await sleep(clocks[0], 60);
        await conn.write("ok\n");
      }
    }, { maxLifetime: 1000, lifetimeJitter: 0 });
    clocks.push(w.clock);
    const client = await w.client();
    for (let i = 0; i < 600; i++) {
      client.send("m\n");
      await w.pass(50);
    }
    assertLess(400, client.lines.length);
  });

  it("is not taken for dead while its pings are withheld", async () => {
    const clocks: VirtualClock[] = [];
    await using w = await wsWorld(async (ws) => {
      await ws.next();
      await sleep(clocks[0], 20_000);
      await ws.next();
    }, { maxLifetime: 1000, lifetimeJitter: 0, ws: { heartbeat: { interval: 2000, timeout: 1000, misses: 0 } } });
    clocks.push(w.clock);
    const ws = await w.connect();
    await ws.send("go");
    await w.pass(30_000);
    assertEquals((await w.until(ws.closed)).code, 1001);
  });

  it("lets go of virtual time with quiet and idleGrace of 0", async () => {
    const clocks: VirtualClock[] = [];
    await using w = await world(async (conn) => {
      for await (const _ of lines(conn)) await sleep(clocks[0], 7000).then(() => conn.write("x\n"));
    }, { quiet: 0, idleGrace: 0 });
    clocks.push(w.clock);
    const client = await w.client();
    client.send("a\n");
    await w.pass(100);
    assertEquals([(await w.until(w.server.shutdown())).clean, client.lines], [true, ["x"]]);
  });
});

import { describe, it } from "node:test";
import { assertEquals, assertGreater, assertLess, assertRejects, assertThrows } from "@std/assert";
import { DeadlineError, InUseError, lines } from "../../../mod.ts";
import { handed, sleep } from "../../support/handed.ts";
import { trackedBy } from "../../support/tracked.ts";
import { echoLines, world } from "../../support/world.ts";

describe("connection: time", () => {
  it("a read deadline rejects the pending read, and later ones until it is moved", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    conn.setReadDeadline(w.clock.wall() + 200);
    const read = conn.read();
    read.catch(() => {});
    await w.pass(150);
    assertEquals(conn.state, "new");
    await w.pass(100);
    await assertRejects(() => read, DeadlineError);
    await assertRejects(() => conn.read(), DeadlineError);
    conn.setReadDeadline(null);
    w.clients[0].send("x");
    await w.pass(1);
    assertEquals((await conn.read())!.length, 1);
  });

  it("a write deadline fails who waits for the peer, and the connection lives on", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].conn.pause();
    conn.setWriteDeadline(w.clock.wall() + 200);
    void conn.write("x".repeat(1 << 20));
    const flushed = conn.flush();
    flushed.catch(() => {});
    await w.pass(300);
    await assertRejects(() => flushed, DeadlineError);
    await assertRejects(() => conn.flush(), DeadlineError);
    assertEquals(conn.state, "new");
    w.clients[0].conn.resume();
    await w.pass(100);
    assertEquals(w.clients[0].text.length, 1 << 20);
  });

  it("a write past its deadline fails and sends nothing; with a later one, or none, the connection writes on", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    await conn.write("a");
    conn.setWriteDeadline(w.clock.wall() + 100);
    await conn.write("b");
    await w.pass(150);
    await assertRejects(() => conn.write("lost"), DeadlineError);
    await assertRejects(() => conn.write(""), DeadlineError);
    conn.setDeadline(w.clock.wall() + 100);
    await conn.write("c");
    conn.setWriteDeadline(w.clock.wall() - 1);
    await assertRejects(() => conn.write("lost"), DeadlineError);
    conn.setWriteDeadline(null);
    await conn.write("d");
    await w.pass(10);
    assertEquals([w.clients[0].text, conn.state], ["abcd", "new"]);
  });

  it("a write deadline is kept though other limits were looked at before and nothing was unsent then", async () => {
    const { w, conn } = await handed({ idleTimeout: 100_000, writeTimeout: 60_000 });
    await using _ = w;
    conn.setWriteDeadline(w.clock.wall() + 5000);
    conn.setReadDeadline(w.clock.wall() + 1000);
    await w.pass(1100);
    w.clients[0].conn.pause();
    void conn.write("x".repeat(1 << 20));
    const flushed = conn.flush();
    flushed.catch(() => {});
    await w.pass(4000);
    await assertRejects(() => flushed, DeadlineError);
    assertEquals(conn.state, "new");
  });

  it("a deadline that is no number is refused at once", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    for (const at of [NaN, "5", new Date(), undefined]) {
      assertThrows(() => conn.setDeadline(at as number), TypeError);
      assertThrows(() => conn.setReadDeadline(at as number), TypeError);
      assertThrows(() => conn.setWriteDeadline(at as number), TypeError);
    }
  });

  it("a second read() has an error of its own class", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const first = conn.read();
    const error = assertThrows(() => conn.read(), InUseError);
    assertEquals(error.code, "ERR_IN_USE");
    assertThrows(() => lines(conn), InUseError);
    w.clients[0].send("x");
    await w.pass(1);
    assertEquals((await first)!.length, 1);
    const text = lines(conn);
    assertThrows(() => conn.read(), InUseError);
    assertThrows(() => conn[Symbol.asyncIterator]().next(), InUseError);
    assertThrows(() => lines(conn), InUseError);
    void text.forEach(() => {});
    assertThrows(() => text.forEach(() => {}), InUseError);
  });

  it("idleTimeout closes at a boundary without traffic, and not sooner", async () => {
    await using w = await world(echoLines, { idleTimeout: 1000 });
    const client = await w.client();
    await w.pass(900);
    client.send("a\n");
    await w.pass(900);
    assertEquals([client.text, client.end], ["echo: a\n", "open"]);
    await w.pass(200);
    assertEquals(client.end, "fin");
  });

  it("idleTimeout spares a handler at work", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        await sleep(w, 3000);
        await conn.write(line + "\n");
      }
    }, { idleTimeout: 1000 });
    const client = await w.client();
    client.send("a\n");
    await w.pass(3100);
    assertEquals([client.text, client.end], ["a\n", "open"]);
    await w.pass(1100);
    assertEquals(client.end, "fin");
  });

  it("readTimeout drops a peer that does not finish its message, however slowly it drips", async () => {
    await using w = await world(echoLines, { readTimeout: 500 });
    const [slow, idle] = [await w.client(), await w.client()];
    for (let i = 0; i < 8; i++) {
      slow.send("x");
      await w.pass(100);
    }
    assertEquals([slow.end, idle.end], ["reset", "open"]);
  });

  it("readTimeout bounds a plain read()", async () => {
    const { w, conn } = await handed({ readTimeout: 500 });
    await using _ = w;
    const read = conn.read();
    read.catch(() => {});
    await w.pass(600);
    await assertRejects(() => read, DeadlineError);
  });

  it("writeTimeout drops a peer that takes nothing, and spares one that takes slowly", async () => {
    const { w, conn } = await handed({ writeTimeout: 500 });
    await using _ = w;
    const client = w.clients[0];
    void conn.write("x".repeat(1 << 20));
    for (let i = 0; i < 5; i++) {
      client.conn.pause();
      await w.pass(300);
      client.conn.resume();
      await w.pass(1);
    }
    assertEquals(conn.state === "closed", false);
    client.conn.pause();
    void conn.write("x".repeat(1 << 20));
    await w.pass(1200);
    assertEquals(conn.state, "closed");
  });

  it("maxLifetime varies by its jitter", async () => {
    await using w = await world(echoLines, { maxLifetime: 10_000, lifetimeJitter: 0.5 });
    const clients = [];
    for (let i = 0; i < 20; i++) clients.push(await w.client());
    await w.pass(17_000);
    const ages = clients.map((client) => client.endedAt);
    assertGreater(Math.min(...ages), 4999);
    // 15 s at the most, and the idleGrace of a connection that never spoke.
    assertLess(Math.max(...ages), 16_100);
    assertGreater(Math.max(...ages) - Math.min(...ages), 1000);
  });

  it("leaves no timer behind", async () => {
    await using w = await world(echoLines, { idleTimeout: 60_000, readTimeout: 60_000, maxLifetime: 60_000 });
    const before = w.clock.pending;
    for (let i = 0; i < 20; i++) (await w.client()).conn.abort();
    for (let i = 0; i < 20; i++) (await w.client()).conn.close();
    await w.pass(1100);
    assertEquals([w.clock.pending, trackedBy(w.server), w.adapter.openSockets], [before, 0, 0]);
  });
});

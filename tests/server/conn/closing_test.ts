import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnClosedError, ConnResetError } from "../../../mod.ts";
import { handed } from "../../support/handed.ts";
import { trackedBy } from "../../support/tracked.ts";
import { world } from "../../support/world.ts";

describe("connection: ends", () => {
  it("close() delivers everything, then FIN, and is idempotent", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    void conn.write("x".repeat(300_000));
    const closing = conn.close();
    assert(closing === conn.close());
    assertEquals(conn.state, "closing");
    await w.until(closing);
    assertEquals([w.clients[0].text.length, w.clients[0].end, conn.state], [300_000, "fin", "closed"]);
    await assertRejects(() => conn.read(), ConnClosedError);
    await assertRejects(() => conn.write("x"), ConnClosedError);
  });

  it("close() with unread input is no reset: what the peer still sends is read and dropped", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].send("never read");
    await w.pass(1);
    void conn.write("answer");
    void conn.close();
    w.clients[0].send("nor this");
    await w.pass(100);
    assertEquals([w.clients[0].text, w.clients[0].end], ["answer", "fin"]);
  });

  it("close() rejects a pending read", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const read = conn.read();
    void conn.close();
    await assertRejects(() => read, ConnClosedError);
  });

  it("abort() is a reset, with its reason for whoever waits here", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const read = conn.read();
    conn.abort(new Error("why"));
    await assertRejects(() => read, Error, "why");
    await w.pass(1);
    assertEquals([w.clients[0].end, conn.state], ["reset", "closed"]);
    await w.settled(conn.closed);
  });

  it("closeWrite() sends FIN and goes on reading", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    void conn.write("last");
    await conn.closeWrite();
    await w.pass(1);
    assertEquals(w.clients[0].text, "last");
    await assertRejects(() => conn.write("more"), ConnClosedError);
  });

  it("a peer's reset rejects readers and writers with ConnResetError, and its cause", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const read = conn.read();
    read.catch(() => {});
    w.clients[0].conn.abort();
    await w.pass(1);
    const error = await assertRejects(() => read, ConnResetError);
    assertEquals(((error as Error).cause as { code: string }).code, "ECONNRESET");
    await assertRejects(() => conn.write("x"), ConnResetError);
  });

  it("a write to a dead peer that nobody awaits raises nothing", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].conn.abort();
    await w.pass(1);
    void conn.write("x");
    void conn.flush();
    void conn.closeWrite();
    await w.pass(10);
  });

  it("works with `await using`", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const block = (async () => {
      await using inner = conn;
      await inner.write("bye");
    })();
    await w.until(block);
    assertEquals([w.clients[0].text, w.clients[0].end], ["bye", "fin"]);
  });

  it("close() waits for a slow reader longer than lingerTimeout, which counts from the last byte handed over", async () => {
    await using w = await world((conn) => void conn.write("x".repeat(1 << 20)), { lingerTimeout: 200 });
    const client = await w.client({ stubborn: true });
    client.conn.pause();
    await w.pass(2000);
    client.conn.resume();
    await w.pass(150);
    assertEquals([client.text.length, client.end, trackedBy(w.server)], [1 << 20, "fin", 1]);
    await w.pass(500);
    assertEquals(trackedBy(w.server), 0);
  });

  it("close() drops a peer that takes nothing for 30 s", async () => {
    await using w = await world((conn) => void conn.write("x".repeat(1 << 20)), { lingerTimeout: 200 });
    const client = await w.client({ stubborn: true });
    client.conn.pause();
    await w.pass(29_000);
    assertEquals(trackedBy(w.server), 1);
    await w.pass(2000);
    assertEquals(trackedBy(w.server), 0);
  });

  it("lingers for lingerTimeout at the most when the peer does not close", async () => {
    await using w = await world((conn) => void conn.write("x"), { lingerTimeout: 300 });
    const client = await w.client({ stubborn: true });
    await w.pass(250);
    assertEquals([client.end, trackedBy(w.server)], ["fin", 1]);
    await w.pass(100);
    assertEquals(trackedBy(w.server), 0);
  });
});

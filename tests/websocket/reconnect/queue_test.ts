import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { QueueFullError } from "../../../src/websocket/reconnect/mod.ts";
import { fate, setUp } from "../../fixtures/reconnect_tools.ts";

describe("messages of a ReconnectingWebSocket", () => {
  it("wait for the connection and leave in order, before what a listener of the state sends", async () => {
    const t = setUp();
    t.client.addEventListener("state", ({ state }) => {
      if (state === "open") void t.client.send("from the listener");
    });
    const fates = ["a", "b", "c"].map((data) => fate(t.client.send(data)));
    await t.clock.settle();
    assertEquals([fates[0].now, t.client.queued, t.client.bufferedAmount], ["pending", 3, 3]);
    t.last.open();
    await t.clock.settle();
    assertEquals(fates.map(({ now }) => now), ["sent", "sent", "sent"]);
    assertEquals(t.last.sent, ["a", "b", "c", "from the listener"]);
    assertEquals([t.client.queued, t.client.bufferedAmount], [0, 0]);
  });

  it("may be text, bytes or a buffer, and nothing else", async () => {
    const t = setUp();
    const socket = await t.opened();
    await t.client.send(new Uint8Array([1]));
    await t.client.send(new Uint8Array([2, 3]).buffer);
    await t.client.send("");
    assertEquals(socket.sent, [new Uint8Array([1]), new Uint8Array([2, 3]), ""]);
    assertThrows(() => t.client.send(5 as unknown as string), TypeError, "number");
  });

  it("begin with hello on every connection, which is never queued", async () => {
    let login = 0;
    const t = setUp({ hello: () => [`login ${++login}`, "subscribe"] });
    void t.client.send("a");
    const first = await t.opened();
    assertEquals(first.sent, ["login 1", "subscribe", "a"]);
    first.end();
    void t.client.send("b");
    await t.clock.advance(1000);
    t.last.open();
    assertEquals(t.last.sent, ["login 2", "subscribe", "b"]);
  });

  it("that a closing connection doesn't take go out on the next one, in order", async () => {
    const t = setUp();
    const first = await t.opened();
    first.stalled = true;
    const fates = ["a", "b"].map((data) => fate(t.client.send(data)));
    first.stalled = false;
    fates.push(fate(t.client.send("c")));
    first.end(1001);
    await t.clock.advance(1000);
    t.last.open();
    await t.clock.settle();
    assertEquals([first.sent, t.last.sent], [[], ["a", "b", "c"]]);
    assertEquals(fates.map(({ now }) => now), ["sent", "sent", "sent"]);
  });

  it("that a connection took and could not get rid of are counted, and not sent again", async () => {
    const t = setUp();
    const first = await t.opened();
    await t.client.send("0123456789");
    first.bufferedAmount = 7;
    assertEquals(t.client.bufferedAmount, 7);
    first.end();
    assertEquals([t.ends[0].unsentBytes, t.client.bufferedAmount], [7, 0]);
    await t.clock.advance(1000);
    t.last.open();
    assertEquals(t.last.sent, []);
  });

  it("that the transport refuses by throwing are rejected alone", async () => {
    const t = setUp();
    const fates = ["a", "bad", "c"].map((data) => fate(t.client.send(data)));
    await t.clock.settle();
    const send = t.last.send.bind(t.last);
    t.last.send = (data) => {
      if (data === "bad") throw new RangeError("bad");
      return send(data);
    };
    t.last.open();
    fates.push(fate(t.client.send("bad")));
    await t.clock.settle();
    assertEquals(fates.map(({ now }) => now), ["sent", "RangeError", "sent", "RangeError"]);
    assertEquals([t.last.sent, t.client.queued], [["a", "c"], 0]);
  });

  it("do no harm when they are rejected and nobody looks", async () => {
    const t = setUp({ maxQueued: 0 });
    void t.client.send("x");
    void t.client.close();
    void t.client.send("y");
    await t.clock.settle();
  });
});

describe("a full queue", () => {
  it("rejects the new message by default", async () => {
    const t = setUp({ maxQueued: 2 });
    const fates = ["a", "b", "c"].map((data) => fate(t.client.send(data)));
    await t.clock.settle();
    assertEquals(fates.map(({ now }) => now), ["pending", "pending", "ERR_QUEUE_FULL"]);
    assertEquals([t.client.queued, t.client.dropped], [2, 1]);
  });

  it("counts bytes of UTF-8", async () => {
    const t = setUp({ maxQueuedBytes: 7 });
    const fates = ["ééé", "x", "y"].map((data) => fate(t.client.send(data)));
    await t.clock.settle();
    assertEquals(fates.map(({ now }) => now), ["pending", "pending", "ERR_QUEUE_FULL"]);
    assertEquals(t.client.bufferedAmount, 7);
  });

  it("gives up its oldest messages for the new one if asked, as many as it takes", async () => {
    const t = setUp({ maxQueued: 3, maxQueuedBytes: 10, whenFull: "dropOldest" });
    const fates = ["aaa", "bbb", "ccc", "d", "eeeeee"].map((data) => fate(t.client.send(data)));
    await t.opened();
    await t.clock.settle();
    assertEquals(fates.map(({ now }) => now), ["ERR_QUEUE_FULL", "ERR_QUEUE_FULL", "sent", "sent", "sent"]);
    assertEquals([t.last.sent, t.client.dropped], [["ccc", "d", "eeeeee"], 2]);
  });

  for (const whenFull of ["reject", "dropOldest"] as const) {
    it(`never takes a message that is too large for it alone (${whenFull})`, async () => {
      const t = setUp({ maxQueuedBytes: 5, whenFull });
      const kept = fate(t.client.send("12345"));
      await assertRejects(() => t.client.send("123456"), QueueFullError, "6 bytes");
      assertEquals([kept.now, t.client.queued], ["pending", 1]);
    });

    it(`of no size takes nothing, and an open connection all the same (${whenFull})`, async () => {
      const t = setUp({ maxQueued: 0, whenFull });
      await assertRejects(() => t.client.send(""), QueueFullError);
      const socket = await t.opened();
      await t.client.send("x");
      assertEquals([socket.sent, t.client.dropped], [["x"], 1]);
    });
  }
});

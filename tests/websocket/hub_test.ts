import { describe, it } from "node:test";
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertThrows } from "@std/assert";
import { OptionError } from "../../mod.ts";
import type { DeflateOptions, Deflater } from "../../src/platform.ts";
import { Hub, type WebSocketConn, type WebSocketHandler } from "../../src/websocket/mod.ts";
import { noting, type WsWorld, wsWorld, type WsWorldOptions } from "../support/websocket_world.ts";
import { writesOf } from "../support/ws_raw.ts";

/** A handler that subscribes to the topics in its path, as in `/a/b`, and publishes what it gets to all of them. */
async function hubWorld(options: WsWorldOptions = {}): Promise<{ w: WsWorld; hub: Hub }> {
  const hub = new Hub();
  const handler: WebSocketHandler = async (ws) => {
    hub.subscribe(ws, "all");
    for await (const message of ws) hub.publish("all", message, { except: ws });
  };
  return { w: await wsWorld(handler, options), hub };
}

/** Counts what a world's compressors do. */
function countingDeflater(w: WsWorld): { pushes: number; windows: number[] } {
  const counts = { pushes: 0, windows: [] as number[] };
  const make = w.adapter.deflater!;
  w.adapter.deflater = (options: DeflateOptions): Deflater => {
    const deflater = make(options);
    counts.windows.push(options.windowBits);
    return {
      push(data) {
        counts.pushes++;
        return deflater.push(data);
      },
      reset: () => deflater.reset(),
      close: () => deflater.close(),
    };
  };
  return counts;
}

describe("a Hub", () => {
  it("sends to all subscribers of a topic, in order, and says to how many", async () => {
    const { w, hub } = await hubWorld();
    await using _ = w;
    const peers = await w.many(100);
    assertEquals([hub.size, hub.topics, hub.count("all"), hub.count("none")], [100, ["all"], 100, 0]);
    assertEquals([hub.publish("all", "one"), hub.publish("none", "x")], [100, 0]);
    hub.publish("all", Uint8Array.of(1, 2));
    hub.publish("all", "é".repeat(40_000));
    await w.pass(20);
    for (const peer of peers) assertEquals(peer.messages, ["one", "<2>", "é".repeat(40_000)]);
  });

  it("leaves out its sender if asked", async () => {
    const { w } = await hubWorld();
    await using _ = w;
    const [a, b, c] = await w.many(3);
    b.send("from b");
    await w.pass(5);
    assertEquals([a.messages, b.messages, c.messages], [["from b"], [], ["from b"]]);
  });

  it("sends what is published in one turn in one write to each", async () => {
    const { w, hub } = await hubWorld();
    await using _ = w;
    const peers = await w.many(3);
    const writes = peers.map(writesOf);
    for (let i = 0; i < 50; i++) hub.publish("all", `${i}`);
    await w.pass(5);
    assertEquals(writes.map((sizes) => sizes.length), [1, 1, 1]);
    assertEquals(peers.map((peer) => peer.messages.length), [50, 50, 50]);
  });

  it("keeps topics apart; subscribing twice is once, and the last one out ends the topic", async () => {
    const { w, hub } = await hubWorld();
    await using _ = w;
    const [a, b] = await w.many(2);
    hub.subscribe(w.served[0], "news");
    hub.subscribe(w.served[0], "news");
    assertEquals([hub.count("news"), hub.topics], [1, ["all", "news"]]);
    assertEquals(hub.publish("news", "n"), 1);
    hub.unsubscribe(w.served[0], "all");
    assertEquals(hub.publish("all", "a"), 1);
    await w.pass(5);
    assertEquals([a.messages, b.messages], [["n"], ["a"]]);
    hub.unsubscribe(w.served[0]);
    hub.unsubscribe(w.served[0], "never");
    assertEquals([hub.size, hub.topics], [1, ["all"]]);
    hub.unsubscribe(w.served[1], "all");
    assertEquals([hub.size, hub.topics, hub.publish("all", "x")], [0, [], 0]);
  });

  it("unsubscribes whoever ends, however it does", async () => {
    const { w, hub } = await hubWorld();
    await using _ = w;
    const [a, b, c, d] = await w.many(4);
    hub.subscribe(w.served[0], "more");
    a.sayClose(1000);
    b.conn.abort();
    void c.conn.closeWrite();
    await w.pass(20);
    assertEquals([hub.size, hub.topics, hub.publish("all", "x")], [1, ["all"], 1]);
    hub.subscribe(w.served[0], "all");
    assertEquals(hub.size, 1);
    d.sayClose();
    await w.pass(20);
    assertEquals([hub.size, hub.topics], [0, []]);
  });

  it("doesn't send to who is closing", async () => {
    const { w, hub } = await hubWorld();
    await using _ = w;
    const [a] = await w.many(2, { answers: false });
    w.served[0].close(4000);
    assertEquals(hub.publish("all", "x"), 1);
    await w.pass(5);
    assertEquals([a.seen, w.served[0].dropped], [["close 4000"], 1]);
  });

  it("takes WebSockets of a server's handler only", async () => {
    const { w, hub } = await hubWorld();
    await using _ = w;
    assertThrows(() => hub.subscribe({} as WebSocketConn, "all"), OptionError, "upgradeWebSocket");
    // A client must mask each frame by itself (RFC 6455 §5.3).
    const ws = await w.connect();
    assertThrows(() => hub.subscribe(ws, "all"), OptionError, "upgradeWebSocket");
  });

  it("keeps nothing of who comes and goes", async () => {
    const { w, hub } = await hubWorld();
    await using _ = w;
    await w.raw();
    const { then } = Promise.prototype;
    let reactions = 0;
    const closed = w.ws.closed;
    closed.then = function (...args) {
      reactions++;
      return then.apply(this, args as Parameters<typeof then>) as never;
    };
    for (let i = 0; i < 100; i++) {
      hub.unsubscribe(w.ws);
      hub.subscribe(w.ws, `${i}`);
    }
    assertEquals([hub.size, hub.topics.length], [1, 1]);
    assertLess(reactions, 3);
  });
});

describe("a slow subscriber", () => {
  for (const slowConsumer of ["wait", "drop", "close"] as const) {
    it(`never delays the others, with slowConsumer ${slowConsumer}`, async () => {
      const { w, hub } = await hubWorld({ ws: { slowConsumer, maxBufferedAmount: 200_000 } });
      await using _ = w;
      const [slow, ...others] = await w.many(5);
      slow.conn.pause();
      const message = "x".repeat(50_000);
      let sent = 0;
      for (let i = 0; i < 40; i++) {
        sent += hub.publish("all", message);
        await w.pass(1);
        for (const peer of others) assertEquals(peer.messages.length, i + 1);
      }
      const missed = 40 * 5 - sent;
      assertGreaterOrEqual(missed, 30);
      assertLess(w.served[0].bufferedAmount, 350_000);
      slow.conn.resume();
      await w.pass(20);
      const closed = slowConsumer === "close";
      assertEquals(slow.messages.length, 40 - missed);
      assertEquals(slow.close?.code, closed ? 1013 : undefined);
      assertEquals(slow.problem, null);
      if (closed) return assertEquals(hub.size, 4);
      assertEquals(w.served[0].dropped, missed);
      hub.publish("all", "again");
      await w.pass(5);
      assertEquals(slow.messages.at(-1), "again");
    });
  }
});

describe("a Hub's compression", () => {
  const text = (i: number) => `message ${i} ${"the same words again and again ".repeat(100)}`;
  const compression = { threshold: 100 };

  it("happens once for all with the same window", async () => {
    const { w, hub } = await hubWorld({ ws: { compression } });
    await using _ = w;
    const counts = countingDeflater(w);
    const got: string[][] = [];
    for (let i = 0; i < 20; i++) {
      const ws = await w.connect({ compression: i < 15 ? compression : i < 18 ? { serverMaxWindowBits: 10 } : false });
      const mine: string[] = [];
      got.push(mine);
      void ws.forEach(noting(mine));
    }
    await w.pass(5);
    counts.pushes = 0;
    for (let i = 0; i < 10; i++) hub.publish("all", text(i));
    await w.pass(20);
    assertEquals(counts.pushes, 20);
    for (const mine of got) assertEquals(mine, Array.from({ length: 10 }, (_, i) => text(i)));
  });

  it("gets along with each connection's own compressor, with and without its memory", async () => {
    for (const serverNoContextTakeover of [false, true]) {
      const { w, hub } = await hubWorld({ ws: { compression: { ...compression, serverNoContextTakeover } } });
      await using _ = w;
      const [a, b] = [await w.connect({ compression }), await w.connect({ compression })];
      const got: [string[], string[]] = [[], []];
      void a.forEach(noting(got[0]));
      void b.forEach(noting(got[1]));
      await w.pass(5);
      const wanted: [string[], string[]] = [[], []];
      const words = ["only the first has seen this before ", "but this has been seen by the second "];
      for (let i = 0; i < 60; i++) {
        const own = i % 3 === 0 ? 0 : 1;
        if (i % 2 === 0) {
          // What each has seen alone comes in here, and must not be referred to.
          const shared = text(i) + words[0] + words[1];
          hub.publish("all", shared);
          for (const one of wanted) one.push(shared);
        } else {
          const alone = `${i}: ${words[own]}`.repeat(20 + 7 * i);
          w.served[own].send(alone);
          wanted[own].push(alone);
        }
        if (i % 7 === 0) await w.pass(5);
      }
      await w.pass(20);
      assertEquals(got, wanted);
      assertEquals([a.state, b.state], ["open", "open"]);
    }
  });

  it("is left out for short messages and by compress: false", async () => {
    const { w, hub } = await hubWorld({ ws: { compression } });
    await using _ = w;
    const counts = countingDeflater(w);
    const peer = await w.raw({ headers: { "sec-websocket-extensions": "permessage-deflate" } });
    hub.publish("all", "short");
    hub.publish("all", text(0), { compress: false });
    hub.publish("all", text(1));
    await w.pass(5);
    assertEquals(peer.frames.map(({ rsv1 }) => rsv1), [false, false, true]);
    assertEquals(counts.pushes, 1);
    assert(peer.frames[2].payload.length < text(1).length / 4);
  });
});

import { describe, it } from "node:test";
import { assertEquals, assertGreaterOrEqual, assertLess, assertRejects, assertThrows } from "@std/assert";
import { Gate, request } from "../support/http_world.ts";
import { echo, echoInTurn, noting, wsWorld } from "../support/websocket_world.ts";
import { joined, masked, type RawPeer, writesOf } from "../support/ws_raw.ts";
import { CONTINUATION, TEXT } from "../support/ws_wire.ts";
import { WebSocketClosedError } from "../../src/websocket/mod.ts";

/** Texts `1` to `n`. */
const numbers = (n: number): string[] => Array.from({ length: n }, (_, i) => `${i + 1}`);

describe("a WebSocket's messages", () => {
  it("come in order, by for await and by forEach()", async () => {
    for (const handler of [echo, echoInTurn]) {
      await using w = await wsWorld(handler);
      const peer = await w.raw();
      peer.send(...numbers(50), new Uint8Array(70_000));
      await w.pass(10);
      peer.send("last");
      await w.pass(10);
      assertEquals(peer.messages, [...numbers(50), "<70000>", "last"]);
    }
  });

  it("that came with the handshake are kept, and so is half a frame", async () => {
    await using w = await wsWorld(echo);
    const third = masked(TEXT, "three");
    const behind = joined(masked(TEXT, "one"), masked(TEXT, "two"), third.subarray(0, 8));
    const peer = await w.raw({ behind });
    assertEquals([peer.status, peer.messages], [101, ["one", "two"]]);
    peer.write(third.subarray(8));
    await w.pass(10);
    assertEquals(peer.messages, ["one", "two", "three"]);
  });

  it("that came with the handshake wait for a handler that asks late", async () => {
    await using w = await wsWorld(async (ws) => {
      await w.sleep(500);
      await echoInTurn(ws, w.contexts[0]);
    });
    const peer = await w.raw({ behind: joined(...numbers(20).map((text) => masked(TEXT, text))) });
    await w.pass(1000);
    assertEquals(peer.messages, numbers(20));
  });

  it("are bytes of their own", async () => {
    const kept: Uint8Array[] = [];
    await using w = await wsWorld((ws) => ws.forEach((message) => void kept.push(message as Uint8Array)));
    const peer = await w.raw();
    for (const size of [3, 300, 90_000]) peer.send(new Uint8Array(size).fill(size));
    await w.pass(10);
    for (let i = 0; i < 20; i++) peer.send(new Uint8Array(40_000).fill(99));
    await w.pass(10);
    assertEquals(kept.length, 23);
    [3, 300, 90_000].forEach((size, i) => assertEquals(kept[i], new Uint8Array(size).fill(size)));
  });

  it("wait while a promise of forEach()'s function is pending", async () => {
    const begun: string[] = [];
    await using w = await wsWorld((ws) =>
      ws.forEach(async (message) => {
        begun.push(`${message}`);
        await w.sleep(100);
        await ws.send(`done ${message}`);
      })
    );
    const peer = await w.raw();
    peer.send("1", "2", "3");
    await w.pass(150);
    assertEquals([begun, peer.messages], [["1", "2"], ["done 1"]]);
    await w.pass(200);
    assertEquals(peer.messages, ["done 1", "done 2", "done 3"]);
  });

  it("have one taker at a time", async () => {
    await using w = await wsWorld(async (ws) => {
      const all = ws.forEach(() => {});
      assertThrows(() => ws.next(), Error, "already being taken");
      await all;
    });
    const peer = await w.raw();
    peer.sayClose(1000);
    await w.pass(10);
    assertEquals([peer.close?.code, w.log], [1000, []]);
  });

  it("that nobody takes make the peer wait, and come when they are asked for", async () => {
    const gate = new Gate();
    const got: string[] = [];
    await using w = await wsWorld(async (ws) => {
      await gate.promise;
      await ws.forEach(noting(got));
    }, { ws: { readHighWaterMark: 10_000 } });
    const peer = await w.raw();
    for (let i = 0; i < 100; i++) peer.send(new Uint8Array(9000));
    await w.pass(1000);
    // One buffer's worth in our kernel and one in the peer's, and what the mark and one read let in.
    assertGreaterOrEqual(peer.conn.bytesWritten - peer.conn.bytesFlushed, 500_000);
    gate.open();
    await w.pass(10);
    assertEquals(got.length, 100);
  });

  it("are handed out between control frames", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    peer.write(masked(TEXT, "he", { fin: false }));
    peer.ping("a");
    await w.pass(5);
    peer.write(masked(CONTINUATION, "llo"));
    peer.ping("b");
    await w.pass(5);
    assertEquals([peer.seen[0], peer.seen.slice(1).sort()], ["pong a", ["pong b", "text hello"]]);
  });
});

describe("what is sent in one turn", () => {
  const replies = numbers(200);
  const sendAll = (ws: { send(text: string): Promise<void> }) => replies.forEach((text) => void ws.send(text));

  async function assertOneWrite(peer: RawPeer, sizes: number[], go: () => Promise<void>): Promise<void> {
    await go();
    assertEquals(peer.messages, replies);
    assertEquals(sizes.length, 1, `writes of ${sizes} bytes`);
  }

  it("leaves in one write, from the data callback", async () => {
    await using w = await wsWorld((ws) => ws.forEach(() => sendAll(ws)));
    const peer = await w.raw();
    await assertOneWrite(peer, writesOf(peer), async () => {
      peer.send("go");
      await w.pass(10);
    });
  });

  it("leaves in one write, from a loop and from anywhere else", async () => {
    await using w = await wsWorld(async (ws) => {
      for await (const _ of ws) sendAll(ws);
    });
    const [first, second] = await w.many(2);
    await assertOneWrite(first, writesOf(first), async () => {
      first.send("go");
      await w.pass(10);
    });
    await assertOneWrite(second, writesOf(second), async () => {
      sendAll(w.served[1]);
      await w.pass(10);
    });
  });

  it("leaves in one write when it answers many messages of one chunk", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    await assertOneWrite(peer, writesOf(peer), async () => {
      peer.send(...replies);
      await w.pass(10);
    });
  });
});

describe("a WebSocket's handler", () => {
  it("that returns closes with 1000, and FIN follows the peer's Close", async () => {
    await using w = await wsWorld(async (ws) => void await ws.next());
    const peer = await w.raw();
    peer.send("one", "two");
    await w.pass(10);
    assertEquals([peer.seen, peer.end, w.log], [["close 1000"], "fin", []]);
    assertEquals(await w.ws.closed, { code: 1000, reason: "", wasClean: true, error: undefined });
  });

  it("that breaks out of its loop closes with 1000 at once", async () => {
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) if (message === "stop") break;
      await w.sleep(1000);
    });
    const peer = await w.raw();
    peer.send("go", "stop", "more");
    await w.pass(10);
    assertEquals([peer.seen, w.ws.state], [["close 1000"], "closed"]);
    await w.pass(1000);
  });

  it("that throws closes with 1011 and is logged once", async () => {
    for (const fail of ["handler", "forEach", "later"]) {
      await using w = await wsWorld(async (ws) => {
        if (fail === "handler") throw new Error("a fault");
        await ws.forEach(async () => {
          if (fail === "later") await w.sleep(10);
          throw new Error("a fault");
        });
      });
      const peer = await w.raw();
      peer.send("one", "two");
      await w.pass(100);
      assertEquals([peer.seen, peer.end], [["close 1011 internal error"], "fin"], fail);
      assertEquals(w.log, ["error: Handler failed, dropping its connection"]);
      const { error } = w.logged.find(({ level }) => level === "error")!;
      assertEquals((error as Error).message, "a fault");
    }
  });

  it("that returned at once is heard when its forEach() fails", async () => {
    await using w = await wsWorld((ws) => {
      ws.forEach((message) => {
        if (message === "bad") throw new Error("a fault");
      });
    });
    const peer = await w.raw();
    peer.send("good");
    await w.pass(5000);
    assertEquals(peer.end, "open");
    peer.send("bad");
    await w.pass(10);
    assertEquals([peer.seen, peer.end], [["close 1011 internal error"], "fin"]);
    assertEquals(w.log, ["error: Handler failed, dropping its connection"]);
  });

  it("learns by ctx.signal that the peer is gone, and nobody else does", async () => {
    await using w = await wsWorld(async (_, ctx) => {
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    });
    const [a, b] = await w.many(2);
    a.conn.abort();
    await w.pass(10);
    assertEquals(w.contexts.map((ctx) => ctx.signal.aborted), [true, false]);
    b.conn.abort();
    await w.pass(10);
  });

  it("learns by ctx.draining of a drain, and by ctx.signal of its end", async () => {
    const told: [string, number][] = [];
    await using w = await wsWorld(async (ws, ctx) => {
      ctx.draining.addEventListener("abort", () => told.push(["draining", w.clock.now()]));
      ctx.signal.addEventListener("abort", () => told.push(["signal", w.clock.now()]));
      await ws.next();
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    }, { grace: 3000 });
    const peer = await w.raw({ answers: false });
    peer.send("never answered");
    await w.pass(100);
    const began = w.clock.now();
    await w.until(w.server.shutdown());
    assertEquals(told.map(([what]) => what), ["draining", "signal"]);
    assertEquals(told[0][1], began);
    assertGreaterOrEqual(told[1][1], began + 1500);
  });

  it("is not called for a request that asks for something else", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.ask(request("/plain"));
    assertEquals([peer.told, w.served.length], [["200 plain"], 0]);
  });
});

describe("ping()", () => {
  it("fulfils with the round trip, and roundTrip says it too", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    assertEquals(w.ws.roundTrip, null);
    const [first, second] = [w.ws.ping(), w.ws.ping("mine")];
    await w.pass(30);
    assertEquals(peer.seen.length, 2);
    peer.pong(peer.frames[0].payload);
    await w.pass(40);
    assertEquals([await w.settled(first), w.ws.roundTrip], [30, 30]);
    peer.pong("nobody's");
    peer.pong("mine");
    await w.pass(1);
    assertEquals([await w.settled(second), w.ws.roundTrip], [70, 70]);
  });

  it("is answered by the pong of a later one as well", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    const pings = [w.ws.ping("a"), w.ws.ping("b"), w.ws.ping("c")];
    await w.pass(20);
    peer.pong("b");
    await w.pass(5);
    assertEquals(await w.settled(Promise.all(pings.slice(0, 2))), [20, 20]);
    peer.conn.abort();
    await w.pass(5);
    await assertRejects(() => pings[2], WebSocketClosedError);
  });

  it("carries up to 125 bytes, and is refused when the WebSocket is closing", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw({ answers: false });
    w.ws.ping(new Uint8Array(125));
    assertThrows(() => w.ws.ping("x".repeat(126)), TypeError, "at most 125 bytes, got 126");
    w.ws.close();
    await assertRejects(() => w.ws.ping(), WebSocketClosedError, "closing");
    await w.pass(1);
    assertEquals(peer.seen.length, 2);
  });

  it("of the peer is answered with its payload", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    peer.ping("x".repeat(125));
    await w.pass(5);
    assertEquals(peer.seen, [`pong ${"x".repeat(125)}`]);
  });
});

describe("send()", () => {
  it("takes text, bytes and an ArrayBuffer, and nothing else", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    w.ws.send("text");
    w.ws.send(Uint8Array.of(1, 2, 3));
    w.ws.send(new ArrayBuffer(7));
    for (const wrong of [5, null, undefined, {}, [1]]) {
      assertThrows(() => w.ws.send(wrong as unknown as string), TypeError, "takes a string, an ArrayBuffer or a view");
    }
    await w.pass(5);
    assertEquals(peer.seen, ["text text", "binary <3>", "binary <7>"]);
  });
});

describe("the life of a WebSocket", () => {
  it("is not limited by an HTTP server's idleTimeout", async () => {
    await using w = await wsWorld(echo, { idleTimeout: 1000, ws: { heartbeat: false } });
    const peer = await w.raw();
    await w.pass(100_000);
    peer.send("still here");
    await w.pass(100_000);
    assertEquals([peer.seen, peer.end], [["text still here"], "open"]);
  });

  it("is not that of a request: no timeout of HTTP's ends it, and it takes nobody's turn", async () => {
    const limits = { readHeaderTimeout: 500, readTimeout: 500, handlerTimeout: 500, queueTimeout: 500 };
    await using w = await wsWorld(echo, { ...limits, maxConcurrentRequests: 1, ws: { heartbeat: false } });
    const peers = await w.many(3);
    assertEquals([peers.map(({ status }) => status), w.server.http.active], [[101, 101, 101], 0]);
    const half = masked(TEXT, "half");
    for (const peer of peers) peer.write(half.subarray(0, 7));
    await w.pass(10_000);
    for (const peer of peers) peer.write(half.subarray(7));
    const plain = await w.ask(request("/plain"));
    assertEquals([peers.map(({ seen }) => seen), plain.told], [Array(3).fill(["text half"]), ["200 plain"]]);
  });

  it("ends with 1001 at maxLifetime, at a quiet moment", async () => {
    await using w = await wsWorld(echo, { maxLifetime: 10_000, lifetimeJitter: 0, ws: { goingAway: "old age" } });
    const peer = await w.raw();
    await w.pass(9900);
    const began = w.clock.now();
    for (let i = 0; i < 10; i++) {
      peer.send("busy");
      await w.pass(100);
    }
    assertEquals([peer.close, peer.messages.length, w.contexts[0].draining.aborted], [null, 10, true]);
    await w.pass(550);
    assertEquals([peer.close, peer.end], [{ code: 1001, reason: "old age" }, "fin"]);
    assertLess(peer.closedAt, began + 1500);
    assertEquals(w.server.state, "running");
  });
});

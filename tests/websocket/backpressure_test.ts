import { describe, it } from "node:test";
import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { Connection } from "../../src/server/conn/connection.ts";
import { Gate } from "../support/http_world.ts";
import { echo, echoInTurn, noting, wsWorld } from "../support/websocket_world.ts";

const KB = 1024;

describe("send()'s promise", () => {
  it("fulfils at once while the peer reads, and when it has caught up otherwise", async () => {
    await using w = await wsWorld(echoInTurn);
    const peer = await w.raw();
    await w.settled(w.ws.send(new Uint8Array(30 * KB)));
    await w.pass(5);
    assertEquals(w.ws.bufferedAmount, 0);
    peer.conn.pause();
    let done = 0;
    for (let i = 0; i < 20; i++) w.ws.send(new Uint8Array(50 * KB)).then(() => done++);
    await w.pass(1000);
    assertLess(done, 10);
    assertGreaterOrEqual(w.ws.bufferedAmount, 700 * KB);
    assertLess(w.ws.bufferedAmount, 1000 * KB);
    peer.conn.resume();
    await w.pass(10);
    assertEquals([done, w.ws.bufferedAmount, peer.messages.length], [20, 0, 21]);
  });

  it("keeps a sender that awaits it near the high-water mark", async () => {
    let sent = 0;
    const gate = new Gate();
    await using w = await wsWorld(async (ws) => {
      await gate.promise;
      for (; sent < 1000; sent++) await ws.send(new Uint8Array(10 * KB));
    }, { writeHighWaterMark: 64 * KB });
    const peer = await w.raw();
    peer.conn.pause();
    gate.open();
    await w.pass(1000);
    assertLess(sent, 40);
    assertLess(w.ws.bufferedAmount, 100 * KB);
    peer.conn.resume();
    await w.until(w.ws.closed);
    assertEquals([peer.messages.length, peer.close?.code], [1000, 1000]);
  });
});

describe("a flood of small messages", () => {
  /** How often a connection stops reading while so many messages come at once. */
  async function stops(count: number): Promise<number> {
    const got: string[] = [];
    await using w = await wsWorld((ws) => ws.forEach(noting(got)));
    const peer = await w.raw();
    let paused = 0;
    const { pause } = Connection.prototype;
    Connection.prototype.pause = function () {
      paused++;
      pause.call(this);
    };
    try {
      peer.send(...Array.from({ length: count }, (_, i) => `${i}`));
      await w.pass(100);
    } finally {
      Connection.prototype.pause = pause;
    }
    assertEquals([got.length, got.at(-1)], [count, `${count - 1}`]);
    return paused;
  }

  it("leaves the others their turn after some thousands, and loses nothing", async () => {
    assertGreaterOrEqual(await stops(5000), 1);
    assertEquals(await stops(500), 0);
  });
});

describe("slowConsumer", () => {
  const maxBufferedAmount = 200 * KB;

  it("wait: everything is sent, and meanwhile the peer's own messages wait", async () => {
    const got: string[] = [];
    await using w = await wsWorld((ws) => ws.forEach(noting(got)), { ws: { maxBufferedAmount } });
    const peer = await w.raw();
    peer.conn.pause();
    for (let i = 0; i < 30; i++) w.ws.send(new Uint8Array(20 * KB));
    await w.pass(5);
    peer.send("1");
    await w.pass(5);
    // Reading stops with what has come already.
    peer.send("2", "3");
    await w.pass(5000);
    assertLess(got.length, 3);
    peer.conn.resume();
    await w.pass(10);
    assertEquals([got, peer.messages.length, w.ws.dropped], [["1", "2", "3"], 30, 0]);
  });

  it("wait: an echo of a flood from a peer that doesn't read stays within bounds, and nothing is lost", async () => {
    await using w = await wsWorld(echo, { ws: { maxBufferedAmount } });
    const peer = await w.raw();
    peer.conn.pause();
    for (let i = 0; i < 300; i++) peer.send(new Uint8Array(10 * KB));
    await w.pass(1000);
    assertLess(w.ws.bufferedAmount, 2 * maxBufferedAmount);
    peer.conn.resume();
    await w.pass(100);
    assertEquals([peer.messages.length, w.ws.dropped], [300, 0]);
  });

  it("drop: messages above the limit are dropped and counted, those before arrive whole", async () => {
    await using w = await wsWorld(echo, { ws: { maxBufferedAmount, slowConsumer: "drop" } });
    const peer = await w.raw();
    peer.conn.pause();
    let done = 0;
    for (let i = 0; i < 100; i++) {
      w.ws.send(`${i} ${"x".repeat(10 * KB)}`).then(() => done++);
      await w.pass(1);
    }
    const { dropped } = w.ws;
    assertGreaterOrEqual(dropped, 60);
    assertGreaterOrEqual(done, dropped);
    assertLess(w.ws.bufferedAmount, maxBufferedAmount + 20 * KB);
    peer.conn.resume();
    await w.pass(10);
    assertEquals(peer.messages.map((text) => parseInt(text)), Array.from({ length: 100 - dropped }, (_, i) => i));
    assertEquals(done, 100);
    w.ws.send("after");
    await w.pass(5);
    assertEquals([peer.messages.at(-1), w.ws.dropped, peer.problem], ["after", dropped, null]);
  });

  it("close: the first message above the limit closes with 1013, behind what was sent", async () => {
    await using w = await wsWorld(echo, { ws: { maxBufferedAmount, slowConsumer: "close" } });
    const peer = await w.raw();
    peer.conn.pause();
    for (let i = 0; i < 100; i++) {
      w.ws.send(new Uint8Array(10 * KB));
      await w.pass(1);
    }
    assertEquals(w.ws.state, "closing");
    assertLess(w.ws.bufferedAmount, maxBufferedAmount + 20 * KB);
    peer.conn.resume();
    await w.pass(10);
    assertEquals(peer.close, { code: 1013, reason: `more than ${maxBufferedAmount} bytes wait to be read` });
    assertEquals([peer.messages.length + w.ws.dropped, peer.end], [100, "fin"]);
    assertEquals(await w.ws.closed.then(({ code, wasClean }) => [code, wasClean]), [1013, true]);
  });

  it("does nothing to a turn's messages while the peer takes them all", async () => {
    for (const slowConsumer of ["drop", "close"] as const) {
      await using w = await wsWorld(echo, { ws: { maxBufferedAmount: 10 * KB, slowConsumer } });
      const peer = await w.raw();
      for (let i = 0; i < 10; i++) w.ws.send(new Uint8Array(5 * KB));
      await w.pass(5);
      assertEquals([peer.messages.length, w.ws.dropped, w.ws.state], [10, 0, "open"]);
    }
  });

  it("lets one large message through, however large it is", async () => {
    for (const slowConsumer of ["wait", "drop", "close"] as const) {
      await using w = await wsWorld(echo, { ws: { maxBufferedAmount, slowConsumer } });
      const peer = await w.raw();
      w.ws.send(new Uint8Array(5000 * KB));
      await w.pass(10);
      assertEquals([peer.messages, w.ws.state, w.ws.dropped], [[`<${5000 * KB}>`], "open", 0]);
    }
  });
});

describe("two ends that send to each other", () => {
  for (const size of [3_000_000, 300 * KB]) {
    it(`and await what they send, never wait for each other: ${size} bytes at a time`, async () => {
      const count = 6;
      const ws = { maxMessageBytes: 4_000_000, compression: false };
      let taken = 0;
      await using w = await wsWorld(async (server) => {
        // It reads only when all of its own is sent.
        for (let i = 0; i < count; i++) await server.send(new Uint8Array(size));
        for await (const message of server) taken += message.length;
      }, { ws });
      const client = await w.connect(ws);
      let got = 0;
      const reading = client.forEach((message) => void (got += message.length));
      const sending = (async () => {
        for (let i = 0; i < count; i++) await client.send(new Uint8Array(size));
      })();
      await w.until(sending, 5000);
      await w.until(client.close(), 5000);
      await w.until(reading, 5000);
      assertEquals([got, taken], [count * size, count * size]);
    });
  }

  it("are not held up by a heartbeat's ping either", async () => {
    const got: string[] = [];
    await using w = await wsWorld((ws) => ws.forEach(noting(got)));
    const peer = await w.raw();
    peer.conn.pause();
    void w.ws.send(new Uint8Array(300 * KB));
    await w.pass(5);
    peer.ping("beat");
    await w.pass(5);
    peer.send("heard");
    await w.pass(5);
    assertEquals(got, ["heard"]);
    peer.conn.resume();
    await w.pass(5);
    assertEquals(peer.seen.at(-1), "pong beat");
  });
});

describe("pings of a peer that doesn't read", () => {
  it("have to wait like everything else of it, and are answered then", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    peer.conn.pause();
    w.ws.send(new Uint8Array(300 * KB));
    await w.pass(1);
    for (let i = 0; i < 10; i++) peer.ping(`${i}`);
    await w.pass(10);
    const { bytesRead } = w.ws.conn;
    for (let i = 10; i < 1000; i++) peer.ping(`${i}`);
    await w.pass(10);
    assertEquals(w.ws.conn.bytesRead, bytesRead);
    assertLess(w.ws.bufferedAmount, 300 * KB);
    peer.conn.resume();
    await w.pass(10);
    // Of those that came before there was room, the last is answered.
    assertEquals(peer.seen.length, 993);
    assertEquals([peer.seen[0], peer.seen[992]], [`binary <${300 * KB}>`, "pong 999"]);
    peer.ping("next");
    await w.pass(5);
    assertEquals(peer.seen.at(-1), "pong next");
  });
});

describe("messages that nobody takes", () => {
  for (const push of [false, true]) {
    it(`are bounded, and a Close behind them is seen when all are dealt with, by ${push ? "forEach" : "for await"}`, async () => {
      const gate = new Gate();
      const got: string[] = [];
      await using w = await wsWorld(async (ws) => {
        await gate.promise;
        if (push) return await ws.forEach((message) => w.sleep(5).then(() => noting(got)(message)));
        for await (const message of ws) {
          await w.sleep(5);
          noting(got)(message);
        }
      }, { ws: { readHighWaterMark: 20 * KB } });
      const peer = await w.raw();
      for (let i = 0; i < 50; i++) peer.send(new Uint8Array(10 * KB));
      peer.send(...Array.from({ length: 10 }, () => new Uint8Array(5 * KB)));
      peer.sayClose(4000);
      await w.pass(2000);
      assertEquals([w.ws.state, peer.close], ["open", null]);
      assert(peer.socket.unsent > 0);
      gate.open();
      await w.until(w.ws.closed);
      await w.pass(5);
      assertEquals([got.length, peer.close?.code, peer.end], [60, 4000, "fin"]);
    });
  }
});

import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { memoryAdapter } from "../../../adapters/memory/mod.ts";
import { type Clock, silentLogger } from "../../../mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { VirtualClock } from "../../../src/testing/clock.ts";
import { connectWebSocket, upgradeWebSocket, type WebSocketConn } from "../../../src/websocket/mod.ts";
import { ConnectionDroppedError } from "../../../src/websocket/reconnect/mod.ts";
import { setUp } from "../../fixtures/reconnect_tools.ts";

const BEAT = "\0heartbeat.sluice";

describe("a heartbeat", () => {
  it("asks after a silence of interval, and gives the connection up after timeout", async () => {
    const t = setUp({ heartbeat: { message: "ping", interval: 1000, timeout: 500 }, minDelay: 100 });
    const socket = await t.opened();
    await t.clock.advance(999);
    assertEquals(socket.sent, []);
    await t.clock.advance(1);
    assertEquals(socket.sent, ["ping"]);
    await t.clock.advance(500);
    assertEquals([t.states, t.ends[0].code], [["open", "waiting 50"], 1006]);
    assertInstanceOf(t.ends[0].error, ConnectionDroppedError);
  });

  it("takes any message for a sign of life, and hands it on", async () => {
    const t = setUp({ heartbeat: { message: () => Uint8Array.of(9), interval: 1000, timeout: 500 } });
    const socket = await t.opened();
    for (let i = 0; i < 20; i++) {
      await t.clock.advance(900);
      socket.events.message(`${i}`);
    }
    assertEquals(socket.sent, [], "whoever talks needs not be asked");
    await t.clock.advance(1400);
    socket.events.message("late, but there");
    await t.clock.advance(900);
    assertEquals([t.states, socket.sent, t.messages.length], [["open"], [Uint8Array.of(9)], 21]);
  });

  it("is Sluice's own where the server has shown that it knows it, and goes unnoticed", async () => {
    const t = setUp({ farewell: true, heartbeat: { interval: 1000, timeout: 500 } });
    const first = await t.opened();
    await t.clock.advance(60_000);
    assertEquals([t.states, first.sent, t.clock.pending], [["open"], [], 0], "this one has not");
    first.events.message(BEAT);
    await t.clock.advance(1000);
    assertEquals(first.sent, [BEAT]);
    first.events.message(BEAT);
    await t.clock.advance(1000);
    assertEquals([first.sent, t.messages, t.states], [[BEAT, BEAT], [], ["open"]]);
    await t.clock.advance(500);
    assertEquals(t.client.state, "waiting");
  });

  it("is left to a transport that pings, unless there is a message of one's own", async () => {
    for (const message of [undefined, "ping"]) {
      const t = setUp({ farewell: true, heartbeat: { message, interval: 1000 } });
      await t.clock.settle();
      Object.assign(t.last, { pings: true });
      t.last.open();
      t.last.events.message(BEAT);
      await t.clock.advance(1000);
      assertEquals([t.last.sent, t.messages], message === undefined ? [[], []] : [["ping"], [BEAT]]);
    }
  });

  it("hands on what looks like Sluice's, where it was not offered", async () => {
    const t = setUp();
    (await t.opened()).events.message(BEAT);
    assertEquals(t.messages, [BEAT]);
  });

  it("doesn't conclude anything from a timer that slept with its page", async () => {
    let asleep = 0;
    const clock: Clock = {
      now: () => t.clock.now() + asleep,
      setTimer: (fn, delay) => t.clock.setTimer(fn, delay),
      soon: (fn) => t.clock.soon(fn),
    };
    const t = setUp({ clock, heartbeat: { message: "ping", interval: 1000, timeout: 500 } });
    const socket = await t.opened();
    await t.clock.advance(1000);
    assertEquals(socket.sent, ["ping"]);
    // The page freezes: no timer for an hour, and the answer waits in its queue.
    asleep = 3_600_000;
    await t.clock.advance(500);
    assertEquals([t.states, socket.sent], [["open"], ["ping", "ping"]]);
    socket.events.message("both answers");
    await t.clock.advance(500);
    assertEquals(t.states, ["open"]);
  });

  it("sees that the server takes what is sent", async () => {
    const t = setUp({ heartbeat: { message: "ping", interval: 1000, timeout: 500 } });
    const socket = await t.opened();
    socket.bufferedAmount = 1_000_000;
    for (let i = 0; i < 20; i++) {
      await t.clock.advance(250);
      socket.bufferedAmount -= 10_000;
    }
    assertEquals(t.states, ["open"], "a long upload");
    await t.clock.advance(1500);
    assertEquals(t.ends.length, 1);
  });

  it("doesn't begin again when a beat comes while it closes", async () => {
    const t = setUp({ farewell: true, heartbeat: { interval: 100, timeout: 50 }, closeTimeout: 1000 });
    const socket = await t.opened();
    void t.client.close();
    socket.events.message(BEAT);
    await t.clock.advance(999);
    assertEquals([t.client.state, t.clock.pending], ["closing", 1]);
    socket.end(1000);
    assertEquals([t.ends[0].code, t.client.state], [1000, "closed"]);
  });

  it("stops with the connection, and with close()", async () => {
    const t = setUp({ heartbeat: { message: "ping", interval: 1000 }, stableAfter: 0 });
    const socket = await t.opened();
    await t.clock.advance(1);
    assertEquals(t.clock.pending, 1);
    socket.end(1008);
    assertEquals([t.client.state, t.clock.pending], ["closed", 0]);
    const closing = setUp({ heartbeat: { message: "ping", timeout: 1000 } });
    await closing.opened();
    closing.page.tell("offline");
    void closing.client.close();
    assertEquals([closing.client.state, closing.clock.pending], ["closing", 1], "the wait for its Close");
  });
});

describe("a server's answer to a client that can't ping", () => {
  const PROTOCOLS = ["chat", "farewell.sluice", "heartbeat.sluice"];

  async function rig(handler: (ws: WebSocketConn) => Promise<void>, protocols: string[], ours: string[] = []) {
    const clock = new VirtualClock({ turns: 2 });
    const adapter = memoryAdapter({ clock });
    const options = { port: 0, hostname: "127.0.0.1", adapter, clock, logger: silentLogger };
    const server = await serveHttp(options, (request) => upgradeWebSocket(request, handler, { protocols: ours }));
    const ws = connectWebSocket(server.url, { adapter, clock, protocols });
    await clock.advance(10);
    return { clock, server, ws: await ws };
  }

  it("comes first of all, and once for each question; handlers see none", async () => {
    const seen: unknown[] = [];
    const { clock, server, ws } = await rig(async (ws) => {
      void ws.send("welcome");
      for await (const message of ws) seen.push(message);
    }, PROTOCOLS);
    const heard: unknown[] = [];
    const over = ws.forEach((message) => void heard.push(message));
    for (const text of [BEAT, "a", BEAT, `${BEAT}!`]) void ws.send(text);
    await clock.advance(10);
    assertEquals([heard, seen], [[BEAT, "welcome", BEAT, BEAT], ["a", `${BEAT}!`]]);
    assertEquals(ws.protocol, "farewell.sluice");
    void server.shutdown();
    await clock.advance(10_000);
    await over;
  });

  it("comes beside the application's own subprotocol", async () => {
    const { clock, server, ws } = await rig(async (ws) => void await ws.next(), PROTOCOLS, ["chat"]);
    const first = ws.next();
    await clock.advance(10);
    assertEquals([(await first).value, ws.protocol], [BEAT, "chat"]);
    ws.abort();
    await clock.advance(10);
    await server.close();
  });

  it("is nobody else's", async () => {
    const seen: unknown[] = [];
    const { clock, server, ws } = await rig(async (ws) => void seen.push((await ws.next()).value), ["farewell.sluice"]);
    void ws.send(BEAT);
    await clock.advance(10);
    assertEquals(seen, [BEAT]);
    ws.abort();
    await clock.advance(10);
    await server.close();
  });

  it("is not piled up for a peer that asks and never reads", async () => {
    let most = 0;
    const { clock, server, ws } = await rig(async (ws) => {
      for await (const _ of ws) most = Math.max(most, ws.bufferedAmount);
    }, PROTOCOLS);
    for (let i = 0; i < 400; i++) {
      for (let j = 0; j < 100; j++) void ws.send(BEAT);
      void ws.send("and a message");
      await clock.advance(5);
    }
    assert(most < 100_000, `${most} bytes wait`);
    ws.abort();
    await clock.advance(100);
    await server.close();
  });

  it("owes nobody an answer: a drain ends a connection that only beats", async () => {
    const { clock, server, ws } = await rig(async (ws) => {
      for await (const message of ws) await ws.send(message);
    }, PROTOCOLS);
    const over = ws.forEach(() => {});
    for (let i = 0; i < 10; i++) {
      void ws.send(BEAT);
      await clock.advance(100);
    }
    const report = server.shutdown();
    await clock.advance(1400);
    assertEquals([(await report).clean, (await ws.closed).code], [true, 1001]);
    await over;
  });
});

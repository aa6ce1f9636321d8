import { describe, it } from "node:test";
import { assert, assertEquals, assertGreaterOrEqual, assertInstanceOf, assertLess } from "@std/assert";
import { DeadlineError } from "../../mod.ts";
import { echo, echoInTurn, wsWorld } from "../support/websocket_world.ts";
import { masked, type RawPeer } from "../support/ws_raw.ts";
import { TEXT } from "../support/ws_wire.ts";

const heartbeat = { interval: 1000, timeout: 300, misses: 1 };
/** From the last byte to the end of a peer that says nothing more. */
const LIMIT = 1000 + 2 * 300;
/** Timers are coarse. */
const SLACK = 80;

/** Pongs every ping from now on. */
function ponging(peer: RawPeer): void {
  let seen = peer.frames.length;
  const follow = async () => {
    while (peer.end === "open") {
      await peer.changed();
      for (const one of peer.frames.slice(seen)) if (one.opcode === 9) peer.pong(one.payload);
      seen = peer.frames.length;
    }
  };
  void follow();
}

const pings = (peer: RawPeer) => peer.seen.filter((one) => one.startsWith("ping")).length;

describe("a heartbeat", () => {
  it("pings after a silent interval, and a peer that pongs lives for ever", async () => {
    await using w = await wsWorld(echo, { ws: { heartbeat } });
    const peer = await w.raw();
    ponging(peer);
    await w.pass(900);
    assertEquals(pings(peer), 0);
    await w.pass(200);
    assertEquals(pings(peer), 1);
    await w.pass(60_000);
    assertEquals([peer.end, w.log], ["open", []]);
    assertGreaterOrEqual(pings(peer), 50);
    assert(w.ws.roundTrip !== null && w.ws.roundTrip < 50);
  });

  it("takes any byte for life: messages, foreign pongs, a frame that comes in drops", async () => {
    const kinds: [string, (peer: RawPeer, i: number) => void][] = [
      ["messages", (peer) => peer.send("x")],
      ["pongs that answer nothing", (peer) => peer.pong("unasked")],
      ["drops", (peer, i) => peer.write(masked(TEXT, "x".repeat(100)).subarray(i % 106, i % 106 + 1))],
    ];
    for (const [what, say] of kinds) {
      await using w = await wsWorld(echoInTurn, { ws: { heartbeat } });
      const peer = await w.raw();
      for (let i = 0; i < 50; i++) {
        say(peer, i);
        await w.pass(900);
      }
      assertEquals([pings(peer), peer.end], [0, "open"], what);
    }
  });

  it("finds a dead peer within interval + (misses + 1) * timeout, and tells", async () => {
    for (const misses of [0, 1, 3]) {
      await using w = await wsWorld(echoInTurn, { ws: { heartbeat: { ...heartbeat, misses } } });
      const [peer, other] = await w.many(2);
      ponging(peer);
      ponging(other);
      await w.pass(3456);
      peer.send("alive");
      await w.pass(1);
      const began = w.clock.now();
      peer.socket.vanish();
      let endedAt = -1;
      w.ws.closed.then(() => endedAt = w.clock.now());
      const limit = 1000 + (misses + 1) * 300;
      await w.pass(limit - 20);
      assertEquals(endedAt, -1, `${misses} misses`);
      await w.pass(SLACK + 20);
      assertGreaterOrEqual(endedAt, began + limit - 20);
      assertLess(endedAt, began + limit + SLACK);
      const { code, wasClean, error } = await w.settled(w.ws.closed);
      assertEquals([code, wasClean], [1006, false]);
      assertInstanceOf(error, DeadlineError);
      assertEquals(w.log, ["info: A WebSocket's peer is gone, dropping its connection"]);
      assertEquals([other.end, w.server.connections.size], ["open", 1]);
      peer.conn.abort();
    }
  });

  it("forgives anew after each sign of life", async () => {
    await using w = await wsWorld(echo, { ws: { heartbeat } });
    const peer = await w.raw();
    // Each first ping goes unanswered, each second one is answered.
    for (let i = 1; i <= 10; i++) {
      while (pings(peer) < 2 * i && peer.end === "open") await w.pass(25);
      peer.pong("late");
    }
    assertEquals([pings(peer), peer.end], [20, "open"]);
  });

  it("finds a peer that was silent from the beginning, on either side", async () => {
    await using w = await wsWorld(echoInTurn, { ws: { heartbeat: false } });
    await using v = await wsWorld(echoInTurn, { idleTimeout: 0, readHeaderTimeout: 0, ws: { heartbeat } });
    const ws = await w.connect({ heartbeat });
    const peer = await v.raw();
    const ends = [ws.closed.then(() => w.clock.now()), v.ws.closed.then(() => v.clock.now())];
    const [a, b] = [w.clock.now(), v.clock.now()];
    (ws.conn as unknown as RawPeer).socket.vanish();
    peer.socket.vanish();
    await w.pass(LIMIT + SLACK);
    await v.pass(LIMIT + SLACK);
    assertEquals([ws.state, v.ws.state], ["closed", "closed"]);
    assertLess(await ends[0], a + LIMIT + SLACK);
    assertLess(await ends[1], b + LIMIT + SLACK);
    w.ws.abort();
  });

  it("takes no silence of our own making for death", async () => {
    const got: number[] = [];
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) {
        await w.sleep(10_000);
        got.push(message.length);
      }
    }, { ws: { heartbeat, readHighWaterMark: 1000 } });
    const peer = await w.raw();
    for (let i = 0; i < 300; i++) peer.send(new Uint8Array(900));
    await w.pass(60_000);
    assertEquals([peer.end, got.length > 3], ["open", true]);
    peer.conn.abort();
    // What had come is handed out all the same.
    await w.pass(3_000_000);
    assert(got.length > 60);
  });

  it("takes the progress of a large message for life", async () => {
    await using w = await wsWorld(echo, { ws: { heartbeat } });
    const peer = await w.raw();
    peer.conn.pause();
    w.ws.send(new Uint8Array(3 << 20));
    await w.pass(10);
    // A buffer's worth each half second, for many times as long as a silent peer would live.
    w.adapter.faults = { stall: 1, stallTime: 500 };
    peer.conn.resume();
    await w.pass(20_000);
    assertEquals([peer.end, w.ws.state], ["open", "open"]);
    assertGreaterOrEqual(w.ws.bufferedAmount, 100_000);
    await w.pass(3500);
    w.adapter.faults = {};
    ponging(peer);
    await w.pass(500);
    assertEquals(peer.messages, [`<${3 << 20}>`]);
  });

  it("finds a dead peer that has not taken what was sent", async () => {
    for (const slowConsumer of ["wait", "drop", "close"] as const) {
      for (const size of [200_000, 5_000_000]) {
        await using w = await wsWorld(echoInTurn, { ws: { heartbeat, slowConsumer, closeTimeout: 800 } });
        const peer = await w.raw();
        peer.conn.pause();
        w.ws.send(new Uint8Array(size));
        await w.pass(1);
        // What comes now makes the server stop reading, if it waits for slow peers.
        peer.send("one");
        await w.pass(1);
        peer.socket.vanish();
        const began = w.clock.now();
        let endedAt = Infinity;
        w.ws.closed.then(() => endedAt = w.clock.now());
        await w.pass(10_000);
        // The first look may see what was taken before.
        assertLess(endedAt, began + LIMIT + heartbeat.interval + SLACK, `${slowConsumer}, ${size} bytes`);
        peer.conn.abort();
      }
    }
  });

  it("can be left out", async () => {
    await using w = await wsWorld(echo, { ws: { heartbeat: false } });
    const peer = await w.raw();
    await w.pass(1_000_000);
    assertEquals([peer.seen, peer.end], [[], "open"]);
  });

  it("pings after 30 seconds and forgives one of 10, by default", async () => {
    await using w = await wsWorld(echoInTurn);
    const peer = await w.raw();
    await w.pass(29_900);
    assertEquals(pings(peer), 0);
    await w.pass(200);
    assertEquals(pings(peer), 1);
    await w.pass(19_700);
    assertEquals([pings(peer), peer.end], [2, "open"]);
    await w.pass(400);
    assertEquals(peer.end, "reset");
  });

  it("is silent while a Close waits for its answer", async () => {
    await using w = await wsWorld(echoInTurn, { ws: { heartbeat, closeTimeout: 10_000 } });
    const peer = await w.raw({ answers: false });
    w.ws.close();
    await w.pass(9000);
    assertEquals([peer.seen, peer.end], [["close 1000"], "open"]);
    peer.sayClose(1000);
    await w.pass(10);
    assertEquals([peer.end, (await w.ws.closed).wasClean], ["fin", true]);
  });
});

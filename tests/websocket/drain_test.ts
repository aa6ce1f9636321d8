import { describe, it } from "node:test";
import { assertEquals, assertGreaterOrEqual, assertLess, assertMatch } from "@std/assert";
import type { WebSocketConn } from "../../src/websocket/mod.ts";
import { drain, request } from "../support/http_world.ts";
import { drained, drainOf, echo, echoInTurn, noting, pingPong, wsWorld } from "../support/websocket_world.ts";
import { handshake, masked, type RawPeer } from "../support/ws_raw.ts";
import { TEXT } from "../support/ws_wire.ts";

/** Keeps `window` messages in flight until the Close; says how many were sent before it was seen. */
function keepSending(peer: RawPeer, window: number): { sent: number } {
  const state = { sent: 0 };
  const send = () => peer.send(`${state.sent++}`);
  peer.onMessage = () => {
    if (peer.close === null) send();
  };
  for (let i = 0; i < window; i++) send();
  return state;
}

describe("a drain", () => {
  it("closes a silent WebSocket with 1001 after idleGrace", async () => {
    await using w = await wsWorld(echoInTurn, { idleGrace: 3000 });
    const [fresh, used] = await w.many(2);
    used.send("x");
    await w.pass(1000);
    const { report, began } = await drained(w);
    for (const peer of [fresh, used]) {
      assertEquals([peer.close, peer.end], [{ code: 1001, reason: "going away" }, "fin"]);
      assertGreaterOrEqual(peer.closedAt, began + 3000);
      assertLess(peer.closedAt, began + 3060);
    }
    assertEquals([report.clean, report.connections.cut, w.log], [true, 0, []]);
    assertEquals((await w.ws.closed).wasClean, true);
  });

  it("gives an upgrade 503 and Retry-After when the listener is closed", async () => {
    for (const lameDuck of [0, 500]) {
      await using w = await wsWorld(echo, { lameDuck, idleGrace: 1000 });
      const peer = await w.peer();
      await w.pass(5);
      const { report } = drain(w);
      await w.pass(lameDuck + 10);
      peer.ask(handshake());
      await w.pass(10);
      assertEquals([peer.statuses, w.served.length], [[503], 0]);
      assertMatch(peer.last.headers.get("retry-after") ?? "", /^\d+$/);
      assertEquals((await w.until(report)).clean, true);
    }
  });

  it("lets an upgrade in during the lame duck, which takes part in the drain like all others", async () => {
    const draining: boolean[] = [];
    await using w = await wsWorld(async (ws, ctx) => {
      for await (const message of ws) {
        draining.push(ctx.draining.aborted);
        await ws.send(message);
      }
      draining.push(ctx.draining.aborted);
    }, { lameDuck: 500, acceptQuiet: 500 });
    const there = await w.peer();
    await w.pass(5);
    const { report } = drain(w);
    await w.pass(100);
    there.ask(handshake());
    const fresh = await w.raw();
    await w.pass(5);
    fresh.send("hello");
    await w.pass(300);
    assertEquals([there.text.slice(0, 12), fresh.seen, w.served.length, draining], ["HTTP/1.1 101", ["text hello"], 2, [
      false,
    ]]);
    // It knows of no Close.
    there.conn.abort();
    assertEquals((await w.until(report)).clean, true);
    assertEquals([fresh.close?.code, fresh.end, draining], [1001, "fin", [false, false, true]]);
  });

  it("still lets requests be answered on other connections", async () => {
    await using w = await wsWorld(echo, { idleGrace: 1000 });
    const [ws, plain] = [await w.raw(), await w.peer()];
    const { report } = drain(w);
    await w.pass(50);
    plain.ask(request("/plain"));
    assertEquals([(await w.until(report)).clean, plain.told, ws.close?.code], [true, ["200 plain, close"], 1001]);
  });

  it("serves a busy WebSocket on until its first quiet moment", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    const { report, since } = drainOf(w);
    for (let i = 0; i < 20; i++) {
      peer.send(`${i}`);
      await w.pass(100);
    }
    assertEquals([peer.messages.length, peer.close], [20, null]);
    await w.until(report);
    assertEquals([peer.close?.code, peer.end, (await report).clean], [1001, "fin", true]);
    assertGreaterOrEqual(since(peer), 1900 + 250);
    assertLess(since(peer), 1900 + 480);
  });

  it("counts a message that is being dealt with as busy, however long it takes", async () => {
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) {
        await w.sleep(2000);
        await ws.send(`done ${message}`);
      }
    });
    const peer = await w.raw();
    peer.send("work");
    await w.pass(10);
    const { report } = await drained(w);
    assertEquals([peer.seen, peer.end, report.clean], [["text done work", "close 1001 going away"], "fin", true]);
  });

  it("lets the rest of a message come", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    const bytes = masked(TEXT, "two parts");
    peer.write(bytes.subarray(0, 8));
    const { report } = drainOf(w);
    await w.pass(1000);
    assertEquals(peer.close, null);
    peer.write(bytes.subarray(8));
    await w.until(report);
    assertEquals([peer.seen, (await report).clean], [["text two parts", "close 1001 going away"], true]);
  });

  it("says what goingAway says", async () => {
    await using w = await wsWorld(echo, { ws: { goingAway: "deploying" } });
    const peer = await w.raw();
    await drained(w);
    assertEquals(peer.close, { code: 1001, reason: "deploying" });
  });

  it("handles what comes between our Close and the peer's; answers are counted as dropped", async () => {
    const got: string[] = [];
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) {
        await w.sleep(20);
        noting(got)(message);
        ws.send(message);
      }
    });
    const peer = await w.raw({ answers: false });
    const { report } = drainOf(w);
    await w.pass(1100);
    assertEquals(peer.close?.code, 1001);
    for (let i = 0; i < 10; i++) {
      peer.send(`${i}`);
      await w.pass(10);
    }
    peer.sayClose(1001);
    await w.until(report);
    assertEquals(got, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assertEquals([w.ws.dropped, peer.end, (await report).clean], [10, "fin", true]);
    assertEquals((await report).afterFin.messages, 0);
  });

  it("handles 50 messages that are in flight at the signal, and answers them before the Close", async () => {
    for (const ms of [0, 20]) {
      await using w = await wsWorld(async (ws) => {
        for await (const message of ws) {
          if (ms > 0) await w.sleep(ms);
          ws.send(`re ${message}`);
        }
      });
      const peer = await w.raw();
      for (let i = 0; i < 50; i++) peer.send(`${i}`);
      const { report } = drainOf(w);
      await w.until(report);
      assertEquals(peer.messages, Array.from({ length: 50 }, (_, i) => `re ${i}`));
      assertEquals([peer.seen[50], (await report).clean], ["close 1001 going away", true]);
    }
  });
});

describe("a drain that waits for the peer's Close", () => {
  /** Handles each message in 30 ms; the peer sends 40 and its Close when it sees ours, more than may wait here. */
  async function behind(options: { readonly grace: number }): Promise<{ handled: number; cut: number; code: number }> {
    let handled = 0;
    await using w = await wsWorld(async (ws) => {
      for await (const _ of ws) {
        await w.sleep(30);
        handled++;
      }
    }, { ...options, ws: { closeTimeout: 500, readHighWaterMark: 100 } });
    const peer = await w.raw({ answers: false });
    peer.onClose = () => {
      for (let i = 0; i < 40; i++) peer.send("x".repeat(50));
      peer.sayClose(1001);
    };
    const report = await w.until(drainOf(w).report);
    return { handled, cut: report.connections.cut, code: (await w.ws.closed).code };
  }

  it("goes on while its own handler has not got so far, however short the close timeout", async () => {
    assertEquals(await behind({ grace: 10_000 }), { handled: 40, cut: 0, code: 1001 });
  });

  it("is bounded by the grace", async () => {
    const { handled, cut, code } = await behind({ grace: 1000 });
    assertEquals([cut, code], [1, 1006]);
    assertLess(handled, 40);
  });

  it("goes on while a message is on its way, and no longer", async () => {
    // A peer that was seen to need 800 ms gets them; six seconds are no rhythm that a stop could wait for.
    for (const [every, ends] of [[300, "fin"], [800, "fin"], [6000, "reset"]] as const) {
      await using w = await wsWorld(echo, { grace: 20_000, ws: { closeTimeout: 500 } });
      const peer = await w.raw({ answers: false });
      const { report } = drainOf(w);
      await w.pass(300);
      const bytes = masked(TEXT, "0123456789");
      for (const byte of bytes) {
        peer.write(Uint8Array.of(byte));
        await w.pass(every);
      }
      peer.sayClose(1001);
      await w.until(report);
      assertEquals(peer.end, ends);
    }
  });
});

describe("a drain whose patience is over", () => {
  it("ends a ping-pong that never pauses, and every message is answered", async () => {
    await using w = await wsWorld(echo, { patience: 1000, faults: { delay: 1, maxDelay: 5 } });
    const peers = await w.many(5);
    await w.pass(20);
    for (const peer of peers) pingPong(peer);
    await w.pass(100);
    const { report, since } = drainOf(w);
    await w.pass(950);
    assertEquals(peers.map((peer) => peer.close), Array(5).fill(null));
    await w.until(report);
    for (const peer of peers) {
      assertEquals([peer.close?.code, peer.end, peer.problem], [1001, "fin", null]);
      assertLess(since(peer), 1000 + 400);
      peer.messages.forEach((text, i) => assertEquals(text, `${i}`));
    }
    // One message of each may cross the Close: it is handled, and its answer counted.
    assertEquals((await report).clean, true);
  });

  it("loses nothing of a client with 32 messages in flight that never stops", async () => {
    for (const handler of [echo, echoInTurn]) {
      await using w = await wsWorld(handler, { patience: 1000, faults: { delay: 1, maxDelay: 5 } });
      const peer = await w.raw();
      const state = keepSending(peer, 32);
      await w.pass(100);
      const { report, since } = drainOf(w);
      await w.until(report);
      assertEquals([peer.close?.code, peer.end, (await report).clean], [1001, "fin", true]);
      assertEquals([state.sent, w.ws.dropped], [peer.messages.length, 0]);
      assertGreaterOrEqual(since(peer), 1000);
      assertLess(since(peer), 1400);
    }
  });

  it("closes with 1001 although a handler holds on to a message", async () => {
    await using w = await wsWorld(async (ws) => {
      await ws.next();
      // A usual form: a greeting, then nothing but what is published.
      await ws.closed;
    }, { patience: 1000 });
    const peer = await w.raw();
    peer.send("hello");
    await w.pass(10);
    const { report, since } = drainOf(w);
    await w.until(report);
    assertEquals([peer.close?.code, peer.end, (await report).clean], [1001, "fin", true]);
    assertLess(since(peer), 1400);
  });

  it("closes with 1001 although a client sends more than its handler can take", async () => {
    const got: string[] = [];
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) {
        await w.sleep(20);
        got.push(`${message}`);
        ws.send(message);
      }
    }, { patience: 1000, grace: 20_000 });
    const peer = await w.raw();
    let sent = 0;
    let over = false;
    peer.onClose = () => over = true;
    const { report, since } = drainOf(w);
    while (!over && w.clock.now() < 15_000) {
      peer.send(`${sent++}`);
      await w.pass(10);
    }
    const { clean } = await w.until(report);
    assertEquals([peer.close?.code, clean], [1001, true]);
    // What was on its way by idleGrace after the hold is answered; it takes twice as long to handle as to send.
    assertLess(since(peer), 5500);
    assertEquals(got.length, sent);
    assertEquals(peer.messages.length + w.ws.dropped, sent);
  });

  it("closes between two messages of a stream that never pauses, when patience is over", async () => {
    await using w = await wsWorld(async (ws, ctx) => {
      for (let i = 0; !ctx.signal.aborted && ws.state === "open"; i++) {
        await ws.send(`${i}`);
        await w.sleep(5);
      }
    }, { patience: 1000 });
    const peer = await w.raw();
    const { report, since } = drainOf(w);
    await w.until(report);
    assertEquals([peer.close?.code, peer.end, (await report).clean], [1001, "fin", true]);
    assertGreaterOrEqual(since(peer), 1000);
    assertLess(since(peer), 1400);
    assertGreaterOrEqual(peer.messages.length, 150);
  });
});

describe("a drain's Close", () => {
  /** Twenty messages of 1 MiB. */
  const sendBig = (ws: WebSocketConn) => {
    for (let i = 0; i < 20; i++) ws.send(new Uint8Array(1 << 20));
  };

  it("waits for 20 MB that are queued to a client that reads slowly", async () => {
    await using w = await wsWorld(echo, { grace: 60_000, ws: { closeTimeout: 1000 } });
    const peer = await w.raw();
    // It takes nothing for a while, then a buffer's worth now and then.
    peer.conn.pause();
    sendBig(w.ws);
    const { report, since } = drainOf(w);
    await w.pass(900);
    w.adapter.faults = { stall: 1, stallTime: 15, merge: 1 };
    peer.conn.resume();
    const { clean } = await w.until(report);
    assertGreaterOrEqual(since(peer), 5000);
    assertEquals([peer.messages.length, peer.seen[20], clean], [20, "close 1001 going away", true]);
  });

  it("gives the client all of closeTimeout from the moment when it has everything", async () => {
    await using w = await wsWorld(echo, { grace: 60_000, ws: { closeTimeout: 3000 } });
    const peer = await w.raw({ answers: false });
    peer.conn.pause();
    sendBig(w.ws);
    const { report } = drainOf(w);
    // All is taken shortly before the first time that it is looked at.
    await w.pass(2900);
    peer.conn.resume();
    await w.pass(2800);
    assertEquals([peer.messages.length, peer.close?.code, peer.end], [20, 1001, "open"]);
    peer.sayClose(1001);
    const { clean } = await w.until(report);
    assertEquals([peer.end, clean], ["fin", true]);
  });

  it("is not answered: the client is cut at closeTimeout and named", async () => {
    await using w = await wsWorld(echo, { ws: { closeTimeout: 1000 } });
    const [silent, other] = [await w.raw({ answers: false }), await w.raw()];
    const { report, began } = await drained(w);
    assertEquals([silent.close?.code, silent.end, other.end], [1001, "reset", "fin"]);
    assertGreaterOrEqual(silent.endedAt, began + 2000);
    assertLess(silent.endedAt, began + 2100);
    const { local } = silent.conn;
    const name = local.transport === "tcp" ? `${local.hostname}:${local.port}` : "";
    assertEquals([report.clean, report.cut.map(({ peer }) => peer)], [false, [name]]);
    assertEquals((await w.ws.closed).code, 1006);
  });

  it("is not answered, but the connection is: FIN is as good for the others, and not clean inside", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw({ answers: false });
    const { report } = drainOf(w);
    await w.pass(1100);
    peer.conn.close();
    await w.until(report);
    assertEquals([peer.close?.code, (await w.ws.closed).code, (await w.ws.closed).wasClean], [1001, 1006, false]);
  });

  it("comes at once when a second stop forces the end", async () => {
    await using w = await wsWorld(async (ws) => {
      await ws.next();
      await ws.closed;
    });
    const peer = await w.raw();
    peer.send("held");
    const { report } = drainOf(w);
    await w.pass(500);
    void w.server.close();
    const { forced, cut } = await w.until(report);
    assertEquals([forced, cut.length, peer.end], [true, 1, "reset"]);
  });

  it("comes also to a handler that does nothing but wait", async () => {
    await using w = await wsWorld((_, ctx) =>
      new Promise((resolve) => ctx.signal.addEventListener("abort", () => resolve()))
    );
    const peer = await w.raw();
    peer.send("nobody takes it");
    await w.pass(1000);
    const { report, since } = drainOf(w);
    await w.until(report);
    assertEquals([peer.seen, peer.end, (await report).clean], [["close 1001 going away"], "fin", true]);
    assertLess(since(peer), 6000);
  });
});

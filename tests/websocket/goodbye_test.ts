import { describe, it } from "node:test";
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../mod.ts";
import { parseFarewell, type WebSocketConn } from "../../src/websocket/mod.ts";
import { drained, drainOf, echo, pingPong, wsWorld, type WsWorldOptions } from "../support/websocket_world.ts";

describe("lastMessage", () => {
  const asked: WebSocketConn[] = [];
  const forms: [string, WsWorldOptions["ws"], string[]][] = [
    ["a text", { lastMessage: () => "bye" }, ["text bye", "close 1001 going away"]],
    ["bytes", { lastMessage: () => new Uint8Array(3) }, ["binary <3>", "close 1001 going away"]],
    ["nothing", { lastMessage: () => {} }, ["close 1001 going away"]],
    ["what it sends itself", { lastMessage: (ws) => (ws.send("a"), "b") }, [
      "text a",
      "text b",
      "close 1001 going away",
    ]],
  ];
  for (const [what, ws, seen] of forms) {
    it(`that gives ${what} is sent before the Close`, async () => {
      await using w = await wsWorld(echo, { ws });
      const peer = await w.raw();
      const { report } = await drained(w);
      assertEquals([peer.seen, peer.end, report.clean], [seen, "fin", true]);
    });
  }

  it("may take its time: what comes meanwhile is answered", async () => {
    await using w = await wsWorld(echo, {
      ws: {
        lastMessage: async (ws) => {
          asked.push(ws);
          await w.sleep(500);
          return "bye";
        },
      },
    });
    const peer = await w.raw();
    const { report } = drainOf(w);
    await w.pass(400);
    peer.send("still?");
    await w.until(report);
    assertEquals(peer.seen, ["text still?", "text bye", "close 1001 going away"]);
    assertEquals([asked.length, asked[0] === w.ws], [1, true]);
  });

  it("that fails is logged, and the Close goes out", async () => {
    for (const later of [false, true]) {
      await using w = await wsWorld(echo, {
        ws: {
          lastMessage: () => {
            const error = new Error("no words");
            if (later) return Promise.reject(error);
            throw error;
          },
        },
      });
      const peer = await w.raw();
      const { report } = await drained(w);
      assertEquals([peer.seen, report.clean, w.log], [
        ["close 1001 going away"],
        true,
        ["info: The last message failed"],
      ]);
    }
  });

  it("that never comes is waited for as long as a Close, and no longer", async () => {
    const lastMessage = () => new Promise<void>(() => {});
    await using w = await wsWorld(echo, { ws: { closeTimeout: 700, lastMessage } });
    const peer = await w.raw();
    const { report } = await drained(w);
    assertEquals([peer.seen, peer.end, report.clean], [["close 1001 going away"], "fin", true]);
    assert(report.duration >= 1700 && report.duration < 1850, `${report.duration}`);
  });

  it("that never comes takes half of what is left of the budget at the most, so that the Close is answered", async () => {
    const lastMessage = () => new Promise<void>(() => {});
    await using w = await wsWorld(echo, { grace: 1000, ws: { closeTimeout: 30_000, lastMessage } });
    const [peer, patient] = [await w.raw(), await w.raw()];
    const { report, began } = await drained(w);
    assertEquals([peer.seen, peer.end, report.clean, report.phases.abort], [["close 1001 going away"], "fin", true, 0]);
    assertEquals(patient.end, "fin");
    // idleGrace is 250, T2 at 850.
    assert(peer.closedAt >= began + 500 && peer.closedAt < began + 650, `${peer.closedAt - began}`);
  });

  it("that a peer doesn't take holds up its Close no longer", async () => {
    await using w = await wsWorld(echo, {
      grace: 2000,
      ws: { closeTimeout: 30_000, lastMessage: () => new Uint8Array(1 << 20), slowConsumer: "wait" },
    });
    const peer = await w.raw();
    peer.conn.pause();
    const { report } = drainOf(w);
    await w.pass(1500);
    assertEquals(w.ws.state, "closing");
    peer.conn.resume();
    assertEquals((await w.until(report)).clean, true);
    assertEquals([peer.seen, peer.end], [["binary <1048576>", "close 1001 going away"], "fin"]);
  });

  it("is not asked of a WebSocket that is closing already", async () => {
    let count = 0;
    await using w = await wsWorld(echo, { ws: { lastMessage: () => void count++ } });
    const peer = await w.raw({ answers: false });
    w.ws.close(4000);
    await w.pass(10);
    const { report } = drainOf(w);
    await w.pass(500);
    peer.sayClose(4000);
    await w.until(report);
    assertEquals([count, peer.seen], [0, ["close 4000"]]);
  });
});

describe("spread", () => {
  it("spreads the goodbyes over its window, and each comes before patience is over", async () => {
    await using w = await wsWorld(echo, { spread: 2000, patience: 2500 });
    const peers = await w.many(200);
    const { report, since } = drainOf(w);
    assertEquals((await w.until(report)).clean, true);
    const times = peers.map(since).sort((a, b) => a - b);
    // idleGrace, for which nobody has asked, gets what patience and spread leave.
    assertGreaterOrEqual(times[0], 500);
    assertLess(times[199], 2600);
    // Each quarter of the window has its share of 50.
    for (let i = 0; i < 4; i++) {
      const share = times.filter((time) => time >= 500 + i * 500 && time < 1000 + i * 500).length;
      assert(share > 20 && share < 90, `${share} in quarter ${i}`);
    }
    assert(peers.every((peer) => peer.close?.code === 1001 && peer.end === "fin"));
  });

  it("serves a WebSocket until its turn", async () => {
    await using w = await wsWorld(echo, { spread: 3000, patience: 4000 });
    const peers = await w.many(20);
    const { report } = drainOf(w);
    await w.pass(400);
    const open = peers.filter((peer) => peer.close === null);
    assertGreaterOrEqual(open.length, 10);
    for (const peer of open) peer.send("still?");
    await w.until(report);
    assertEquals(open.map((peer) => peer.seen), open.map(() => ["text still?", "close 1001 going away"]));
  });

  it("is refused when it doesn't fit into patience", async () => {
    const made = wsWorld(echo, { spread: 5000, grace: 10_000 });
    await assertRejects(() => made, OptionError, "spread 5000 ms");
    await using w = await wsWorld(echo, { spread: 1000 });
    assertThrows(() => w.server.shutdown({ spread: 9000 }), OptionError, "lower spread or raise patience");
  });
});

describe("a farewell", () => {
  const headers = { "sec-websocket-protocol": "farewell.sluice" };

  it("is for who offers it: a flag, a wait, and when to come back", async () => {
    await using w = await wsWorld(echo, { ws: { retryAfter: 5000, goingAway: "deploying" } });
    const [understands, plain] = [await w.raw({ headers }), await w.raw()];
    const retries = new Set<number>();
    await drained(w);
    const said = parseFarewell(understands.close!.reason)!;
    assertEquals([said.flag, said.words, plain.close!.reason], ["normal", "deploying", "deploying"]);
    assert(said.retry >= 0 && said.retry <= 5000);
    retries.add(said.retry);
    assertEquals(understands.head.includes("farewell.sluice"), true);
  });

  it("is urgent when patience is over", async () => {
    await using w = await wsWorld(echo, { patience: 1000, faults: { delay: 1, maxDelay: 5 } });
    const peer = await w.raw({ headers });
    pingPong(peer);
    await drained(w);
    assertEquals(parseFarewell(peer.close!.reason)!.flag, "urgent");
  });

  it("is deferred when this connection ends alone", async () => {
    await using w = await wsWorld(echo, { maxLifetime: 5000 });
    const peer = await w.raw({ headers });
    await w.pass(6500);
    assertEquals([peer.close?.code, parseFarewell(peer.close!.reason)!.flag], [1001, "deferred"]);
  });

  it("names a wait that follows from the measured round trip, and keeps it", async () => {
    for (const [trip, wait] of [[10, 500], [200, 1600], [2000, 4000]]) {
      await using w = await wsWorld(echo, { ws: { closeTimeout: 4000 } });
      const peer = await w.raw({ headers, answers: false });
      await w.pass(trip);
      peer.pong(peer.frames[0].payload);
      await w.pass(100);
      const { report, began } = await drained(w);
      const said = parseFarewell(peer.close!.reason)!;
      assert(Math.abs(said.wait - wait) <= 100, `${said.wait} after a trip of ${trip}`);
      assertGreaterOrEqual(peer.endedAt, peer.closedAt + said.wait - 1);
      assertLess(peer.endedAt, peer.closedAt + said.wait + 60);
      assertEquals([peer.end, report.cut.length, began > 0], ["reset", 1, true]);
    }
  });

  it("names closeTimeout when no round trip is known", async () => {
    await using w = await wsWorld(echo, { ws: { closeTimeout: 3000 } });
    const peer = await w.raw({ headers });
    await drained(w);
    assertEquals([peer.seen.length, parseFarewell(peer.close!.reason)!.wait], [2, 3000]);
  });

  it("promises no wait beyond the drain's own end", async () => {
    await using w = await wsWorld(echo, { grace: 4000, ws: { closeTimeout: 60_000 } });
    const peer = await w.raw({ headers, answers: false });
    await drained(w);
    const said = parseFarewell(peer.close!.reason)!;
    assertGreaterOrEqual(peer.endedAt, peer.closedAt + said.wait - 1);
  });
});

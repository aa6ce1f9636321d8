import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { ConnectionDroppedError, ReconnectingWebSocket } from "../../../src/websocket/reconnect/mod.ts";
import { setUp } from "../../fixtures/reconnect_tools.ts";

/** What a server says that can be asked for a sign of life. */
const BEAT = "\0heartbeat.sluice";

describe("a page that goes offline", () => {
  it("is asked for a sign of life, and kept if one comes", async () => {
    const t = setUp({ farewell: true, heartbeat: { timeout: 1000 } });
    const socket = await t.opened();
    socket.events.message(BEAT);
    t.page.tell("offline");
    assertEquals([socket.sent, t.states], [[BEAT], ["open"]]);
    await t.clock.advance(900);
    socket.events.message("alive");
    await t.clock.advance(5000);
    assertEquals([t.states, t.messages], [["open"], ["alive"]]);
  });

  it("is given up when none comes, and counts what did not leave", async () => {
    const t = setUp({ farewell: true, heartbeat: { timeout: 1000 }, minDelay: 100 });
    const socket = await t.opened();
    socket.events.message(BEAT);
    await t.clock.advance(10);
    socket.bufferedAmount = 3;
    t.page.tell("offline");
    await t.clock.advance(1000);
    assertEquals([t.states, socket.closedWith?.[0]], [["open", "waiting 50"], 1001]);
    assertEquals([t.ends[0].code, t.ends[0].unsentBytes, t.ends[0].willReconnect], [1006, 3, true]);
    assertInstanceOf(t.ends[0].error, ConnectionDroppedError);
    await t.clock.advance(50);
    assertEquals([t.sockets.length, t.client.state], [2, "connecting"]);
  });

  it("is listened to for as long where nobody can be asked", async () => {
    const t = setUp({ heartbeat: { timeout: 1000 } });
    const socket = await t.opened();
    await t.clock.advance(10);
    t.page.tell("offline");
    await t.clock.advance(900);
    socket.events.message("alive");
    await t.clock.advance(5000);
    assertEquals([socket.sent, t.states], [[], ["open"]]);
    t.page.tell("offline", "online");
    await t.clock.advance(1000);
    assertEquals(t.states[1].slice(0, 7), "waiting");
  });

  it("is left alone without a heartbeat", async () => {
    const t = setUp({ heartbeat: false });
    await t.opened();
    t.page.tell("offline", "online", "visibilitychange", "resume");
    await t.clock.advance(60_000);
    assertEquals([t.states, t.clock.pending], [["open"], 0]);
  });

  it("goes on trying: the browser may be wrong", async () => {
    const t = setUp({ minDelay: 100 });
    await t.clock.settle();
    t.page.tell("offline");
    t.last.end();
    assertEquals(t.states, ["waiting 50"]);
    await t.clock.advance(50);
    assertEquals(t.sockets.length, 2);
  });

  it("is of no interest if the option page is null", async () => {
    const t = setUp({ page: null });
    await t.opened();
    t.page.tell("offline", "pagehide");
    assertEquals([t.client.state, t.page.listeners], ["open", 0]);
  });
});

describe("a page that has its network back, is looked at again, or wakes up", () => {
  for (const type of ["online", "visibilitychange", "resume"] as const) {
    it(`${type}: comes back at once after many failed attempts`, async () => {
      const t = setUp({ minDelay: 100 });
      await t.clock.settle();
      for (let i = 0; i < 8; i++) {
        t.last.end();
        await t.clock.advance(60_000);
      }
      t.last.end();
      t.page.tell(type);
      assertEquals(t.states.at(-1), "waiting 50");
      await t.clock.advance(50);
      assertEquals(t.client.state, "connecting");
    });

    it(`${type}: asks for a sign of life`, async () => {
      const t = setUp({ heartbeat: { message: "ping", timeout: 1000 } });
      const socket = await t.opened();
      await t.clock.advance(10);
      t.page.tell(type, type);
      assertEquals(socket.sent, ["ping"]);
      await t.clock.advance(1000);
      assertEquals(t.client.state, "waiting");
    });
  }

  it("is no reason to doubt a connection that can't be asked", async () => {
    const t = setUp();
    await t.opened();
    await t.clock.advance(10);
    t.page.tell("online", "visibilitychange", "resume");
    await t.clock.advance(60_000);
    assertEquals([t.states, t.clock.pending], [["open"], 0]);
  });

  it("is not looked at while it is hidden", async () => {
    const t = setUp({ heartbeat: { message: "ping" } });
    const socket = await t.opened();
    t.page.document.visibilityState = "hidden";
    t.page.tell("visibilitychange");
    assertEquals(socket.sent, []);
  });
});

describe("a page that is put away", () => {
  it("says goodbye, and connects again when it is shown again", async () => {
    const t = setUp({ minDelay: 100 });
    const socket = await t.opened();
    t.page.tell("pagehide");
    assertEquals([socket.closedWith, t.client.state], [[1001, "The page is put away"], "away"]);
    socket.end(1001);
    await t.clock.advance(60_000);
    assertEquals([t.sockets.length, t.ends.length, t.clock.pending], [1, 1, 0]);
    t.page.tell("online", "visibilitychange");
    assertEquals(t.client.state, "away");
    t.page.tell("pageshow");
    await t.clock.advance(50);
    assertEquals(t.client.state, "connecting");
  });

  it("stops waiting, and gives an attempt up", async () => {
    const waiting = setUp();
    (await waiting.opened()).end();
    waiting.page.tell("pagehide");
    assertEquals([waiting.client.state, waiting.clock.pending, waiting.ends.length], ["away", 0, 1]);
    const connecting = setUp();
    await connecting.clock.settle();
    connecting.page.tell("pagehide");
    assertEquals([connecting.client.state, connecting.clock.pending, connecting.last.live], ["away", 0, false]);
    assertEquals(connecting.ends[0].opened, false);
  });

  it("queues meanwhile, and sends when it is back", async () => {
    const t = setUp();
    await t.opened();
    t.page.tell("pagehide");
    const sent = t.client.send("x");
    t.page.tell("pageshow");
    await t.clock.advance(1000);
    t.last.open();
    await sent;
    assertEquals(t.sockets.map(({ sent }) => sent), [[], ["x"]]);
  });

  it("is not disturbed by events that change nothing", async () => {
    const t = setUp();
    t.page.tell("online", "pageshow");
    await t.opened();
    t.page.tell("online", "pageshow", "online");
    assertEquals([t.states, t.sockets.length], [["open"], 1]);
  });
});

describe("the default page", () => {
  it("is globalThis where it can be listened to, and is left alone after close()", async () => {
    const calls: string[] = [];
    const target = globalThis as Partial<Pick<EventTarget, "addEventListener" | "removeEventListener">>;
    const { addEventListener, removeEventListener } = target;
    target.addEventListener = (type) => calls.push(`+${type}`);
    target.removeEventListener = (type) => calls.push(`-${type}`);
    try {
      await new ReconnectingWebSocket("ws://host", { transport: () => null! }).close();
    } finally {
      Object.assign(target, { addEventListener, removeEventListener });
      if (addEventListener === undefined) delete target.addEventListener;
      if (removeEventListener === undefined) delete target.removeEventListener;
    }
    const types = ["pagehide", "pageshow", "offline", "online", "visibilitychange", "resume"];
    assertEquals(calls, [...types.map((type) => `+${type}`), ...types.map((type) => `-${type}`)]);
  });
});

import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { ConnectionDroppedError, ReconnectingWebSocket } from "../src/websocket/reconnect/mod.ts";
import { FakePage, setUp } from "./fixtures/reconnect_tools.ts";

describe("a page that goes offline", () => {
  it("drops its connection and makes no attempt until it is back, then after a first delay's jitter", async () => {
    const t = setUp({ minDelay: 100 });
    const socket = await t.opened();
    socket.bufferedAmount = 3;
    t.page.tell("offline");
    assertEquals([t.states, socket.closedWith?.[0]], [["open", "offline"], 1001]);
    assertEquals([t.ends[0].code, t.ends[0].unsentBytes, t.ends[0].willReconnect], [1006, 3, true]);
    assertInstanceOf(t.ends[0].error, ConnectionDroppedError);
    await t.clock.advance(3_600_000);
    assertEquals([t.sockets.length, t.clock.pending], [1, 0]);
    t.page.tell("online");
    assertEquals(t.states.at(-1), "waiting 50");
    await t.clock.advance(50);
    assertEquals([t.sockets.length, t.client.state], [2, "connecting"]);
  });

  it("comes back at once after many failed attempts", async () => {
    const t = setUp({ minDelay: 100 });
    await t.clock.settle();
    for (let i = 0; i < 8; i++) {
      t.last.end();
      await t.clock.advance(60_000);
    }
    t.page.tell("offline", "online");
    assertEquals(t.states.at(-1), "waiting 50");
  });

  it("stops waiting, and gives an attempt up", async () => {
    const waiting = setUp();
    (await waiting.opened()).end();
    waiting.page.tell("offline");
    assertEquals([waiting.client.state, waiting.clock.pending, waiting.ends.length], ["offline", 0, 1]);
    const connecting = setUp();
    await connecting.clock.settle();
    connecting.page.tell("offline");
    assertEquals([connecting.client.state, connecting.clock.pending, connecting.last.live], ["offline", 0, false]);
    assertEquals(connecting.ends[0].opened, false);
  });

  it("queues meanwhile, and sends when it is back", async () => {
    const t = setUp();
    await t.opened();
    t.page.tell("offline");
    const sent = t.client.send("x");
    t.page.tell("online");
    await t.clock.advance(1000);
    t.last.open();
    await sent;
    assertEquals(t.sockets.map(({ sent }) => sent), [[], ["x"]]);
  });

  it("may be offline from the start", async () => {
    const page = new FakePage();
    page.navigator = { onLine: false };
    const t = setUp({ page });
    await t.clock.advance(60_000);
    assertEquals([t.client.state, t.sockets.length], ["offline", 0]);
    page.tell("online");
    await t.clock.advance(1000);
    assertEquals(t.sockets.length, 1);
  });

  it("is of no interest if the option page is null", async () => {
    const t = setUp({ page: null });
    await t.opened();
    t.page.tell("offline", "pagehide");
    assertEquals([t.client.state, t.page.listeners], ["open", 0]);
  });
});

describe("a page that is put away", () => {
  it("says goodbye, and connects again when it is shown again", async () => {
    const t = setUp({ minDelay: 100 });
    const socket = await t.opened();
    t.page.tell("pagehide");
    assertEquals([socket.closedWith, t.client.state], [[1001, "The page is put away"], "offline"]);
    socket.end(1001);
    await t.clock.advance(60_000);
    assertEquals([t.sockets.length, t.ends.length], [1, 1]);
    t.page.tell("pageshow");
    await t.clock.advance(50);
    assertEquals(t.client.state, "connecting");
  });

  it("waits for both, network and page", async () => {
    const t = setUp();
    await t.opened();
    t.page.tell("pagehide", "offline", "pageshow");
    assertEquals(t.client.state, "offline");
    t.page.tell("online");
    assertEquals(t.client.state, "waiting");
    t.page.tell("offline", "pagehide", "online");
    assertEquals(t.client.state, "offline");
    t.page.tell("pageshow");
    assertEquals(t.client.state, "waiting");
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
    const types = ["offline", "online", "pagehide", "pageshow"];
    assertEquals(calls, [...types.map((type) => `+${type}`), ...types.map((type) => `-${type}`)]);
  });
});

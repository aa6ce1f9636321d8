import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { OptionError, UnsupportedError } from "../../../src/errors.ts";
import {
  ConnectionDroppedError,
  ReconnectingWebSocket,
  type ReconnectOptions,
  WebSocketClosedError,
} from "../../../src/websocket/reconnect/mod.ts";
import { HandshakeError } from "../../../src/websocket/mod.ts";
import { TRANSITIONS } from "../../../src/websocket/reconnect/reconnect_states.ts";
import { setUp } from "../../fixtures/reconnect_tools.ts";

const REFUSED = { code: 1006, reason: "", wasClean: false } as const;

describe("a ReconnectingWebSocket", () => {
  it("connects at once, with address and protocols, and is open when its transport is", async () => {
    const t = setUp({ protocols: ["chat"] });
    assertEquals([t.client.state, t.sockets.length], ["connecting", 0]);
    await t.clock.settle();
    assertEquals([t.last.url, t.last.protocols], ["ws://host/live", ["chat"]]);
    t.last.open("chat");
    assertEquals([t.client.state, t.client.protocol, t.states], ["open", "chat", ["open"]]);
    await t.client.send("hello");
    t.last.events.message("hi");
    t.last.events.message(new Uint8Array([1, 2]));
    assertEquals([t.last.sent, t.messages], [["hello"], ["hi", new Uint8Array([1, 2])]]);
  });

  it("comes back after a loss, with delays drawn from ever larger ranges up to the cap", async () => {
    const t = setUp({ minDelay: 100, maxDelay: 1000 });
    const socket = await t.opened();
    socket.end();
    for (const delay of [50, 100, 200, 400, 500, 500]) {
      assertEquals(t.states.at(-1), `waiting ${delay}`);
      await t.clock.advance(delay - 1);
      assertEquals(t.client.state, "waiting");
      await t.clock.advance(1);
      assertEquals(t.client.state, "connecting");
      t.last.end();
    }
    assertEquals(t.sockets.length, 7);
    assertEquals(t.changes.filter(({ state }) => state === "waiting").map(({ attempt }) => attempt), [
      1,
      2,
      3,
      4,
      5,
      6,
      7,
    ]);
    assertEquals(t.ends.map(({ opened }) => opened), [true, false, false, false, false, false, false]);
  });

  it("starts again with a first delay only after a connection that lasted", async () => {
    const t = setUp({ minDelay: 100, stableAfter: 5000 });
    (await t.opened()).end();
    await t.clock.advance(50);
    t.last.open();
    await t.clock.advance(4999);
    t.last.end();
    assertEquals(t.states.at(-1), "waiting 100");
    await t.clock.advance(100);
    t.last.open();
    await t.clock.advance(5000);
    t.last.end();
    assertEquals(t.states.at(-1), "waiting 50");
  });

  it("gives an attempt up after connectTimeout, and hears no more of it", async () => {
    const t = setUp({ connectTimeout: 300, minDelay: 100 });
    await t.clock.advance(300);
    const [late] = t.sockets;
    assertEquals([late.closedWith?.[0], t.client.state], [1001, "waiting"]);
    assertInstanceOf(t.ends[0].error, ConnectionDroppedError);
    assertEquals([t.ends[0].code, t.ends[0].opened], [1006, false]);
    late.open();
    late.events.message("too late");
    late.end();
    assertEquals([t.client.state, t.messages, t.ends.length], ["waiting", [], 1]);
  });

  it("asks a function for the address before each attempt; one that fails is a failed attempt", async () => {
    let asked = 0;
    const t = setUp({ minDelay: 100 }, () => {
      if (++asked === 2) return Promise.reject(new Error("no token"));
      return Promise.resolve(`wss://host/?token=${asked}`);
    });
    await t.clock.settle();
    assertEquals(t.last.url, "wss://host/?token=1");
    t.last.end();
    await t.clock.advance(50);
    assertEquals([t.client.state, t.ends[1].error?.message, t.sockets.length], ["waiting", "no token", 1]);
    await t.clock.advance(100);
    assertEquals(t.last.url, "wss://host/?token=3");
  });

  it("doesn't connect with an address that comes after connectTimeout or close()", async () => {
    const given: ((url: string) => void)[] = [];
    const t = setUp({ minDelay: 100, connectTimeout: 200 }, () => new Promise((resolve) => given.push(resolve)));
    await t.clock.advance(250);
    assertEquals([t.client.state, given.length], ["connecting", 2]);
    given[0]("ws://late");
    await t.clock.settle();
    void t.client.close();
    given[1]("ws://closed");
    await t.clock.settle();
    assertEquals([t.sockets.length, t.client.state, t.clock.pending], [0, "closed", 0]);
  });

  it("counts a transport that throws as a failed attempt", async () => {
    const t = setUp({
      minDelay: 100,
      transport: () => {
        throw new Error("no route");
      },
    });
    await t.clock.settle();
    assertEquals([t.states, t.ends[0].error?.message], [["waiting 50"], "no route"]);
  });

  it("hides our own protocols, which it offers last", async () => {
    const t = setUp({ protocols: ["chat"], farewell: true });
    await t.clock.settle();
    assertEquals(t.last.protocols, ["chat", "farewell.sluice", "heartbeat.sluice"]);
    t.last.open("farewell.sluice");
    assertEquals(t.client.protocol, "");
    for (const heartbeat of [false, { message: "ping" }] as const) {
      const without = setUp({ farewell: true, heartbeat });
      await without.clock.settle();
      assertEquals(without.last.protocols, ["farewell.sluice"]);
    }
  });

  it("tells a listener's own doing after what it heard", async () => {
    const t = setUp();
    t.client.addEventListener("state", ({ state }) => {
      if (state === "open") void t.client.close();
    });
    const order: string[] = [];
    t.client.addEventListener("state", ({ state, previous }) => order.push(`${previous} → ${state}`));
    (await t.opened()).end(1000);
    assertEquals(order, ["connecting → open", "open → closing", "closing → closed"]);
  });
});

describe("whether it comes back", () => {
  for (const code of [1000, 1008, 1010, 3000, 3999, 4000, 4999]) {
    it(`not by default after ${code}: that was a decision`, async () => {
      const t = setUp();
      const queued = t.client.closed;
      (await t.opened()).end(code, "enough");
      await queued;
      assertEquals([t.client.state, t.ends[0].willReconnect, t.ends[0].reason], ["closed", false, "enough"]);
      assertEquals([t.clock.pending, t.page.listeners], [0, 0]);
      await assertRejects(() => t.client.send("x"), WebSocketClosedError);
    });
  }

  for (const code of [1001, 1002, 1003, 1005, 1006, 1007, 1009, 1011, 1012, 1013, 1014, 1015, 2999]) {
    it(`by default after ${code}, with a delay`, async () => {
      const t = setUp({ minDelay: 100 });
      (await t.opened()).end(code);
      assertEquals([t.states.at(-1), t.ends[0].willReconnect], ["waiting 50", true]);
    });
  }

  it("is asked of shouldReconnect, which knows the default", async () => {
    const asked: unknown[] = [];
    const t = setUp({
      shouldReconnect: (end, byDefault) => {
        asked.push([end.code, end.opened, byDefault]);
        return !byDefault;
      },
    });
    (await t.opened()).end(4001);
    assertEquals(t.client.state, "waiting");
    await t.clock.advance(1000);
    t.last.end(1006);
    assertEquals([t.client.state, asked], ["closed", [[4001, true, false], [1006, false, true]]]);
  });

  it("is over after maxAttempts attempts in a row to come back", async () => {
    const t = setUp({ maxAttempts: 2 });
    const queued = t.client.send("x");
    await t.clock.settle();
    t.last.end();
    for (let i = 0; i < 2; i++) {
      await t.clock.advance(60_000);
      t.last.end();
    }
    assertEquals([t.client.state, t.sockets.length], ["closed", 3]);
    assertEquals(t.ends.map(({ willReconnect }) => willReconnect), [true, true, false]);
    await assertRejects(() => queued, WebSocketClosedError);
  });
});

describe("Retry-After", () => {
  it("of a refused handshake is waited for, and each client's own delay on top", async () => {
    const t = setUp({ minDelay: 100, maxDelay: 1000 });
    const socket = await t.opened();
    socket.end();
    await t.clock.advance(50);
    t.last.events.close({ ...REFUSED, error: new HandshakeError(503, "busy", { retryAfter: 7000 }) });
    assertEquals(t.states.at(-1), "waiting 7100");
    await t.clock.advance(7099);
    assertEquals(t.client.state, "waiting");
    await t.clock.advance(1);
    assertEquals(t.client.state, "connecting");
    // The next refusal says nothing, and the delays go on as ever.
    t.last.events.close({ ...REFUSED, error: new HandshakeError(503, "busy") });
    assertEquals(t.states.at(-1), "waiting 200");
  });
});

describe("a farewell", () => {
  it("keeps the client away at least until its hint, and is told", async () => {
    const t = setUp({ minDelay: 100 });
    (await t.opened()).end(1001, "normal wait=200 retry=5000 going away");
    assertEquals(t.ends[0].farewell, { flag: "normal", wait: 200, retry: 5000, words: "going away" });
    assertEquals(t.states.at(-1), "waiting 5000");
    await t.clock.advance(5000);
    t.last.end();
    assertEquals(t.states.at(-1), "waiting 100");
  });

  it("doesn't shorten the backoff", async () => {
    const t = setUp({ minDelay: 1000 });
    (await t.opened()).end(1012, "urgent wait=0 retry=20");
    assertEquals(t.states.at(-1), "waiting 500");
  });

  it("holds for a page whose network was gone in the meantime, and only until then", async () => {
    const t = setUp({ minDelay: 100 });
    (await t.opened()).end(1001, "normal wait=200 retry=5000");
    await t.clock.advance(1000);
    t.page.tell("offline", "online");
    assertEquals(t.states.at(-1), "waiting 4000");
    await t.clock.advance(4000);
    t.last.open();
    t.last.end();
    assertEquals(t.states.at(-1), "waiting 100");
  });
});

describe("close()", () => {
  it("closes an open connection and fulfils with the server's Close", async () => {
    const t = setUp();
    const socket = await t.opened();
    const closed = t.client.close(4000, "done");
    assertEquals([socket.closedWith, t.client.state, t.page.listeners], [[4000, "done"], "closing", 0]);
    await assertRejects(() => t.client.send("x"), WebSocketClosedError, "closing");
    socket.events.message("last words");
    socket.end(4000, "done");
    await closed;
    assertEquals([t.states, t.messages], [["open", "closing", "closed"], ["last words"]]);
    assertEquals([t.ends[0].code, t.ends[0].willReconnect, t.clock.pending], [4000, false, 0]);
  });

  it("doesn't wait for a silent server longer than closeTimeout", async () => {
    const t = setUp({ closeTimeout: 700 });
    const socket = await t.opened();
    const closed = t.client.close();
    socket.bufferedAmount = 12;
    await t.clock.advance(699);
    assertEquals(t.client.state, "closing");
    await t.clock.advance(1);
    await closed;
    assertEquals([t.client.state, t.ends[0].unsentBytes, t.clock.pending], ["closed", 12, 0]);
    assertInstanceOf(t.ends[0].error, ConnectionDroppedError);
  });

  for (const [state, reach] of Object.entries(waysInto())) {
    it(`ends it at once while ${state}, leaving no timer, listener or connection`, async () => {
      const t = setUp();
      await reach(t);
      assertEquals(t.client.state, state);
      const queued = t.client.send("x");
      await t.client.close();
      assertEquals([t.client.state, t.states.at(-1), t.clock.pending, t.page.listeners], ["closed", "closed", 0, 0]);
      assert(t.sockets.every((socket) => !socket.live));
      await assertRejects(() => queued, WebSocketClosedError);
    });
  }

  it("right after construction never connects", async () => {
    const t = setUp();
    await t.client.close();
    await t.clock.settle();
    assertEquals([t.sockets.length, t.client.state], [0, "closed"]);
  });

  it("is idempotent", async () => {
    const t = setUp();
    const socket = await t.opened();
    const both = [t.client.close(4000), t.client.close(4001)];
    socket.end(4000);
    await Promise.all([...both, t.client.close(), t.client.closed]);
    assertEquals([socket.closedWith, t.states], [[4000, ""], ["open", "closing", "closed"]]);
  });

  it("cuts a reason that a script may not send, at a character's edge", async () => {
    const t = setUp();
    const socket = await t.opened();
    void t.client.close(4000, "é".repeat(62));
    assertEquals(socket.closedWith, [4000, "é".repeat(61)]);
  });

  it("refuses codes that a script may not send", () => {
    const t = setUp();
    for (const code of [0, 999, 1001, 1006, 2999, 5000, 3000.5, NaN]) {
      assertThrows(() => t.client.close(code), OptionError, "code");
    }
    void t.client.close();
  });
});

/** The ways into the states in which `close()` has nobody to wait for. */
function waysInto(): Record<string, (t: ReturnType<typeof setUp>) => Promise<void>> {
  return {
    connecting: (t) => t.clock.settle(),
    waiting: async (t) => (await t.opened()).end(),
    away: (t) => Promise.resolve(t.page.tell("pagehide")),
  };
}

describe("what it is given", () => {
  const wrong: readonly (readonly [ReconnectOptions, string])[] = [
    [{ minDelay: 0 }, "minDelay"],
    [{ minDelay: 2000, maxDelay: 1000 }, "minDelay"],
    [{ maxDelay: NaN }, "maxDelay"],
    [{ maxAttempts: -1 }, "maxAttempts"],
    [{ connectTimeout: 0 }, "connectTimeout"],
    [{ stableAfter: -1 }, "stableAfter"],
    [{ closeTimeout: -1 }, "closeTimeout"],
    [{ maxQueued: -1 }, "maxQueued"],
    [{ maxQueuedBytes: NaN }, "maxQueuedBytes"],
    [{ whenFull: "wait" as "reject" }, "whenFull"],
    [{ protocols: ["a b"] }, "protocols"],
    [{ protocols: ["a", "a"] }, "protocols"],
    [{ protocols: ["farewell.sluice"], farewell: true }, "protocols"],
  ];
  for (const [options, name] of wrong) {
    it(`is refused if it is ${JSON.stringify(options)}`, () => {
      const error = assertThrows(() => setUp(options), OptionError);
      assertEquals(error.option, name);
    });
  }

  it("is an address of a WebSocket, or becomes one", async () => {
    for (const url of ["nowhere", "", "ftp://host"]) {
      assertThrows(() => new ReconnectingWebSocket(url, { transport: () => null! }), OptionError, "url");
    }
    const t = setUp({}, new URL("https://host/live?x=1#part"));
    await t.clock.settle();
    assertEquals(t.last.url, "wss://host/live?x=1");
  });

  const skip = typeof WebSocket === "function" ? "has a WebSocket of its own" : false;
  it("must include a transport where there is no WebSocket", { skip }, () => {
    assertThrows(() => new ReconnectingWebSocket("ws://host"), UnsupportedError, "webSocketTransport");
  });
});

describe("the table of states", () => {
  it("knows a way to closed from everywhere, and none from there", () => {
    for (const [state, ways] of Object.entries(TRANSITIONS)) {
      assertEquals(Object.values(ways).some((to) => to === "closed"), state !== "closed", state);
    }
    assertEquals(TRANSITIONS.closed, {});
  });
});

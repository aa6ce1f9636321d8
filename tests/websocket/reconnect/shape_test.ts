import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { OptionError } from "../../../mod.ts";
import { type ConnectionEndEvent, ReconnectingWebSocket } from "../../../src/websocket/reconnect/mod.ts";
import { fate, setUp } from "../../fixtures/reconnect_tools.ts";

describe("the shape of the web's WebSocket", () => {
  it("has its constants and its numbers for states", async () => {
    const t = setUp({ minDelay: 100 });
    const seen: number[] = [];
    const note = () => seen.push(t.client.readyState);
    note();
    t.client.addEventListener("state", note);
    (await t.opened()).end();
    await t.clock.advance(50);
    t.page.tell("pagehide", "pageshow");
    await t.clock.advance(50);
    t.last.open();
    void t.client.close();
    t.last.end(1000);
    assertEquals(seen, [0, 1, 0, 0, 0, 0, 0, 1, 2, 3]);
    for (const holder of [ReconnectingWebSocket, t.client]) {
      assertEquals([holder.CONNECTING, holder.OPEN, holder.CLOSING, holder.CLOSED], [0, 1, 2, 3]);
    }
    const standIn: typeof WebSocket extends never ? never : { readonly OPEN: number } = ReconnectingWebSocket;
    assertEquals(standIn.OPEN, 1);
  });

  it("calls its handlers: open with each connection, close once and last", async () => {
    const t = setUp({ minDelay: 100 });
    const calls: string[] = [];
    t.client.onopen = ({ type }) => calls.push(type);
    t.client.onmessage = ({ data }) => calls.push(data);
    t.client.onerror = ({ type }) => calls.push(type);
    t.client.onclose = ({ code, reason, wasClean }) => calls.push(`${code} ${reason} ${wasClean}`);
    t.client.addEventListener("end", ({ code }) => calls.push(`end ${code}`));
    const first = await t.opened();
    first.events.message("a");
    first.end(1006);
    await t.clock.advance(50);
    t.last.open();
    t.last.end(4001, "enough");
    assertEquals(calls, ["open", "a", "end 1006", "open", "end 4001", "4001 enough true"]);
    assertEquals(t.client.readyState, 3);
  });

  it("tells an error, and then close, where it ends without a Close", async () => {
    const t = setUp({ maxAttempts: 0 });
    const calls: string[] = [];
    t.client.onerror = ({ type }) => calls.push(type);
    t.client.onclose = ({ type, code }) => calls.push(`${type} ${code}`);
    (await t.opened()).end();
    assertEquals(calls, ["error", "close 1006"]);
  });

  it("tells close once when close() finds no connection", async () => {
    const t = setUp();
    const ends: ConnectionEndEvent[] = [];
    t.client.onclose = (event) => ends.push(event);
    t.client.onerror = () => assert(false, "nothing went wrong");
    void t.client.close(4000, "never mind");
    void t.client.close();
    await t.clock.advance(10_000);
    assertEquals(ends.map(({ code, reason, wasClean, opened }) => [code, reason, wasClean, opened]), [
      [4000, "never mind", true, false],
    ]);
  });

  it("lets a handler be another, or none, in its first one's place", async () => {
    const t = setUp();
    const calls: string[] = [];
    assertEquals(t.client.onmessage, null);
    t.client.onmessage = () => calls.push("first");
    t.client.addEventListener("message", () => calls.push("listener"));
    const second = function (this: unknown) {
      calls.push(this === t.client ? "second" : "no this");
    };
    t.client.onmessage = second;
    assertEquals(t.client.onmessage, second);
    const { events } = await t.opened();
    events.message("x");
    t.client.onmessage = null;
    events.message("y");
    t.client.onmessage = "nonsense" as unknown as null;
    assertEquals([calls, t.client.onmessage], [["second", "listener", "listener"], null]);
  });

  it("gives bytes as binaryType says", async () => {
    const t = setUp();
    const { events } = await t.opened();
    const whole = new Uint8Array([0, 1, 2, 3, 4]);
    for (const type of ["bytes", "arraybuffer", "blob"] as const) {
      t.client.binaryType = type;
      events.message(whole.subarray(1, 4));
      events.message("text stays text");
    }
    const [bytes, , buffer, , blob, text] = t.messages as unknown[];
    assertEquals([t.client.binaryType, bytes, text], ["blob", Uint8Array.of(1, 2, 3), "text stays text"]);
    assertInstanceOf(buffer, ArrayBuffer);
    assertEquals(new Uint8Array(buffer), Uint8Array.of(1, 2, 3));
    assertInstanceOf(blob, Blob);
    assertEquals(new Uint8Array(await blob.arrayBuffer()), Uint8Array.of(1, 2, 3));
    assertThrows(() => t.client.binaryType = "nodebuffer" as "blob", OptionError, "binaryType");
    assertEquals(t.client.binaryType, "blob");
  });

  it("takes subprotocols as the web does, and options behind them", async () => {
    const offered = async (...given: [(string | string[])?, { farewell: true }?]) => {
      const seen: (readonly string[])[] = [];
      const transport = (_url: string, protocols: readonly string[]) => {
        seen.push(protocols);
        return { bufferedAmount: 0, send: () => true, close: () => {} };
      };
      const client = new ReconnectingWebSocket("ws://host/x", given[0], { page: null, transport, ...given[1] });
      await Promise.resolve();
      await client.close();
      assertEquals([client.url, client.extensions], ["ws://host/x", ""]);
      return seen[0];
    };
    assertEquals(await offered("chat"), ["chat"]);
    assertEquals(await offered(["a", "b"]), ["a", "b"]);
    assertEquals(await offered(), []);
    assertEquals(await offered("a", { farewell: true }), ["a", "farewell.sluice", "heartbeat.sluice"]);
  });

  it("knows the address that a function gave", async () => {
    let n = 0;
    const t = setUp({ minDelay: 100 }, () => `ws://host/${++n}`);
    assertEquals(t.client.url, "");
    (await t.opened()).end();
    assertEquals(t.client.url, "ws://host/1");
    await t.clock.advance(50);
    assertEquals(t.client.url, "ws://host/2");
  });
});

describe("hello", () => {
  it("may take its time: what waits in the queue, or is sent meanwhile, comes behind it", async () => {
    const t = setUp({ hello: async () => await sleeper(t, 100, ["login"]) });
    const queued = fate(t.client.send("queued"));
    const socket = await t.opened();
    const sent = fate(t.client.send("meanwhile"));
    await t.clock.advance(99);
    assertEquals([socket.sent, queued.now, sent.now], [[], "pending", "pending"]);
    await t.clock.advance(1);
    assertEquals([socket.sent, queued.now, sent.now], [["login", "queued", "meanwhile"], "sent", "sent"]);
    await t.clock.advance(60_000);
    assertEquals([t.states, t.clock.pending], [["open"], 0], "and that was all that it had to wait for");
  });

  it("comes before what is sent while it takes its time, and nothing has waited", async () => {
    const t = setUp({ hello: async () => await sleeper(t, 100, ["login"]) });
    const socket = await t.opened();
    void t.client.send("meanwhile");
    await t.clock.advance(100);
    assertEquals(socket.sent, ["login", "meanwhile"]);
  });

  it("is said on each connection anew", async () => {
    let n = 0;
    const t = setUp({ minDelay: 100, hello: () => Promise.resolve([`login ${++n}`]) });
    (await t.opened()).end();
    await t.clock.advance(50);
    t.last.open();
    await t.clock.settle();
    assertEquals(t.sockets.map(({ sent }) => sent), [["login 1"], ["login 2"]]);
  });

  const faults: Record<string, () => unknown> = {
    throws: () => {
      throw new Error("no token");
    },
    rejects: () => Promise.reject(new Error("no token")),
    "gives no list": () => 5,
    "gives a text": () => "login",
    "promises no list": () => Promise.resolve(undefined),
    "gives what can't be sent": () => ["login", 5],
  };
  for (const [what, hello] of Object.entries(faults)) {
    it(`that ${what} is the end of that connection, told once, with the reason`, async () => {
      const t = setUp({ hello: hello as () => string[], minDelay: 100 });
      const sent = fate(t.client.send("x"));
      const socket = await t.opened();
      await t.clock.settle();
      assertEquals([t.states, socket.sent, socket.closedWith?.[0]], [["open", "waiting 50"], [], 1001]);
      const { error, willReconnect } = t.ends[0];
      assertEquals([t.ends.length, willReconnect, error?.message, sent.now], [1, true, "hello failed", "pending"]);
      assertInstanceOf(error?.cause, Error);
    });
  }

  it("that takes too long is the end of that connection, and so is a close() meanwhile", async () => {
    const t = setUp({ hello: () => new Promise(() => {}), connectTimeout: 300, minDelay: 100 });
    await t.opened();
    await t.clock.advance(299);
    assertEquals(t.states, ["open"]);
    await t.clock.advance(1);
    assertEquals([t.states, t.ends[0].error?.message], [
      ["open", "waiting 50"],
      "hello took more than connectTimeout, 300 ms",
    ]);
    await t.clock.advance(50);
    t.last.open();
    void t.client.close();
    t.last.end(1000);
    assertEquals([t.client.state, t.clock.pending], ["closed", 0]);
  });

  it("that comes when its connection is gone is not said on the next", async () => {
    const t = setUp({ minDelay: 100, hello: async () => await sleeper(t, 200, ["late"]) });
    (await t.opened()).end();
    await t.clock.advance(50);
    t.last.open();
    await t.clock.advance(100);
    assertEquals(t.sockets.map(({ sent }) => sent), [[], []]);
    await t.clock.advance(100);
    assertEquals(t.sockets.map(({ sent }) => sent), [[], ["late"]]);
  });

  it("that comes when its connection is gone doesn't stand in for that of the next", async () => {
    let n = 0;
    const hello = () => ++n === 1 ? sleeper(t, 200, ["late"]) : new Promise<string[]>(() => {});
    const t = setUp({ minDelay: 100, connectTimeout: 300, hello });
    (await t.opened()).end();
    await t.clock.advance(50);
    t.last.open();
    await t.clock.advance(300);
    assertEquals([t.client.state, t.ends.length, t.last.sent], ["waiting", 2, []]);
  });
});

function sleeper<T>(t: ReturnType<typeof setUp>, ms: number, value: T): Promise<T> {
  return new Promise((resolve) => t.clock.setTimer(() => resolve(value), ms));
}

/** Values of the wrong type, and of unusual right ones, wherever data enters: the caller's fault is the caller's error. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type Bytes, type Conn, createServer, OptionError } from "../../../mod.ts";
import { createHttpServer } from "../../../src/http/mod.ts";
import { Hub, type WebSocketConn } from "../../../src/websocket/mod.ts";
import { ReconnectingWebSocket } from "../../../src/websocket/reconnect/mod.ts";
import { httpWorld, request } from "../../support/http_world.ts";
import { wsWorld } from "../../support/websocket_world.ts";
import { world } from "../../support/world.ts";

/** What can't be sent, and how an error names it. */
const WRONG: readonly (readonly [unknown, string])[] = [
  [undefined, "undefined"],
  [null, "null"],
  [5, "number"],
  [{}, "Object"],
  [[1, 2, 3], "Array"],
  [Object.create(null), "object"],
  [Promise.resolve("late"), "Promise"],
];

/** `abcd` in every wrapping. */
const abcd = new Uint8Array([0, 97, 98, 99, 100, 0]).buffer;
const RIGHT: readonly (string | Bytes)[] = [
  "abcd",
  new Uint8Array(abcd, 1, 4),
  new DataView(abcd, 1, 4),
  abcd.slice(1, 5),
  new Uint16Array(abcd.slice(1, 5)),
];

function refusesAll(send: (data: never) => unknown, what: string): void {
  for (const [data, name] of WRONG) {
    const { message } = assertThrows(() => send(data as never), TypeError);
    assertMatch(message, new RegExp(`^${what}.*got ${name}$`));
  }
}

/** A WebSocket that an echoing handler has, and its peer. */
async function opened() {
  let ws!: WebSocketConn;
  const w = await wsWorld(async (given) => {
    ws = given;
    for await (const message of given) await given.send(message);
  });
  const peer = await w.raw();
  await w.pass(5);
  return { w, ws, peer };
}

describe("data of any type", () => {
  it("is text or bytes to write(), or thrown at once, and the connection goes on", async () => {
    let conn!: Conn;
    await using w = await world(async (given) => {
      conn = given;
      while (await given.read() !== null);
    });
    const client = await w.client();
    client.send("x");
    await w.pass(5);
    refusesAll((data) => conn.write(data), "write\\(\\)");
    for (const data of RIGHT) await conn.write(data);
    await w.pass(5);
    assertEquals(client.text, "abcd".repeat(RIGHT.length));
  });

  it("is text or bytes to ws.send() and ws.ping(), or thrown at once, and the WebSocket goes on", async () => {
    const { w, ws, peer } = await opened();
    await using _ = w;
    refusesAll((data) => ws.send(data), "send\\(\\)");
    for (const [data, name] of WRONG.slice(1)) {
      assertMatch(assertThrows(() => ws.ping(data as never), TypeError).message, new RegExp(`^ping.*got ${name}$`));
    }
    for (const data of RIGHT) await ws.send(data);
    void ws.ping(new DataView(abcd, 1, 4));
    await w.pass(5);
    assertEquals(peer.messages, ["abcd", ...RIGHT.slice(1).map(() => "<4>")]);
    assertEquals([ws.state, peer.seen.at(-1)?.split(" ")[0]], ["open", "ping"]);
  });

  it("is text or bytes to publish(), whether anybody has subscribed or not", () => {
    refusesAll((data) => new Hub().publish("news", data), "publish\\(\\)");
  });

  it("is text or bytes to a ReconnectingWebSocket, or thrown at once", () => {
    const client = new ReconnectingWebSocket("ws://127.0.0.1:9/", {
      transport: () => ({ bufferedAmount: 0, send: () => false, close: () => {} }),
    });
    refusesAll((data) => client.send(data), "send\\(\\)");
    void client.close();
  });

  it("is a Blob to ws.send(), as in browsers, and what is sent behind it comes behind it, the Close last", async () => {
    for (const goodbye of ["close", "drain", "return", "break"] as const) {
      /** As one in a file: it takes its time. */
      class SlowBlob extends Blob {
        override arrayBuffer(): Promise<ArrayBuffer> {
          const delay = this.size > 2 ? 100 : 4000;
          return new Promise<void>((resolve) => w.clock.setTimer(resolve, delay)).then(() => super.arrayBuffer());
        }
      }
      const bytes = new Uint8Array([1, 2, 3]);
      let closed: Promise<unknown> = Promise.resolve();
      const sendAll = (ws: WebSocketConn): void => {
        void ws.send(new SlowBlob(["first ", "blob"]));
        void ws.send("text");
        void ws.send(bytes);
        void ws.send(new SlowBlob([new Uint8Array([4, 5])]));
        bytes.fill(9);
      };
      const w = await wsWorld(async (ws) => {
        for await (const _ of ws) {
          sendAll(ws);
          if (goodbye === "close") closed = ws.close(4000);
          if (goodbye === "drain") closed = w.server.shutdown();
          if (goodbye === "break") break;
          if (goodbye === "return") return;
        }
      }, { grace: 20_000 });
      await using _ = w;
      const peer = await w.raw();
      peer.send("go");
      // A Blob is read by the runtime, in real time.
      for (let i = 0; i < 2000 && peer.seen.length < 5; i++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        await w.pass(10);
      }
      const code = { close: "4000", drain: "1001", return: "1000", break: "1000" }[goodbye];
      const words = peer.seen.map((line) => line.split(" ").slice(0, 2).join(" "));
      assertEquals([goodbye, ...words], [
        goodbye,
        "binary <10>",
        "text text",
        "binary <3>",
        "binary <2>",
        `close ${code}`,
      ]);
      await w.until(closed);
    }
  });

  it("is text or bytes as rejectWith, or refused before anything is opened", () => {
    for (const [data] of WRONG.slice(1)) {
      const rejectWith = data as string;
      assertThrows(() => createServer({ rejectWith }, () => {}), OptionError, "rejectWith takes");
      assertThrows(() => createHttpServer({ rejectWith }, () => new Response()), OptionError, "rejectWith takes");
    }
  });

  it("is taken from a body's stream as bytes, and anything else costs that answer only", async () => {
    for (const probe of [true, false]) {
      await using w = await httpWorld((req) => {
        const parts = req.url.endsWith("/wrong") ? WRONG.slice(2).map(([part]) => part) : RIGHT.slice(1);
        const [first, ...others] = req.url.endsWith("/one") ? parts.slice(1, 2) : parts;
        return new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(first as Uint8Array);
              for (const part of others) controller.enqueue(part as Uint8Array);
              controller.close();
            },
          }),
        );
      }, { probe });
      const whole = await w.ask([request("/one"), request("/all")], 50);
      assertEquals(whole.told, ["200 abcd", `200 ${"abcd".repeat(RIGHT.length - 1)}`]);
      const wrong = await w.ask([request("/wrong")], 50);
      assertEquals(wrong.told.map((told) => told.slice(0, 3)), ["500"]);
      assertEquals((await w.ask([request("/one")], 50)).told, ["200 abcd"]);
    }
  });
});

describe("an answer that can't be written", () => {
  it("costs itself: the connection answers on", async () => {
    for (const probe of [true, false]) {
      await using w = await httpWorld((req) => {
        if (!req.url.endsWith("/wrong")) return new Response("right");
        const stream = new Response("text").body;
        return { status: 200, statusText: "a\r\nb", headers: new Headers(), body: stream } as Response;
      }, { probe });
      const peer = await w.ask([request("/wrong"), request("/right")], 50);
      assertEquals(peer.told.map((told) => told.split(" ")[0]), ["500", "200"], `${probe}`);
    }
  });
});

describe("a Close of any code and reason", () => {
  it("throws at once what can't be sent, so that a handler that doesn't wait for it ends nothing", async () => {
    const { w, ws, peer } = await opened();
    await using _ = w;
    assertThrows(() => ws.close(1006), OptionError, "Close code 1006 can't be sent");
    assertEquals(ws.state, "open");
    const reason = "€".repeat(60);
    void ws.close(1008, reason);
    await w.pass(5);
    assertEquals(peer.seen.at(-1), `close 1008 ${"€".repeat(41)}`);
  });
});

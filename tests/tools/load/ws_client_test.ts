import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { serveHttp } from "../../../src/http/mod.ts";
import { ClientError, type ResolvedClientOptions } from "../../../src/tools/load/clients/client.ts";
import { upgradeWebSocket, type WebSocketConn, type WebSocketMessage } from "../../../src/websocket/mod.ts";
import { silentLogger } from "../../../mod.ts";
import { LoadPlayer, LoadWorld } from "../../support/load_world.ts";

const URL = "ws://127.0.0.1:9100/ws?q";

/** One WebSocket of a real server, which `answer` plays; its player and the server's end. */
async function meet(
  answer: (ws: WebSocketConn, message: WebSocketMessage) => unknown,
  body: (player: LoadPlayer, ws: WebSocketConn, world: LoadWorld) => Promise<void>,
  options: Partial<ResolvedClientOptions> = {},
): Promise<void> {
  await using world = new LoadWorld();
  const { adapter, clock } = world;
  const served: WebSocketConn[] = [];
  const seen: string[] = [];
  const server = await serveHttp({ port: 9100, adapter, clock, logger: silentLogger, keepAlive: 0 }, (request) => {
    seen.push(new globalThis.URL(request.url).pathname, request.headers.get("x-a") ?? "");
    return upgradeWebSocket(request, async (ws) => {
      served.push(ws);
      await ws.forEach((message) => void answer(ws, message));
    });
  });
  try {
    const [player] = await world.open(world.connector(URL, { headers: [["X-A", "1"]], ...options }));
    assertEquals(seen, ["/ws", "1"]);
    await body(player, served[0], world);
  } finally {
    server.close();
    await world.settle();
  }
}
const echo = (ws: WebSocketConn, message: WebSocketMessage) => ws.send(message);

describe("a client of WebSockets", () => {
  for (const size of [null, { min: 1, max: 1 }, { min: 70_000, max: 70_000 }]) {
    it(`takes messages of ${size?.min ?? 32} bytes back, as text or binary`, () =>
      meet(
        (ws, message) => ws.send(ws.bufferedAmount === 0 ? message : new TextEncoder().encode(message as string)),
        async (player, _ws, world) => {
          player.send(3);
          await world.settle();
          assertEquals(player.faults, []);
          const answers = player.told().filter((line) => line !== "idle");
          assertEquals(answers, [0, 1, 2].map((token) => `answered ${token}, ${size?.min ?? 32} bytes`));
        },
        { size, pipeline: 3 },
      ));
  }

  it("finds a message that differs, and what was left out", () => {
    const messages: string[] = [];
    const spoil = (ws: WebSocketConn, message: WebSocketMessage) => {
      messages.push(message as string);
      if (messages.length === 1) return ws.send(new TextEncoder().encode((message as string).slice(0, -1) + "-"));
      return messages.length === 2 ? undefined : echo(ws, message);
    };
    return meet(spoil, async (player, _ws, world) => {
      player.send(3);
      await world.settle();
      const told = player.told().filter((line) => line !== "idle");
      assertEquals(told, ["failed 0: wrong", "failed 1: wrong", "answered 2, 32 bytes"]);
      assertStringIncludes(player.faults[0][2], JSON.stringify(messages[0]));
      assertStringIncludes(player.faults[1][2], "later request");
    }, { pipeline: 3 });
  });

  it("takes any message with --check whole", () =>
    meet((ws) => ws.send("OK"), async (player, _ws, world) => {
      player.send();
      await world.settle();
      assertEquals(player.told(), ["answered 0, 2 bytes", "idle"]);
    }, { check: "whole" }));
});

describe("the end of a client of WebSockets", () => {
  it("says what the server closed with", () =>
    meet(() => {}, async (player, ws, world) => {
      player.send(2);
      await world.settle();
      void ws.close(1001, "bye");
      await world.settle();
      assertEquals(player.told(), ["failed 0: reset", "failed 1: reset", "closed"]);
      assertStringIncludes(player.detail, 'with 1001 "bye" without an answer');
    }, { pipeline: 2 }));

  it("is expected at a Close with nothing under way", () =>
    meet(echo, async (player, ws, world) => {
      void ws.close(1001);
      await world.settle();
      assertEquals(player.told(), ["closed as expected"]);
    }));

  it("is not expected without a Close", () =>
    meet(echo, async (player, ws, world) => {
      player.send();
      ws.abort();
      await world.settle();
      assertEquals(player.told(), ["failed 0: reset", "closed"]);
      assertStringIncludes(player.detail, "without a Close");
    }));

  it("is wrong where the server breaks the protocol", () =>
    meet(echo, async (player, ws, world) => {
      player.send();
      void ws.conn.write(Uint8Array.of(0x83, 0));
      await world.settle();
      assertEquals(player.told(), ["failed 0: wrong", "closed"]);
    }));

  it("by our own hand is a Close, or a reset", () =>
    meet(() => {}, async (player, ws, world) => {
      player.send();
      void player.client.close();
      await world.settle();
      assertEquals([player.told(), (await ws.closed).code], [["closed as expected"], 1000]);
    }));
});

describe("a WebSocket that can't be opened", () => {
  it("is refused without a server, wrong with a failed handshake, reset where it ended early", async () => {
    await using world = await new LoadWorld().start();
    const faultAt = async (url: string, play: () => void): Promise<string> => {
      const opening = assertRejects(() => world.connector(url).open(new LoadPlayer()), ClientError);
      await world.settle();
      play();
      await world.settle();
      const { fault, message } = await opening;
      return `${fault}: ${message}`;
    };
    const peer = () => world.peers.at(-1)!;
    assertStringIncludes(await faultAt("ws://127.0.0.1:9001/", () => {}), "refused: ");
    const plain = await faultAt(
      "ws://127.0.0.1:9000/",
      () => peer().send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    );
    assertEquals([plain.slice(0, 7), plain.includes("404")], ["wrong: ", true]);
    assertStringIncludes(await faultAt("ws://127.0.0.1:9000/", () => peer().conn.abort()), "reset: ");
    assertStringIncludes(await faultAt("ws://127.0.0.1:9000/", () => void peer().conn.closeWrite()), "reset: ");
  });
});

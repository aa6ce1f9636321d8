import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { answer, HELLO, SAME, URL, warm } from "../../support/load_http.ts";
import { inLoadWorld, type LoadPeer } from "../../support/load_world.ts";

describe("the end of an HTTP connection", () => {
  it("is expected after Connection: close, whose answer is right; what was behind it fails", () =>
    inLoadWorld(async (world) => {
      const last = answer("hello", "Connection: close\r\n");
      const connector = world.connector(URL, SAME);
      for (let i = 0; i < 2; i++) {
        const [player, peer] = await world.open(connector);
        player.send();
        peer.send(last);
        await world.settle();
        assertEquals(player.told(), [`answered 0, ${last.length} bytes`, "closed as expected"]);
        assertEquals([peer.end, player.client.room], ["fin", 0]);
      }
      const [other, otherPeer] = await world.join(URL, { ...SAME, pipeline: 2 });
      other.send(2);
      otherPeer.send(last);
      await world.settle();
      assertEquals(other.told(), [`answered 0, ${last.length} bytes`, "failed 1: reset", "closed"]);
      assertStringIncludes(other.detail, "Connection: close");
    }));

  it("ends a body without a length, and is expected", () =>
    inLoadWorld(async (world) => {
      const connector = world.connector(URL, SAME);
      const [player, peer] = await world.open(connector);
      player.send();
      peer.send("HTTP/1.1 200 OK\r\n\r\nhello");
      await world.settle();
      assertEquals(player.told(), []);
      void peer.conn.closeWrite();
      await world.settle();
      assertEquals(player.told(), ["answered 0, 24 bytes", "closed as expected"]);
      const [other, otherPeer] = await world.open(connector);
      other.send();
      otherPeer.send(answer("hello!"));
      await world.settle();
      assertEquals(other.told(), ["failed 0: wrong", "idle"]);
    }));

  it("is expected where nothing was asked, after an interim answer as well", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, SAME);
      player.send();
      peer.send("HTTP/1.1 103 Early Hints\r\n\r\n" + HELLO);
      await world.settle();
      void peer.conn.closeWrite();
      await world.settle();
      assertEquals(player.told(), [`answered 0, ${HELLO.length + 28} bytes`, "idle", "closed as expected"]);
      assertEquals(peer.end, "fin");
    }));

  const ends: [string, string, (peer: LoadPeer) => void, string[], string][] = [
    [
      "a FIN without an answer",
      "",
      (peer) => void peer.conn.closeWrite(),
      ["reset", "reset"],
      "(FIN) without an answer",
    ],
    ["a reset without an answer", "", (peer) => peer.conn.abort(), ["reset", "reset"], "dropped the connection"],
    [
      "a FIN in a head",
      HELLO.slice(0, 20),
      (peer) => void peer.conn.closeWrite(),
      ["truncated", "reset"],
      "without an answer",
    ],
    [
      "a FIN in a body",
      HELLO.slice(0, -1),
      (peer) => void peer.conn.closeWrite(),
      ["truncated", "reset"],
      "without an answer",
    ],
    [
      "a reset in a body",
      HELLO.slice(0, -1),
      (peer) => peer.conn.abort(),
      ["truncated", "reset"],
      "dropped the connection",
    ],
    ["nonsense", "SSH-2.0\r\n", () => {}, ["wrong", "wrong"], "An answer before it can't be read"],
    ["another protocol", "HTTP/1.1 101 X\r\n\r\n", () => {}, ["wrong", "wrong"], "An answer before it"],
  ];
  for (const [name, text, end, classes, says] of ends) {
    it(`is a fault of each request under way: ${name}`, () =>
      inLoadWorld(async (world) => {
        const [player, peer] = await world.join(URL, { ...SAME, pipeline: 2 });
        player.send(2);
        if (text !== "") peer.send(text);
        await world.settle();
        end(peer);
        await world.settle();
        assertEquals(player.log, [...classes.map((fault, token) => `failed ${token}: ${fault}`), "closed"]);
        assertEquals(player.client.room, 0);
        if (classes[0] === "reset") assertEquals(player.rooms, [0, 0]);
        assertStringIncludes(player.detail, says);
      }));
  }

  it("by our own hand tells nothing of what is under way", () =>
    inLoadWorld(async (world) => {
      for (const way of ["close", "abort"] as const) {
        const [player, peer] = await world.join(URL, SAME);
        player.send();
        await world.settle();
        void player.client[way]();
        await world.settle();
        player.client.abort();
        assertEquals([player.told(), peer.end], [["closed as expected"], way === "close" ? "fin" : "reset"]);
      }
    }));

  it("by our own hand at an answer is the last that is told", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await warm(world, { ...SAME, pipeline: 3 });
      player.onAnswer = () => void player.client.close();
      player.send(3);
      peer.send(HELLO + HELLO + answer("other"));
      await world.settle();
      assertEquals(player.told(), [`answered 1, ${HELLO.length} bytes`, "closed as expected"]);
    }));

  it("comes with expire(), at which all under way time out", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, { ...SAME, pipeline: 2 });
      player.send(2);
      await world.settle();
      player.client.expire(0);
      await world.settle();
      assertEquals(player.log, ["failed 0: timeout", "failed 1: timeout", "closed"]);
      assertEquals([player.detail, peer.end], ["No answer within 1000 ms", "reset"]);
    }));
});

describe("what nobody asked for", () => {
  it("is charged to the next request, once", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await warm(world, SAME);
      player.send();
      peer.send(HELLO + HELLO);
      await world.settle();
      assertEquals(player.told(), [`answered 1, ${HELLO.length} bytes`, "idle"]);
      for (let i = 0; i < 2; i++) {
        player.send();
        peer.send(HELLO);
        await world.settle();
      }
      assertEquals(player.told(), ["failed 2: wrong", "idle", `answered 3, ${HELLO.length} bytes`, "idle"]);
      assertStringIncludes(player.detail, "a response with 200 came that nobody had asked for");
    }));

  it("is no fault if it says that the server closes", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, SAME);
      peer.send(answer("", "Connection: close\r\n", "408 Request Timeout"));
      await world.settle();
      assertEquals(player.told(), ["closed as expected"]);
    }));
});

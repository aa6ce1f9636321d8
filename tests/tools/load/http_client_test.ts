import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { OptionError } from "../../../mod.ts";
import { ClientError, type ResolvedClientOptions } from "../../../src/tools/load/clients/client.ts";
import { answer, HELLO, SAME, URL, warm } from "../../support/load_http.ts";
import { inLoadWorld } from "../../support/load_world.ts";

describe("an HTTP client", () => {
  const requests: [string, Partial<ResolvedClientOptions>, string][] = [
    ["a GET", {}, "GET /path?q HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n\r\n"],
    [
      "its fields",
      { headers: [["X-A", "1"], ["host", "b"], ["X-A", "2"]] },
      "GET /path?q HTTP/1.1\r\nX-A: 1\r\nhost: b\r\nX-A: 2\r\n\r\n",
    ],
    [
      "a POST without a body",
      { method: "POST" },
      "POST /path?q HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nContent-Length: 0\r\n\r\n",
    ],
    [
      "a body, as UTF-8",
      { method: "PUT", body: "h\xe4", headers: [["Content-Type", "a/b"]] },
      "PUT /path?q HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nh\xc3\xa4",
    ],
  ];
  for (const [name, options, expected] of requests) {
    it(`sends ${name}`, () =>
      inLoadWorld(async (world) => {
        const [player, peer] = await world.join(URL, { ...SAME, ...options });
        player.send();
        await world.settle();
        assertEquals(peer.text, expected);
      }));
  }

  it("sends bodies of the asked size, each another one, and takes back exactly those", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, { method: "POST", size: { min: 20, max: 20 }, pipeline: 3 });
      player.send(3);
      await world.settle();
      const bodies = peer.take().split(/POST [^]*?\r\n\r\n/).slice(1);
      assertEquals(bodies.map((body) => body.length), [20, 20, 20]);
      assertEquals(new Set(bodies).size, 3);
      peer.send(answer(bodies[0]) + answer(bodies[2]) + answer(bodies[2]));
      await world.settle();
      assertEquals(player.told().map((line) => line.slice(0, 10)), ["answered 0", "failed 1: ", "answered 2", "idle"]);
      assertStringIncludes(player.detail, "got 20 bytes");
      assertStringIncludes(player.detail, "that differ");
    }));

  it("takes a fixed body back, and nothing else", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, { method: "POST", body: "hello" });
      for (const body of ["hello", "hellO", "hello!", "hell", "hello"]) {
        player.send();
        peer.send(answer(body));
        await world.settle();
      }
      assertEquals(player.log.filter((line) => line !== "idle"), [
        `answered 0, ${HELLO.length} bytes`,
        "failed 1: wrong",
        "failed 2: wrong",
        "failed 3: wrong",
        `answered 4, ${HELLO.length} bytes`,
      ]);
    }));

  it("takes answers whole, byte by byte, and many at once", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await warm(world, { ...SAME, pipeline: 5 });
      player.send(5);
      peer.send(HELLO + HELLO + HELLO.slice(0, 20));
      await world.settle();
      for (const char of HELLO.slice(20) + HELLO) {
        peer.send(char);
        await world.settle();
      }
      peer.send(HELLO);
      await world.settle();
      assertEquals(
        player.log.filter((line) => line !== "idle"),
        [1, 2, 3, 4, 5].map((token) => `answered ${token}, ${HELLO.length} bytes`),
      );
    }));

  it("sends what the engine asks for at an answer in one write with the rest", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await warm(world, { ...SAME, pipeline: 2 });
      player.onAnswer = () => player.send();
      player.send(2);
      await world.settle();
      const chunks: number[] = [];
      peer.conn.release();
      peer.conn.consume({ data: (chunk) => chunks.push(chunk.length), end() {}, closed() {} });
      peer.send(HELLO + HELLO);
      await world.settle();
      assertEquals(chunks, [2 * "GET /path?q HTTP/1.1\r\nHost: 127.0.0.1:9000\r\n\r\n".length]);
      assertEquals(player.client.room, 0);
    }));

  it("does not take for an answer what lies in the body of another one", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await warm(world, { check: "whole", pipeline: 2 });
      player.send(2);
      const head = `HTTP/1.1 200 OK\r\nContent-Length: ${HELLO.length}\r\n\r\n`;
      peer.send(head);
      await world.settle();
      peer.send(HELLO);
      await world.settle();
      assertEquals(player.told(), [`answered 1, ${head.length + HELLO.length} bytes`, "idle"]);
    }));

  it("does not take for an answer the last byte of one that came in two", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, SAME);
      player.send();
      peer.send(HELLO.slice(0, -1));
      await world.settle();
      peer.send("o");
      await world.settle();
      player.send();
      peer.send("o");
      await world.settle();
      assertEquals(player.told(), [`answered 0, ${HELLO.length} bytes`, "idle", "failed 1: wrong", "closed"]);
    }));

  it("does not take an earlier request's echo for a later one's", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, { method: "POST", size: { min: 20, max: 20 } });
      player.send();
      await world.settle();
      const echo = answer(peer.text.slice(-20));
      peer.send(echo);
      await world.settle();
      player.send();
      peer.send(echo);
      await world.settle();
      assertEquals(player.told(), [`answered 0, ${echo.length} bytes`, "idle", "failed 1: wrong", "idle"]);
    }));

  it("sends one request where it asks for the end of the connection", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, { ...SAME, pipeline: 5, headers: [["connection", "TE, close"]] });
      assertEquals(player.client.room, 1);
      player.send();
      assertEquals(player.client.room, 0);
      peer.send(HELLO);
      await world.settle();
      assertEquals(player.told(), [`answered 0, ${HELLO.length} bytes`, "closed as expected"]);
      assertEquals(peer.end, "fin");
    }));

  it("takes a changed Date for the same answer", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, SAME);
      for (const second of [1, 1, 2]) {
        player.send();
        peer.send(answer("hello", `Date: ${second}\r\n`));
        await world.settle();
      }
      assertEquals(player.faults, []);
    }));
});

describe("an HTTP client that expects the same answer", () => {
  const wrong: [string, string, string][] = [
    ["another body of the same length", answer("hellO"), 'differs from the first answer\'s (5 bytes), got "hellO"'],
    ["a longer body", answer("hello!"), 'got "hello!"; --check whole'],
    ["a shorter body", answer("hell"), "got 4 bytes; --check whole"],
    ["no body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "got 0 bytes"],
    ["another status", answer("hello", "", "201 Created"), "201 Created, the first one was 200"],
    ["an error", answer("hello", "", "500 Oh"), "The answer is 500 Oh"],
  ];
  for (const [name, text, says] of wrong) {
    it(`finds ${name}`, () =>
      inLoadWorld(async (world) => {
        const [player, peer] = await warm(world, { ...SAME, pipeline: 2 });
        player.send(2);
        peer.send(text + HELLO);
        await world.settle();
        assertEquals(player.told(), ["failed 1: wrong", `answered 2, ${HELLO.length} bytes`, "idle"]);
        assertStringIncludes(player.detail, says);
      }));
  }

  it("compares the answers of all clients, also those that were under way before there was a first one", () =>
    inLoadWorld(async (world) => {
      const connector = world.connector(URL, SAME);
      const [a, peerA] = await world.open(connector);
      const [b, peerB] = await world.open(connector);
      a.send();
      b.send();
      peerA.send(HELLO.slice(0, -1));
      peerB.send(answer("HELLO").slice(0, -1));
      await world.settle();
      peerA.send("o");
      await world.settle();
      peerB.send("O");
      await world.settle();
      assertEquals([a.told()[0].slice(0, 8), b.told()[0]], ["answered", "failed 0: wrong"]);
    }));

  it("takes an error for wrong even if it comes first, and any other body with --check whole", () =>
    inLoadWorld(async (world) => {
      for (const check of ["same", "whole"] as const) {
        const [player, peer] = await world.join(URL, { check });
        for (const text of [answer("no", "", "404 Not Found"), HELLO, answer("other")]) {
          player.send();
          peer.send(text);
          await world.settle();
        }
        const faults = player.faults.map(([token, fault]) => `${token} ${fault}`);
        assertEquals(faults, check === "same" ? ["0 wrong", "2 wrong"] : ["0 wrong"]);
      }
    }));

  it("reads HEAD's answers without a body, whether they are known or not", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, { ...SAME, method: "HEAD", pipeline: 4 });
      for (const head of ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]) {
        player.send(4);
        peer.send(head);
        await world.settle();
        peer.send(head + head.slice(0, 9));
        await world.settle();
        peer.send(head.slice(9) + head);
        await world.settle();
      }
      assertEquals([player.faults, player.log.filter((line) => line !== "idle").length], [[], 8]);
    }));
});

describe("makeConnector()", () => {
  it("refuses what can't be sent, before anything is opened", () =>
    inLoadWorld(async (world) => {
      const refused: [string, Partial<ResolvedClientOptions>][] = [
        ["method", { method: "CONNECT" }],
        ["method", { method: "GE T" }],
        ["check", { method: "HEAD", check: "echo" }],
        ["headers", { headers: [["a b", "1"]] }],
        ["headers", { headers: [["X", "1\r\nY: 2"]] }],
        ["headers", { headers: [["Content-Length", "1"]] }],
        ["body", { body: "a", size: { min: 1, max: 1 } }],
      ];
      for (const [option, options] of refused) {
        const error = assertThrows(() => world.connector(URL, { ...SAME, ...options }), OptionError);
        assertEquals(error.option, option);
      }
      await world.settle();
      assertEquals(world.peers.length, 0);
    }));

  it("counts an attempt without a connection as refused, and gives up those under way at close()", () =>
    inLoadWorld(async (world) => {
      const connector = world.connector("http://127.0.0.1:9001/", SAME);
      const [player] = await world.join(URL, SAME);
      const error = await assertRejects(() => connector.open(player), ClientError);
      assertEquals([error.fault, error.code], ["refused", "ERR_LOAD_CLIENT"]);
      assertStringIncludes(error.message, "127.0.0.1:9001");
      connector.close();
      await assertRejects(() => connector.open(player));
    }));
});

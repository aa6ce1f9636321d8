import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { ResolvedClientOptions } from "../../../src/tools/load/clients/client.ts";
import { inLoadWorld, type LoadPeer, type LoadPlayer, type LoadWorld } from "../../support/load_world.ts";

const URL = "tcp://127.0.0.1:9000";

/** A client with so many lines under way, and the lines. */
async function asked(
  world: LoadWorld,
  count: number,
  options: Partial<ResolvedClientOptions> = {},
): Promise<[LoadPlayer, LoadPeer, string[]]> {
  const [player, peer] = await world.join(URL, { pipeline: count, ...options });
  player.send(count);
  await world.settle();
  return [player, peer, peer.take().split("\n").slice(0, -1)];
}

describe("a client of lines", () => {
  it("sends lines of the asked size, no two alike, and takes exactly those back", () =>
    inLoadWorld(async (world) => {
      for (const size of [null, { min: 1, max: 1 }, { min: 12, max: 12 }, { min: 100_000, max: 100_000 }]) {
        const [player, peer, lines] = await asked(world, 3, { size });
        assertEquals(lines.map((line) => line.length), Array(3).fill(size?.min ?? 32));
        if (size?.min !== 1) assertEquals(new Set(lines).size, 3);
        for (const line of lines) peer.send(`${line}\n`);
        await world.settle();
        assertEquals(player.faults, []);
        assertEquals(player.told().filter((line) => line.startsWith("answered")).length, 3);
        assertEquals([player.client.room, player.client.bytesSent], [3, player.client.bytesReceived]);
      }
    }));

  it("sends sizes of the whole range, and every client its own lines, the same for the same seed", () =>
    inLoadWorld(async (world) => {
      const options = { size: { min: 10, max: 14 } };
      const connector = world.connector(URL, { ...options, pipeline: 100 });
      const told: string[][] = [];
      for (let i = 0; i < 2; i++) {
        const [player, peer] = await world.open(connector);
        player.send(100);
        await world.settle();
        told.push(peer.text.split("\n").slice(0, -1));
      }
      assertEquals([...new Set(told[0].map((line) => line.length))].sort(), [10, 11, 12, 13, 14]);
      assertEquals(told[0].filter((line) => told[1].includes(line)), []);
      assertEquals((await asked(world, 100, options))[2], told[0]);
      assert((await asked(world, 100, { ...options, seed: 2 }))[2].join() !== told[0].join());
    }));

  it("takes a prefix and CRLF, and lines in pieces", () =>
    inLoadWorld(async (world) => {
      const [player, peer, [a, b]] = await asked(world, 2);
      for (const piece of [`echo: ${a.slice(0, 5)}`, a.slice(5), `\r\n${b}`, "\n"]) {
        peer.send(piece);
        await world.settle();
      }
      assertEquals(player.told(), ["answered 0, 39 bytes", "idle", "answered 1, 32 bytes", "idle"]);
    }));

  it("finds a line with one wrong byte, one that is cut and one that is another's", () =>
    inLoadWorld(async (world) => {
      for (const spoil of [(line: string) => line.slice(0, -1) + "-", (line: string) => line.slice(1), () => "OK"]) {
        const [player, peer, lines] = await asked(world, 2);
        peer.send(`${spoil(lines[0])}\n${lines[1]}\n`);
        await world.settle();
        assertEquals(player.told(), ["failed 0: wrong", "answered 1, 32 bytes", "idle"]);
        assertStringIncludes(player.detail, JSON.stringify(lines[0]));
        assertStringIncludes(player.detail, JSON.stringify(spoil(lines[0])));
        assertStringIncludes(player.detail, "--check whole");
      }
    }));

  it("takes any line with --check whole", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await asked(world, 2, { check: "whole" });
      peer.send("OK\n\n");
      await world.settle();
      assertEquals(player.told(), ["answered 0, 2 bytes", "answered 1, 0 bytes", "idle"]);
    }));

  it("goes on behind an answer that was left out", () =>
    inLoadWorld(async (world) => {
      const [player, peer, lines] = await asked(world, 4);
      peer.send(`${lines[2]}\n${lines[3]}\n`);
      await world.settle();
      assertEquals(player.told().map((line) => line.slice(0, 10)), [
        "failed 0: ",
        "failed 1: ",
        "answered 2",
        "answered 3",
        "idle",
      ]);
      assertStringIncludes(player.faults[0][2], "later request");
    }));

  it("charges a greeting to one request, whether it comes before it or after", () =>
    inLoadWorld(async (world) => {
      for (const early of [true, false]) {
        const [player, peer] = await world.join(URL);
        if (early) peer.send("220 ready\n");
        await world.settle();
        for (let i = 0; i < 3; i++) {
          player.send();
          await world.settle();
          const line = peer.take();
          peer.send(!early && i === 0 ? `220 ready\n${line}` : line);
          await world.settle();
        }
        const told = player.told().filter((line) => line !== "idle").map((line) => line.slice(0, 10));
        assertEquals(told, ["failed 0: ", "answered 1", "answered 2"]);
        assertStringIncludes(player.detail, "220 ready");
      }
    }));

  it("writes a turn's requests at once", () =>
    inLoadWorld(async (world) => {
      const [player, peer] = await world.join(URL, { pipeline: 3 });
      let chunks = 0;
      peer.conn.release();
      peer.conn.consume({ data: () => chunks++, end() {}, closed() {} });
      player.send(3);
      await world.settle();
      assertEquals(chunks, 1);
    }));
});

describe("the end of a client of lines", () => {
  const ends: [string, string, (peer: LoadPeer) => void, string[]][] = [
    ["a FIN", "", (peer) => void peer.conn.closeWrite(), ["reset", "reset"]],
    ["a FIN in a line", "half", (peer) => void peer.conn.closeWrite(), ["truncated", "reset"]],
    ["a reset", "", (peer) => peer.conn.abort(), ["reset", "reset"]],
    ["a reset in a line", "half", (peer) => peer.conn.abort(), ["truncated", "reset"]],
  ];
  for (const [name, text, end, classes] of ends) {
    it(`is a fault of each request under way: ${name}`, () =>
      inLoadWorld(async (world) => {
        const [player, peer] = await asked(world, 2);
        if (text !== "") peer.send(text);
        await world.settle();
        end(peer);
        await world.settle();
        assertEquals(player.log, [...classes.map((fault, token) => `failed ${token}: ${fault}`), "closed"]);
        assertStringIncludes(player.detail, "without an answer");
      }));
  }

  it("is expected at a FIN with nothing under way, and not at a reset", () =>
    inLoadWorld(async (world) => {
      for (const [way, told] of [["closeWrite", "closed as expected"], ["abort", "closed"]] as const) {
        const [player, peer] = await world.join(URL);
        void peer.conn[way]();
        await world.settle();
        assertEquals([player.log, player.client.room], [[told], 0]);
        assertEquals(peer.end, way === "abort" ? "reset" : "fin");
      }
    }));

  it("tells nothing more after close(), abort() or expire()", () =>
    inLoadWorld(async (world) => {
      for (const way of ["close", "abort", "expire"] as const) {
        const [player, peer, [line]] = await asked(world, 1);
        peer.send(`${line}\n`);
        void player.client[way](0);
        await world.settle();
        const timeout = way === "expire" ? ["failed 0: timeout", "closed"] : ["closed as expected"];
        assertEquals([player.log, player.client.room], [timeout, 0]);
      }
    }));
});

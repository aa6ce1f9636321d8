/** A server that gives connections away to others on its socket. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { reply } from "../../src/http/mod.ts";
import { type HttpWorld, httpWorld, pathOf, request } from "../support/http_world.ts";

/** As a parent asks for it. */
function level(world: HttpWorld, connections: number): void {
  (world.server as unknown as { level(connections: number): void }).level(connections);
}

async function kept(world: HttpWorld, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await world.ask(request("/first"));
}

async function askAll(world: HttpWorld): Promise<string[]> {
  for (const peer of world.peers) if (peer.end === "open") peer.ask(request("/next"));
  await world.pass(50);
  return world.peers.map(({ told }) => told.at(-1)!);
}

describe("a server that has more connections than others on its socket", () => {
  it("gives those away that it has beyond the average, by their next answers", async () => {
    await using world = await httpWorld((req) => reply(pathOf(req)));
    await kept(world, 12);
    level(world, 7);
    const told = await askAll(world);
    assertEquals(told.filter((answer) => answer === "200 /next, close").length, 5);
    assertEquals(world.peers.filter(({ end }) => end === "fin").length, 5);
    assertEquals((await askAll(world)).filter((answer) => answer === "200 /next").length, 7);
  });

  it("leaves those alone that say nothing, and all of them when it has an eighth more than others", async () => {
    await using world = await httpWorld((req) => reply(pathOf(req)));
    await kept(world, 12);
    level(world, 2);
    await world.pass(2000);
    assertEquals(world.peers.map(({ end }) => end), Array(12).fill("open"));
    level(world, 10);
    assertEquals(await askAll(world), Array(12).fill("200 /next"));
  });

  it("answers all that was pipelined before", async () => {
    await using world = await httpWorld((req) => reply(pathOf(req)));
    await kept(world, 4);
    level(world, 1);
    const [peer] = world.peers;
    peer.ask(...["/1", "/2", "/3"].map((target) => request(target)));
    await world.pass(50);
    // Its client takes the word as the end: it stands on the last answer alone.
    assertEquals(peer.told.map((told) => told.replace(", close", "")), ["200 /first", "200 /1", "200 /2", "200 /3"]);
    assertEquals(peer.told.slice(0, -1).filter((told) => told.endsWith("close")), []);
  });
});

import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { connectWebSocket, type HeartbeatOptions } from "../../src/websocket/mod.ts";
import { pause } from "../support/http_loads.ts";
import { type Program, startProgram } from "../support/processes.ts";
import { within } from "../support/rig.ts";
import { type WsDrained, wsDrained } from "../support/ws_drained.ts";

const HEARTBEAT: Required<HeartbeatOptions> = { interval: 300, timeout: 250, misses: 1 };
/** So long after its last byte a peer is dead: 800 ms. */
const DEAD_AFTER = HEARTBEAT.interval + (HEARTBEAT.misses + 1) * HEARTBEAT.timeout;
/** The last pong of a peer that answers is at most so old. */
const LAST_PONG = HEARTBEAT.interval;
/** How late, and how early by rounding, a machine whose cores are taken may be, in ms. */
const LATE = 4000;
const EARLY = 50;

const DEAD = /^DeadlineError: The peer sent nothing for \d+ ms and left 2 pings unanswered$/;

/** Clients of the server in a process of their own, one for each path. */
async function clientsOf(server: WsDrained, paths: readonly string[]): Promise<Program> {
  const program = startProgram("tests/programs/websocket_client.ts", { args: [String(server.port), ...paths] });
  await program.line("open");
  return program;
}

function assertInTime(after: number, what: string): void {
  assert(after > DEAD_AFTER - LAST_PONG - EARLY && after < DEAD_AFTER + LATE, `${what} after ${after} ms`);
}

describe("a client process that is paused", () => {
  it("is found dead in time, idle, within a message, in a stream or with megabytes unread; others go on", async () => {
    await using server = await wsDrained({ websocket: { heartbeat: HEARTBEAT }, run: { grace: 3000 } });
    const [alive] = await server.connect(1, "/echo?id=alive");
    const before = await server.present();
    await using paused = await clientsOf(server, [
      "/echo?id=idle",
      "/echo?id=begun",
      "/feed?bytes=64&every=40&id=stream",
    ]);
    await pause(4 * HEARTBEAT.interval);
    assertEquals(server.program.stdout.match(/^closed .*$/gm), null, "those who answer live");
    // What reads slowly is alive; it is paused before it can have read much.
    await using full = await clientsOf(server, ["/fill?bytes=40000000&id=full&slowly"]);
    const began = performance.now();
    for (const program of [paused, full]) program.signal("SIGSTOP");
    for (const ended of await Promise.all(["idle", "begun", "stream", "full"].map((id) => server.ended(id)))) {
      assertEquals([ended.code, ended.wasClean], [1006, false], ended.id);
      assertMatch(ended.error ?? "", DEAD, ended.id);
      assertInTime(ended.at - began, ended.id);
    }
    assertStringIncludes(server.program.stderr, "A WebSocket's peer is gone, dropping its connection");
    const after = await server.present();
    assertEquals([after.open, after.sockets], [before.open, before.sockets]);
    assert(alive.isOpen && alive.pings >= 3, alive.describe());
    for (const program of [paused, full]) program.signal("SIGCONT");
    for (const [program, clients] of [[paused, 3], [full, 1]] as const) {
      assertEquals((await program.exited()).stdout.match(/^end .* reset$/gm)?.length, clients);
    }
    await server.stop();
  });
});

describe("a client that reads slowly", () => {
  it("is alive while it takes anything, however much waits for it", async () => {
    const heartbeat = { interval: 600, timeout: 400, misses: 1 };
    await using server = await wsDrained({ websocket: { heartbeat }, run: { grace: 3000 } });
    const [client] = await server.connect(1, "/fill?bytes=30000000&id=slow", { reads: "never" });
    client.readAt(10_000);
    await client.net.until("the last message", () => client.received === 458 || !client.net.isOpen);
    assertEquals([client.net.end, client.received], ["open", 458]);
    await server.stop();
  });
});

describe("a server process that is paused", () => {
  it("is found dead in time by our own client", async () => {
    await using server = await wsDrained();
    const ws = await connectWebSocket(`${server.url}/echo`, { heartbeat: HEARTBEAT });
    await pause(2 * HEARTBEAT.interval);
    assertEquals(ws.state, "open");
    const began = performance.now();
    server.program.signal("SIGSTOP");
    const { code, wasClean, error } = await within("the end", ws.closed);
    assertInTime(performance.now() - began, "the server");
    assertEquals([code, wasClean], [1006, false]);
    assertMatch(String(error), DEAD);
    server.program.signal("SIGCONT");
    assertEquals((await server.stop()).ran.codes, { 1006: 1 });
  });
});

describe("a client process that is killed", () => {
  it("is 1006 at once, idle, within a message, in a stream or with megabytes unread, and leaves nothing", async () => {
    await using server = await wsDrained({ run: { grace: 3000 } });
    const [other] = await server.connect(1, "/echo?id=other");
    const before = await server.present();
    const names = ["idle", "half", "stream", "full"];
    await using killed = await clientsOf(server, [
      "/echo?id=idle",
      "/echo?id=half",
      "/feed?bytes=4096&every=5&id=stream",
      "/fill?bytes=40000000&id=full&slowly",
    ]);
    assertEquals((await server.present()).open, before.open + names.length);
    const began = performance.now();
    await killed.kill();
    for (const ended of await Promise.all(names.map((id) => server.ended(id)))) {
      assertEquals([ended.code, ended.wasClean], [1006, false], ended.id);
      assertMatch(ended.error ?? "", /^ConnResetError: /, ended.id);
      assertLess(ended.at - began, LATE, ended.id);
    }
    await pause(100);
    const after = await server.present();
    assertEquals([after.open, after.sockets], [before.open, before.sockets]);
    other.send("still there?");
    await other.net.until("the echo", () => other.received === 1);
    const { report, ran } = await server.stop();
    assertEquals([report.clean, ran.codes], [true, { 1001: 1, 1006: names.length }]);
    assertGreater(ran.messages, 0);
  });
});

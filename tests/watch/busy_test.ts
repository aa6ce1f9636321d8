import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type BusyConn, lines } from "../../mod.ts";
import type { HttpHandler } from "../../src/http/mod.ts";
import { type ResourceWarning, type ResourceWatch, type WatchOptions, watchResources } from "../../src/watch/mod.ts";
import { Gate, httpWorld, request } from "../support/http_world.ts";
import { wsWorld } from "../support/websocket_world.ts";
import { type World, world } from "../support/world.ts";

interface Seen {
  readonly watch: ResourceWatch;
  readonly warnings: ResourceWarning[];
  /** Kind, and the numbers of the connections. */
  readonly told: string[];
}

/** Watches handlers for 5 s and connections for 10 s, twice a second, without a word about the rest. */
function watched(w: World, options: WatchOptions = {}): Seen {
  const warnings: ResourceWarning[] = [];
  const watch = watchResources({
    interval: 500,
    limits: { handlers: { limit: 5000 }, connections: { limit: 10_000 } },
    servers: [w.server],
    onWarning: (warning) => void warnings.push(warning),
    adapter: w.adapter,
    clock: w.clock,
    ...options,
  });
  return {
    watch,
    warnings,
    get told() {
      return warnings.map(({ kind, connections }) => `${kind} ${connections.map(({ id }) => id).join()}`);
    },
  };
}

const never = () => new Promise<never>(() => {});
/** Hangs until its client has gone. */
const hang: HttpHandler = (_request, ctx) =>
  new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
const ONLY_HANDLERS: WatchOptions = { limits: { handlers: { limit: 5000 }, connections: false } };
const ONLY_CONNECTIONS: WatchOptions = { limits: { handlers: false, connections: { limit: 10_000 } } };

describe("watchResources() and handlers", () => {
  it("names a handler of HTTP that never returns, its connection and its age", async () => {
    await using w = await httpWorld((request, ctx) => ctx.conn.id === 2 ? hang(request, ctx) : new Response("ok"));
    const seen = watched(w, ONLY_HANDLERS);
    const fine = await w.peer();
    await w.ask(request("/"));
    for (let i = 0; i < 11; i++) {
      fine.ask(request("/"));
      await w.pass(500);
    }
    assertEquals(seen.told, ["handlers 2"]);
    const [{ value, limit, share, count, connections, message }] = seen.warnings;
    assertEquals([limit, share, count], [5000, value / limit, 1]);
    assert(value >= 5000 && value <= 5500, `${value}`);
    const { remote } = w.peers[1].conn;
    assertEquals(connections, [{ server: "http", id: 2, peer: connections[0].peer, age: value, waitsFor: "answer" }]);
    assertEquals(remote.transport, "tcp");
    assertEquals(message, `1 handler has not come to an end for ${(value / 1000).toFixed(1)} s`);
    assertEquals(fine.statuses.length, 11);
    assertEquals(seen.watch.last!.handlers, 1);
    seen.watch.stop();
  });

  it("still sees it when its client has gone", async () => {
    const gate = new Gate<Response>();
    await using w = await httpWorld(() => gate.promise);
    const seen = watched(w);
    const peer = await w.ask(request("/"));
    await w.pass(1000);
    peer.conn.abort();
    await w.pass(5000);
    assertEquals(w.server.connections.size, 0);
    assertEquals(seen.told, ["handlers 1"]);
    // It is no connection any more, so none that makes no progress.
    await w.pass(10_000);
    assertEquals([seen.told, seen.watch.last!.connections], [["handlers 1"], 0]);
    gate.open(new Response("late"));
    await w.pass(1000);
    assertEquals([seen.watch.last!.handlers, w.server.busy()], [0, []]);
    seen.watch.stop();
  });

  it("tells a handler that goes on from its connection, which is still being emptied", async () => {
    await using w = await httpWorld(() => new Response("ok"));
    const seen = watched(w, { ...ONLY_HANDLERS, servers: [] });
    const emptied = { id: 1, peer: "peer", state: "closing", handling: 0, bytes: 5 } as BusyConn;
    const busy = () => [emptied, { ...emptied, state: "closed", handling: 3, bytes: 0 } as BusyConn];
    seen.watch.add({ name: "http", state: "running", busy });
    await w.pass(6000);
    assertEquals([seen.told, seen.watch.last!.connections], [["handlers 1"], 1]);
    seen.watch.stop();
  });

  it("doesn't take a connection's many short requests for a long one", async () => {
    await using w = await httpWorld(() => w.sleep(400).then(() => new Response("ok")));
    const seen = watched(w, ONLY_HANDLERS);
    const peer = await w.peer();
    // Requests wait for each other, so that the connection is never at rest.
    peer.ask(...Array.from({ length: 40 }, () => request("/")));
    await w.pass(16_500);
    assertEquals(peer.statuses.length, 40);
    assertEquals(seen.told, []);
    seen.watch.stop();
  });

  it("doesn't take an answer that flows for a running handler", async () => {
    let count = 0;
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      await w.sleep(1000);
      controller.enqueue(new Uint8Array(10));
      if (++count === 20) controller.close();
    };
    await using w = await httpWorld(() => new Response(new ReadableStream({ pull })));
    const seen = watched(w);
    const peer = await w.ask(request("/"));
    await w.pass(21_000);
    assertEquals([peer.statuses, seen.told], [[200], []]);
    seen.watch.stop();
  });

  it("counts a handler of lines from the line it is at, not from its connection's beginning", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        if (line === "hang") await never();
        await conn.write(`${line}\n`);
      }
    });
    const seen = watched(w, ONLY_HANDLERS);
    const busy = await w.client();
    const idle = await w.client();
    idle.send("a\n");
    for (let i = 0; i < 20; i++) {
      busy.send("b\n");
      await w.pass(500);
    }
    assertEquals(seen.told, []);
    busy.send("hang\n");
    // What the client sends meanwhile, and what waits, is no progress of the handler.
    for (let i = 0; i < 11; i++) {
      busy.send("c\n");
      await w.pass(500);
    }
    assertEquals(seen.told, ["handlers 1"]);
    seen.watch.stop();
  });

  it("sees a line's handler move on though its client never lets it rest", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        await new Promise<void>((resolve) => void w.clock.setTimer(resolve, 400));
        await conn.write(`${line}\n`);
      }
    });
    const seen = watched(w, ONLY_HANDLERS);
    const client = await w.client();
    client.send("x\n".repeat(40));
    await w.pass(16_500);
    assertEquals([client.lines.length, seen.told], [40, []]);
    seen.watch.stop();
  });

  it("knows a handler that reads by itself by its reads and writes", async () => {
    await using w = await world(async (conn) => {
      for (let i = 0; i < 16; i++) {
        await new Promise<void>((resolve) => void w.clock.setTimer(resolve, 1000));
        await conn.write(".");
      }
      await conn.read();
      await never();
    });
    const seen = watched(w, ONLY_HANDLERS);
    const client = await w.client();
    await w.pass(20_000);
    assertEquals(seen.told, []);
    client.send("x");
    await w.pass(6000);
    assertEquals(seen.told, ["handlers 1"]);
    client.conn.abort();
    await w.pass(6000);
    assertEquals(seen.watch.last!.handlers, 1);
    seen.watch.stop();
  });

  it("warns again within an episode when twice as many hang, and anew after all came back", async () => {
    let gate = new Gate<Response>();
    await using w = await httpWorld(() => gate.promise);
    const seen = watched(w, ONLY_HANDLERS);
    const hang = async (count: number) => {
      for (let i = 0; i < count; i++) await w.ask(request("/"), 0);
      await w.pass(6000);
      return seen.warnings.map((warning) => warning.count);
    };
    assertEquals(await hang(1), [1]);
    assertEquals(await hang(1), [1, 2]);
    assertEquals(await hang(1), [1, 2]);
    assertEquals(await hang(30), [1, 2, 33]);
    const { connections } = seen.warnings[2];
    assertEquals(connections.length, 20);
    assert(connections.every(({ age }, i) => i === 0 || age <= connections[i - 1].age), "the oldest first");
    assertEquals(connections[0].id, 1);
    gate.open(new Response("ok"));
    gate = new Gate();
    await w.pass(1000);
    assertEquals(await hang(1), [1, 2, 33, 1]);
    gate.open(new Response("ok"));
    seen.watch.stop();
  });

  it("keeps servers of one name apart", async () => {
    await using w = await httpWorld(() => new Response("ok"));
    const seen = watched(w, { ...ONLY_HANDLERS, servers: [] });
    const at = (handling: number) => [{ id: 1, peer: "peer", handling } as BusyConn];
    let turn = 0;
    // What the one is at, the other has just left.
    const one = { name: "tcp", state: "running" as const, busy: () => at(1 + turn++ % 2) };
    const other = { name: "tcp", state: "running" as const, busy: () => at(1 + turn % 2) };
    seen.watch.add(one);
    const remove = seen.watch.add(other);
    await w.pass(10_000);
    assertEquals([seen.told, seen.watch.last!.handlers], [[], 2]);
    remove();
    await w.pass(1000);
    assertEquals(seen.watch.last!.handlers, 1);
    seen.watch.stop();
  });

  it("forgets a server that has closed, when its last handler has left", async () => {
    await using w = await httpWorld(() => new Response("ok"));
    const seen = watched(w, { ...ONLY_HANDLERS, servers: [] });
    let asked = 0;
    const busy = () => ++asked < 4 ? [{ id: 1, peer: "peer", handling: 1, state: "closed" } as BusyConn] : [];
    seen.watch.add({ name: "gone", state: "closed", busy });
    await w.pass(10_000);
    assertEquals(asked, 4);
    seen.watch.stop();
  });
});

describe("watchResources() and WebSockets", () => {
  it("counts from the message that the handler is at, whatever the client and the heartbeat send", async () => {
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) {
        if (message === "hang") await new Promise((resolve) => ws.conn.closed.then(resolve));
        else if (message === "slow") await w.sleep(300);
        else await ws.send(message);
      }
    }, { ws: { heartbeat: { interval: 1000, timeout: 500 } } });
    const seen = watched(w, ONLY_HANDLERS);
    const fine = await w.connect();
    const hung = await w.connect();
    // The handler is never at rest, and always at another message.
    for (let i = 0; i < 30; i++) fine.send("slow");
    for (let i = 0; i < 12; i++) {
      hung.send("b");
      await w.pass(500);
    }
    assertEquals(seen.told, []);
    await w.pass(3100);
    hung.send("hang");
    for (let i = 0; i < 11; i++) {
      fine.send("a");
      hung.send("b");
      await w.pass(500);
    }
    assertEquals(seen.told, ["handlers 2"]);
    seen.watch.stop();
  });

  it("still sees a handler that goes on behind its WebSocket", async () => {
    const gate = new Gate();
    await using w = await wsWorld(() => gate.promise);
    const seen = watched(w, ONLY_HANDLERS);
    const client = await w.connect();
    await w.pass(6000);
    assertEquals(seen.told, []);
    client.conn.abort();
    await w.pass(6000);
    assertEquals(seen.told, ["handlers 1"]);
    gate.open();
    await w.pass(1000);
    assertEquals(seen.watch.last!.handlers, 0);
    seen.watch.stop();
  });
});

describe("watchResources() and connections without progress", () => {
  it("names a peer that takes none of its bytes", async () => {
    // Its handler waits for the next message meanwhile.
    await using w = await world(async (conn) => {
      conn.write("x".repeat(1_000_000));
      await conn.read();
    });
    const seen = watched(w, ONLY_CONNECTIONS);
    const stuck = await w.client();
    stuck.conn.pause();
    const fine = await w.client();
    await w.pass(9000);
    assertEquals(seen.told, []);
    await w.pass(2000);
    assertEquals(seen.told, ["connections 1"]);
    assertEquals(seen.warnings[0].connections[0].server, "server");
    assert(seen.warnings[0].message.startsWith("1 connection has made no progress for 10."), seen.warnings[0].message);
    assertEquals(fine.text.length, 1_000_000);
    seen.watch.stop();
  });

  it("sees each byte taken as progress", async () => {
    await using w = await world((conn) => conn.write("x".repeat(3_000_000)));
    const seen = watched(w, ONLY_CONNECTIONS);
    const slow = await w.client();
    for (let i = 0; i < 8; i++) {
      slow.conn.pause();
      await w.pass(9000);
      slow.conn.resume();
      await w.clock.settle();
    }
    assertEquals(seen.told, []);
    seen.watch.stop();
  });

  it("names half a message that goes no further, and an answer that doesn't come", async () => {
    await using w = await httpWorld(hang, { readHeaderTimeout: 0 });
    const seen = watched(w, ONLY_CONNECTIONS);
    const half = await w.peer();
    half.send("GET / HTTP/1.1\r\nhost: a\r\n");
    await w.pass(5000);
    await w.ask(request("/"));
    await w.pass(5600);
    assertEquals(seen.told, ["connections 1"]);
    await w.pass(5000);
    assertEquals(seen.told, ["connections 1", "connections 1,2"]);
    seen.watch.stop();
  });

  it("leaves alone who is idle, however long", async () => {
    await using w = await httpWorld(() => new Response("ok"), { idleTimeout: 0 });
    const seen = watched(w);
    const silent = await w.peer();
    const answered = await w.ask(request("/"));
    await w.pass(60_000);
    assertEquals([seen.told, silent.end, answered.end], [[], "open", "open"]);
    assertEquals([seen.watch.last!.connections, seen.watch.last!.handlers], [0, 0]);
    seen.watch.stop();
  });
});

describe("a server's busy()", () => {
  it("tells what a connection waits for, its bytes, and nothing of those at rest", async () => {
    await using w = await httpWorld(hang);
    await w.peer();
    const asked = request("/");
    await w.ask(asked);
    const [conn, ...rest] = w.server.busy();
    assertEquals([conn.id, conn.state, conn.waitsFor, conn.handling, conn.bytes], [
      2,
      "active",
      "answer",
      1,
      asked.length,
    ]);
    assertEquals([rest, w.server.holders()], [[], []]);
  });
});

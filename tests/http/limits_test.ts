import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertInstanceOf, assertThrows } from "@std/assert";
import { DeadlineExceeded, OptionError, silentLogger } from "../../mod.ts";
import { type HttpContext, reply } from "../../src/http/mod.ts";
import { chunked, Gate, httpWorld, pathOf, type Peer, request } from "../support/http_world.ts";

/** A timer may be so late. */
const LATE = 26;

/** How long the peer's connection lived, in ms of virtual time since `began`. */
function assertEndedAfter(peer: Peer, began: number, ms: number): void {
  const took = peer.endedAt - began;
  assert(took >= ms && took <= ms + LATE, `ended after ${took} ms, not ${ms}`);
}

describe("readHeaderTimeout", () => {
  const options = { readHeaderTimeout: 1000, idleTimeout: 60_000 };

  it("408 for a head that stops in the middle", async () => {
    await using w = await httpWorld(() => reply("x"), options);
    const peer = await w.peer();
    const began = w.clock.now();
    peer.ask("GET / HT");
    await w.pass(2000);
    assertEquals([peer.statuses, peer.saidClose, peer.end], [[408], true, "fin"]);
    assertEndedAfter(peer, began, 1000);
    assertEquals([w.server.http.refused.headTimeout, w.server.http.requests], [1, 0]);
  });

  it("408 for a slowloris that sends a byte at a time", async () => {
    await using w = await httpWorld(() => reply("x"), options);
    const peer = await w.peer();
    const began = w.clock.now();
    peer.ask("GET / HTTP/1.1\r\nhost: x\r\n");
    for (let i = 0; i < 50 && peer.end === "open"; i++) {
      peer.send("x");
      await w.pass(100);
    }
    assertEquals([peer.statuses, peer.end], [[408], "fin"]);
    assertEndedAfter(peer, began, 1000);
  });

  it("counts from the first byte of each head, and not while there is none", async () => {
    await using w = await httpWorld(() => reply("x"), options);
    const peer = await w.peer();
    for (let i = 0; i < 3; i++) {
      await w.pass(5000);
      peer.ask("GET / HT");
      await w.pass(800);
      peer.send("TP/1.1\r\nhost: x\r\n\r\n");
      await w.pass(10);
    }
    assertEquals([peer.statuses, peer.end], [[200, 200, 200], "open"]);
  });

  it("counts from the end of the answer for a half head that was pipelined behind it", async () => {
    await using w = await httpWorld(() => w.sleep(3000).then(() => reply("x")), options);
    const peer = await w.peer();
    const began = w.clock.now();
    peer.ask(request("/"), "GET /");
    await w.pass(5000);
    assertEquals(peer.statuses, [200, 408]);
    assertEndedAfter(peer, began, 4000);
  });

  it("forgets an empty line that came in two pieces", async () => {
    await using w = await httpWorld(() => reply("x"), options);
    const peer = await w.peer();
    peer.send("\r");
    await w.pass(10);
    peer.send("\n");
    await w.pass(5000);
    assertEquals([peer.text, peer.end], ["", "open"]);
  });
});

describe("readTimeout", () => {
  it("408 for a body that stops in the middle, when the handler reads it", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()), { readTimeout: 1000 });
    const peer = await w.peer();
    const began = w.clock.now();
    peer.ask(request("/", { method: "POST", headers: { "content-length": "10" } }) + "four");
    await w.pass(2000);
    assertEquals([peer.statuses, peer.saidClose], [[408], true]);
    assertEndedAfter(peer, began, 1000);
    assertEquals([w.server.http.refused.bodyTimeout, w.server.http.handlerErrors], [1, 0]);
  });

  it("408 for a body that comes byte by byte", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()), { readTimeout: 1000 });
    const peer = await w.peer();
    peer.ask(request("/", { method: "POST", headers: { "content-length": "100" } }));
    for (let i = 0; i < 50 && peer.end === "open"; i++) {
      peer.send("x");
      await w.pass(100);
    }
    assertEquals([peer.statuses, peer.end], [[408], "fin"]);
  });

  it("closes a connection whose unread body does not come", async () => {
    await using w = await httpWorld(() => reply("x"), { readTimeout: 1000 });
    const peer = await w.peer();
    const began = w.clock.now();
    peer.ask(request("/", { method: "POST", headers: { "content-length": "100" } }));
    await w.pass(2000);
    assertEquals([peer.statuses, peer.end], [[200], "fin"]);
    assertEndedAfter(peer, began, 1000);
  });

  it("says nothing about the time that a handler takes", async () => {
    await using w = await httpWorld(async (req) => {
      const text = await req.text();
      await w.sleep(3000);
      return reply(text);
    }, { readTimeout: 1000 });
    assertEquals((await w.ask(request("/", { body: "abc" }), 4000)).told, ["200 abc"]);
  });
});

describe("handlerTimeout", () => {
  it("503 and the end of ctx.signal at ctx.deadline", async () => {
    let ctx!: HttpContext;
    await using w = await httpWorld(async (_req, given) => {
      ctx = given;
      await w.sleep(3000);
      return reply("late");
    }, { handlerTimeout: 1000 });
    const began = w.clock.wall();
    const peer = await w.ask(request("/"), 900);
    assertEquals([ctx.deadline, ctx.signal.aborted], [began + 1000, false]);
    await w.pass(200);
    assertEquals([peer.statuses, peer.saidClose, peer.end], [[503], true, "fin"]);
    assertInstanceOf(ctx.signal.reason, DeadlineExceeded);
    assertEquals([w.server.http.active, w.server.http.handlerErrors], [1, 1]);
    await w.pass(3000);
    assertEquals(w.server.http.active, 0);
  });

  it("lets a stream go on that has begun", async () => {
    await using w = await httpWorld(() => {
      let n = 0;
      const body = new ReadableStream({
        async pull(controller) {
          await w.sleep(500);
          if (++n > 4) controller.close();
          else controller.enqueue(new TextEncoder().encode(`${n}`));
        },
      }, { highWaterMark: 0 });
      return new Response(body);
    }, { handlerTimeout: 1000 });
    assertEquals((await w.ask(request("/"), 4000)).told, ["200 1234"]);
  });

  it("counts for each request of a connection anew", async () => {
    await using w = await httpWorld(() => w.sleep(800).then(() => reply("x")), { handlerTimeout: 1000 });
    const peer = await w.ask([request("/"), request("/"), request("/")], 4000);
    assertEquals(peer.statuses, [200, 200, 200]);
  });

  it("holds for a request that waits for its turn, and its handler never runs then", async () => {
    const ran: string[] = [];
    await using w = await httpWorld(async (req) => {
      ran.push(pathOf(req));
      await w.sleep(1500);
      return reply("x");
    }, { handlerTimeout: 1000, maxConcurrentRequests: 1 });
    const first = await w.ask(request("/1"));
    const second = await w.ask(request("/2"), 3000);
    assertEquals([first.statuses, second.statuses, ran], [[503], [503], ["/1"]]);
    assertEquals([w.server.http.active, w.server.http.queued], [0, 0]);
  });
});

describe("writeTimeout and idleTimeout", () => {
  it("resets a client that takes nothing for writeTimeout", async () => {
    await using w = await httpWorld(() => reply("x".repeat(1 << 20)), { writeTimeout: 1000 });
    const peer = await w.peer();
    peer.conn.pause();
    peer.ask(request("/"));
    await w.pass(2000);
    peer.conn.resume();
    await w.pass(10);
    assertEquals([peer.end, peer.answers.length, w.server.connections.size], ["reset", 0, 0]);
  });

  it("leaves alone a slow one that takes something", async () => {
    await using w = await httpWorld(() => reply("x".repeat(1 << 20)), { writeTimeout: 1000 });
    const peer = await w.peer();
    peer.conn.pause();
    peer.ask(request("/"));
    for (let i = 0; i < 60 && peer.answers.length === 0; i++) {
      await w.pass(800);
      peer.conn.resume();
      await w.pass(0);
      peer.conn.pause();
    }
    assertEquals(peer.statuses, [200]);
  });

  it("says FIN, and nothing else, to a connection without a request for idleTimeout", async () => {
    await using w = await httpWorld(() => reply("x"), { idleTimeout: 1000 });
    const fresh = await w.peer();
    const began = w.clock.now();
    const used = await w.ask(request("/"));
    await w.pass(2500);
    assertEquals([fresh.text, fresh.end, used.told, used.end], ["", "fin", ["200 x"], "fin"]);
    assertEndedAfter(fresh, began, 1000);
  });

  it("doesn't count a handler's time as idle", async () => {
    await using w = await httpWorld(() => w.sleep(3000).then(() => reply("x")), { idleTimeout: 1000 });
    assertEquals((await w.ask(request("/"), 3500)).told, ["200 x"]);
  });
});

describe("maxConnections", () => {
  it("503 with Retry-After and a clean FIN for those above it, and the others go on", async () => {
    await using w = await httpWorld(() => reply("x"), { maxConnections: 2, retryAfter: 7 });
    const [first, second] = [await w.ask(request("/")), await w.ask(request("/"))];
    const third = await w.peer({ unasked: 1 });
    await w.pass(10);
    assertEquals([third.told, third.end], [["503 the server is at its limit, close"], "fin"]);
    assertEquals(third.last.headers.get("retry-after"), "7");
    assertEquals([first.told, second.told], [["200 x"], ["200 x"]]);
    first.conn.close();
    await w.pass(10);
    assertEquals((await w.ask(request("/"))).told, ["200 x"]);
  });

  it("counts per address with maxConnectionsPerIp", async () => {
    await using w = await httpWorld(() => reply("x"), { maxConnectionsPerIp: 1 });
    await w.peer({ from: "192.0.2.1" });
    const again = await w.peer({ from: "192.0.2.1", unasked: 1 });
    const other = await w.peer({ from: "192.0.2.2" });
    other.ask(request("/"));
    await w.pass(10);
    assertEquals([again.statuses, other.statuses], [[503], [200]]);
  });
});

describe("maxConcurrentRequests", () => {
  it("lets requests wait for their turn, in order", async () => {
    const ran: string[] = [];
    await using w = await httpWorld(async (req) => {
      ran.push(pathOf(req));
      await w.sleep(100);
      return reply("x");
    }, { maxConcurrentRequests: 2 });
    const peers: Peer[] = [];
    for (let i = 1; i <= 6; i++) peers.push(await w.ask(request(`/${i}`), 0));
    assertEquals([w.server.http.active, w.server.http.queued], [2, 4]);
    await w.pass(150);
    assertEquals([w.server.http.active, w.server.http.queued], [2, 2]);
    await w.pass(300);
    assertEquals(ran, ["/1", "/2", "/3", "/4", "/5", "/6"]);
    assertEquals(peers.map((peer) => peer.statuses), peers.map(() => [200]));
  });

  it("503 with Retry-After when the queue is full, and when queueTimeout is over", async () => {
    const options = { maxConcurrentRequests: 1, maxQueuedRequests: 1, queueTimeout: 500, retryAfter: 3 };
    await using w = await httpWorld(() => w.sleep(2000).then(() => reply("x")), options);
    const [first, second, third] = [await w.ask(request("/")), await w.ask(request("/")), await w.ask(request("/"))];
    assertEquals([third.statuses, third.end, second.statuses], [[503], "fin", []]);
    await w.pass(600);
    assertEquals([second.statuses, second.end], [[503], "fin"]);
    for (const peer of [second, third]) assertEquals(peer.last.headers.get("retry-after"), "3");
    await w.pass(2000);
    assertEquals(first.statuses, [200]);
    const { refused } = w.server.http;
    assertEquals([refused.queueFull, refused.queueTimeout], [1, 1]);
  });

  it("forgets a request whose client has gone while it waited", async () => {
    let runs = 0;
    await using w = await httpWorld(() => w.sleep(100).then(() => reply(`${++runs}`)), { maxConcurrentRequests: 1 });
    const first = await w.ask(request("/"));
    const second = await w.ask(request("/"));
    second.conn.abort();
    const third = await w.ask(request("/"));
    await w.pass(300);
    assertEquals([first.told, third.told, runs], [["200 1"], ["200 2"], 2]);
  });

  it("counts a handler whose client has gone until it has settled", async () => {
    let [running, most] = [0, 0];
    await using w = await httpWorld(async () => {
      most = Math.max(most, ++running);
      await w.sleep(1000);
      running--;
      return reply("x");
    }, { maxConcurrentRequests: 2 });
    for (let i = 0; i < 5; i++) {
      const peer = await w.ask(request("/"));
      peer.conn.abort();
      await w.pass(10);
    }
    const last = await w.ask(request("/"), 3000);
    assertEquals([most, last.statuses], [2, [200]]);
  });
});

describe("maxBodyBytes", () => {
  it("413 for a declared length, before the handler runs", async () => {
    await using w = await httpWorld(() => reply("x"), { maxBodyBytes: 10 });
    const big = request("/", { method: "POST", headers: { "content-length": "11", expect: "100-continue" } });
    const peer = await w.ask([request("/", { body: "0123456789" }), big]);
    assertEquals([peer.statuses, peer.end, peer.reader.interim], [[200, 413], "fin", []]);
    assertEquals([w.server.http.requests, w.server.http.refused.bodyTooLarge], [1, 1]);
  });

  it("413 for chunks, whatever the handler makes of the error; 500 for an error of its own", async () => {
    const wraps: [number, (error: Error) => unknown][] = [
      [413, (error) => new TypeError("fetch failed", { cause: error })],
      [413, (error) => new TypeError("fetch failed", { cause: new Error(error.message) })],
      [413, (error) => new Error("outer", { cause: new Error("inner", { cause: error }) })],
      [500, () => new TypeError("x is not a function")],
      [500, (error) => new TypeError("x is not a function", { cause: error.message })],
    ];
    for (const [status, wrap] of wraps) {
      const options = { maxBodyBytes: 1000, logger: silentLogger };
      await using w = await httpWorld((req) => req.text().then(reply, (error) => Promise.reject(wrap(error))), options);
      const headers = { "transfer-encoding": "chunked" };
      const peer = await w.ask(request("/", { method: "POST", headers }) + chunked(["x".repeat(2000)]));
      assertEquals([peer.statuses, w.server.http.handlerErrors], [[status], status === 500 ? 1 : 0]);
    }
  });

  it("413 for chunks, when the handler reads them", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()), { maxBodyBytes: 10 });
    const headers = { "transfer-encoding": "chunked" };
    const peer = await w.ask([
      request("/", { method: "POST", headers }) + chunked(["01234", "56789"]),
      request("/", { method: "POST", headers }) + chunked(["01234", "56789", "x"]),
      request("/never"),
    ]);
    assertEquals([peer.statuses, peer.end], [[200, 413], "fin"]);
    assertEquals([w.server.http.refused.bodyTooLarge, w.server.http.handlerErrors], [1, 0]);
  });
});

describe("configure()", () => {
  it("changes limits while the server runs", async () => {
    await using w = await httpWorld(() => w.sleep(100).then(() => reply("x")), { maxQueuedRequests: 0 });
    const before = [await w.ask(request("/"), 0), await w.ask(request("/"), 0), await w.ask(request("/"), 0)];
    w.server.configure({ maxConcurrentRequests: 2 });
    const refused = await w.ask(request("/"));
    assertEquals([w.server.http.active, refused.statuses], [3, [503]]);
    await w.pass(200);
    assertEquals(before.map((peer) => peer.statuses), [[200], [200], [200]]);
    // Those that ran before the limit came count: exactly two at once now, not five.
    const after = [await w.ask(request("/"), 0), await w.ask(request("/"), 0), await w.ask(request("/"), 0)];
    await w.pass(200);
    assertEquals(after.map((peer) => peer.statuses), [[200], [200], [503]]);
  });

  it("gives a later request the new handlerTimeout, and leaves one that runs its own", async () => {
    await using w = await httpWorld(() => w.sleep(3000).then(() => reply("x")), { readHeaderTimeout: 1000 });
    const early = await w.peer();
    early.ask("GET / HT");
    await w.pass(500);
    early.send("TP/1.1\r\nhost: x\r\n\r\n");
    await w.pass(100);
    w.server.configure({ handlerTimeout: 200 });
    const late = await w.ask(request("/"), 3500);
    assertEquals([early.statuses, late.statuses], [[200], [503]]);
  });

  it("changes the Retry-After of connections that are turned away", async () => {
    await using w = await httpWorld(() => reply("x"), { maxConnections: 1 });
    await w.peer();
    w.server.configure({ retryAfter: 9 });
    const peer = await w.peer({ unasked: 1 });
    await w.pass(10);
    assertEquals(peer.last.headers.get("retry-after"), "9");
  });

  it("changes nothing if one of the options can't be used", async () => {
    await using w = await httpWorld(() => reply("x"), { maxConnections: 5 });
    assertThrows(() => w.server.configure({ maxConnections: 1, maxBodyBytes: -1 }), OptionError, "maxBodyBytes");
    assertThrows(() => w.server.configure({ retryAfter: 5, maxConnections: 0.5 }), OptionError, "maxConnections");
    await w.peer();
    assertEquals((await w.ask(request("/"))).statuses, [200]);
  });
});

describe("a thousand slow heads", () => {
  it("cost nothing but their bytes, and end by themselves", async () => {
    const gate = new Gate();
    await using w = await httpWorld(() => gate.promise.then(() => reply("x")), { readHeaderTimeout: 1000 });
    const peers: Peer[] = [];
    for (let i = 0; i < 1000; i++) peers.push(await w.peer());
    for (const peer of peers) peer.ask("GET / HTTP/1.1\r\nhost: x\r\n");
    await w.pass(10);
    assertGreater(w.server.connections.size, 999);
    await w.pass(1100);
    assertEquals([w.server.connections.size, w.server.http.refused.headTimeout], [0, 1000]);
  });
});

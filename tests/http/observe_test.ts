/** What an HTTP server tells whoever observes it. */
import { describe, it } from "node:test";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { OptionError, silentLogger } from "../../mod.ts";
import { createHttpServer, type HttpObserver, type ObservedRequest, reply } from "../../src/http/mod.ts";
import { Gate, httpWorld, pathOf, request } from "../support/http_world.ts";
import { echo, wsWorld } from "../support/websocket_world.ts";

const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** Notes what it hears. */
class Notes implements HttpObserver {
  readonly words: string[] = [];
  readonly begun: ObservedRequest[] = [];
  readonly over: ObservedRequest[] = [];

  began(request: ObservedRequest): void {
    this.words.push(`began ${request.id}`);
    this.begun.push(request);
  }

  ended(request: ObservedRequest): void {
    this.words.push(`ended ${request.id}`);
    this.over.push(request);
  }
}

describe("observe() of an HTTP server", () => {
  it("tells of each request, by one object from its beginning to its end", async () => {
    await using w = await httpWorld(async (req, ctx) => {
      ctx.route = "/users/:id";
      await w.sleep(20);
      return reply(await req.text());
    });
    const notes = new Notes();
    w.server.observe(notes);
    await w.ask(request("/users/7?x=1", { body: "four", headers: { "user-agent": "me", traceparent: TRACE } }), 30);
    assertEquals(notes.words, ["began 1-1", "ended 1-1"]);
    assertStrictEquals(notes.begun[0], notes.over[0]);
    const { method, target, scheme, host, protocol, route, status, duration, bytesIn, bytesOut, error, upgrade } =
      notes.over[0];
    assertEquals(
      [method, target, scheme, host, protocol, route, status, duration, bytesIn, bytesOut, error, upgrade],
      ["POST", "/users/7?x=1", "http", "test", "1.1", "/users/:id", 200, 20, 4, 4, undefined, ""],
    );
    assertEquals([notes.over[0].header("User-Agent"), notes.over[0].header("none")], ["me", null]);
    assertEquals([notes.over[0].conn.id, notes.over[0].traceparent.slice(0, 36)], [1, TRACE.slice(0, 36)]);
  });

  it("tells how long each took of those that came together, though a handler lets nothing else happen", async () => {
    let lag = 0;
    await using w = await httpWorld(() => {
      lag += 30;
      return reply("ok");
    });
    const now = w.clock.now.bind(w.clock);
    w.clock.now = () => now() + lag;
    const notes = new Notes();
    w.server.observe(notes);
    await w.ask([request("/1"), request("/2"), request("/3")]);
    await w.ask(request("/4"));
    assertEquals(notes.over.map(({ duration }) => duration), [30, 30, 30, 30]);
  });

  it("tells why a request failed, and of one whose client has gone", async () => {
    await using w = await httpWorld(async (req) => {
      if (pathOf(req) === "/bad") throw new Error("boom");
      await w.sleep(50);
      return reply("late");
    });
    const notes = new Notes();
    w.server.observe(notes);
    const peer = await w.ask([request("/bad"), request("/gone")], 20);
    peer.conn.abort();
    await w.pass(100);
    assertEquals(notes.words, ["began 1-1", "ended 1-1", "began 1-2", "ended 1-2"]);
    const [bad, gone] = notes.over;
    assertEquals([bad.status, gone.status], [500, 0]);
    assertEquals([bad.error, (bad.fault as Error).message, gone.fault], [undefined, "boom", undefined]);
    assertInstanceOf(gone.error, Error);
  });

  it("tells nobody of the end who has not heard of the beginning, and nobody who has left", async () => {
    const gate = new Gate();
    await using w = await httpWorld(async () => {
      await gate.promise;
      return reply("ok");
    });
    const [early, late, left] = [new Notes(), new Notes(), new Notes()];
    w.server.observe(early);
    const end = w.server.observe(left);
    await w.ask(request("/"));
    w.server.observe(late);
    end();
    gate.open();
    await w.pass(10);
    assertEquals([early.words, late.words, left.words], [["began 1-1", "ended 1-1"], [], ["began 1-1"]]);
  });

  it("makes nothing for who does not hear of requests", async () => {
    await using w = await httpWorld(() => reply("ok"), { accessLog: false });
    const accepted: number[] = [];
    w.server.observe({ accepted: ({ id }) => void accepted.push(id) });
    await w.ask(request("/"));
    assertEquals(accepted, [1]);
  });

  it("runs a handler in the async context of whoever is around it, and once whatever they do", async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    await using w = await httpWorld(async (req) => {
      seen.push(storage.getStore());
      await w.sleep(5);
      seen.push(storage.getStore());
      if (pathOf(req) === "/bad") throw new Error("boom");
      return reply("ok");
    });
    let isBroken = false;
    w.server.observe({ around: ({ id }, run) => storage.run(`span of ${id}`, run) });
    w.server.observe({
      around(_request, run) {
        if (isBroken) throw new Error("no");
        run();
        run();
      },
    });
    const peer = await w.ask([request("/"), request("/bad")], 20);
    isBroken = true;
    peer.ask(request("/"));
    await w.pass(20);
    assertEquals(seen, ["1-1", "1-1", "1-2", "1-2", "1-3", "1-3"].map((id) => `span of ${id}`));
    assertEquals(peer.statuses, [200, 500, 200]);
  });

  it("answers 500 when a handler throws at once, whoever is around it", async () => {
    await using w = await httpWorld(() => {
      throw new Error("boom");
    });
    w.server.observe({ around: (_request, run) => run() });
    const peer = await w.ask(request("/"));
    assertEquals([peer.statuses, w.server.http.handlerErrors], [[500], 1]);
  });

  it("lets who records a trace say what handlers pass on", async () => {
    const passed: string[] = [];
    await using w = await httpWorld((_req, ctx) => {
      passed.push(ctx.traceparent);
      return reply("ok");
    });
    w.server.observe({ began: (request) => void (request.traceparent = TRACE) });
    await w.ask(request("/"));
    assertEquals(passed, [TRACE]);
    const notes = new Notes();
    w.server.observe(notes);
    await w.ask(request("/"));
    assertThrows(() => notes.over[0].traceparent = "00-nonsense", OptionError, "traceparent");
  });

  it("tells of what was no request", async () => {
    await using w = await httpWorld(() => reply("ok"));
    const refused: unknown[] = [];
    w.server.observe({ refused: ({ reason, status, conn }) => void refused.push([reason, status, conn.id]) });
    await w.ask("nonsense\r\n\r\n");
    assertEquals(refused.length, 1);
    const [[reason, status, conn]] = refused as [string, number, number][];
    assertEquals([status, conn, w.server.http.refused[reason as "headTimeout"]], [400, 1, 1]);
  });

  it("survives observers that throw, and logs what they do", async () => {
    const records: string[] = [];
    const logger = { ...silentLogger, error: (msg: string) => void records.push(msg) };
    await using w = await httpWorld(() => reply("ok"), { logger });
    const broken = (): never => {
      throw new Error("boom");
    };
    w.server.observe({ began: broken, around: broken, ended: broken });
    const notes = new Notes();
    w.server.observe(notes);
    const peer = await w.ask(request("/"));
    assertEquals([peer.statuses, notes.words, records.length], [[200], ["began 1-1", "ended 1-1"], 3]);
  });

  it("refuses what hears of nothing", () => {
    const server = createHttpServer({}, () => reply("ok"));
    for (const observer of [null, {}, { end() {} }, { ended: 1 }]) {
      assertThrows(() => server.observe(observer as unknown as HttpObserver), OptionError);
    }
  });
});

describe("ctx.route", () => {
  it("is empty until somebody says it, and takes nothing but a line of text", async () => {
    const seen: unknown[] = [];
    await using w = await httpWorld((_req, ctx) => {
      seen.push(ctx.route);
      ctx.route = "/a/:b";
      seen.push(ctx.route);
      for (const bad of [1, null, "a\nb", "x".repeat(257)]) {
        assertThrows(() => ctx.route = bad as string, OptionError, "ctx.route must be text");
      }
      return reply("ok");
    });
    const peer = await w.ask(request("/"));
    assertEquals([peer.statuses, seen], [[200], ["", "/a/:b"]]);
  });
});

describe("observe() and WebSockets", () => {
  it("tells what a connection was handed over to, and how that ended", async () => {
    await using w = await wsWorld(echo);
    const notes = new Notes();
    const ended: unknown[] = [];
    w.server.observe(notes);
    w.server.observe({
      upgradeEnded: ({ protocol, conn, duration, code, error }) =>
        void ended.push([protocol, conn.id, duration >= 1000, code, error]),
    });
    const [first, second] = [await w.connect(), await w.connect()];
    assertEquals(notes.over.map(({ status, upgrade }) => [status, upgrade]), [[101, "websocket"], [101, "websocket"]]);
    await w.until(first.send("a"));
    await w.pass(1000);
    await w.until(first.close(3001, "enough"));
    second.abort();
    await w.pass(100);
    const [well, badly] = ended as unknown[][];
    assertEquals(well, ["websocket", 1, true, 3001, undefined]);
    assertEquals([badly[1], badly[3]], [2, 1006]);
    assertInstanceOf(badly[4], Error);
  });

  it("counts what WebSockets do, in the server's stats", async () => {
    await using w = await wsWorld(echo);
    assertEquals(w.server.http.upgraded, {});
    const ws = await w.connect();
    const before = w.server.http.upgraded.websocket;
    for (const text of ["a", "b", "c"]) await w.until(ws.send(text));
    await w.pass(20);
    const { websocket } = w.server.http.upgraded;
    assertNotStrictEquals(before, websocket);
    assertEquals([before.began, before.active, before.received], [1, 1, 0]);
    assertEquals([websocket.received, websocket.sent, websocket.dropped], [3, 3, 0]);
    await w.until(ws.close(1000));
    await w.pass(20);
    const { began, active, ends } = w.server.http.upgraded.websocket;
    assertEquals([began, active, ends], [1, 0, { 1000: 1 }]);
  });

  it("counts no more close codes than there is room for", async () => {
    await using w = await wsWorld(echo);
    for (let code = 4000; code < 4040; code++) {
      const ws = await w.connect();
      await w.until(ws.close(code));
    }
    await w.pass(20);
    const { ends } = w.server.http.upgraded.websocket;
    assertEquals([Object.keys(ends).length, ends.other], [33, 8]);
    assert(Object.hasOwn(ends, 4031));
  });
});

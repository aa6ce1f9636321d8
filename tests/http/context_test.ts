/** What belongs to one request and to nothing else: its signals, and the async context of its handler. */
import { AsyncLocalStorage } from "node:async_hooks";
import net from "node:net";
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type Handler, lines, serve, type Server, silentLogger } from "../../mod.ts";
import { type HttpContext, type HttpHandler, reply, serveHttp } from "../../src/http/mod.ts";
import { httpWorld, pathOf, request } from "../support/http_world.ts";

describe("ctx.draining", () => {
  it("is the request's own: a drain tells nobody whose request is over, and everybody else", async () => {
    const heard: string[] = [];
    const signals = new Set<AbortSignal>();
    await using w = await httpWorld(async (req, ctx) => {
      ctx.draining.addEventListener("abort", () => heard.push(ctx.target));
      signals.add(ctx.draining);
      if (pathOf(req) === "/slow") await w.sleep(300);
      return reply("x");
    });
    const peer = await w.ask([request("/1"), request("/2"), request("/3")]);
    const slow = await w.ask(request("/slow"));
    const report = w.server.shutdown();
    await w.pass(10);
    assertEquals([heard, signals.size], [["/slow"], 4]);
    await w.until(report);
    assertEquals([peer.answers.length, slow.told], [3, ["200 x, close"]]);
  });

  it("is aborted already for who looks late, and is a fresh one after resume()", async () => {
    const seen: [string, boolean][] = [];
    let held!: HttpContext;
    await using w = await httpWorld(async (_request, ctx) => {
      held = ctx;
      if (ctx.target === "/early") assertEquals(ctx.draining.aborted, false);
      await w.sleep(100);
      seen.push([ctx.target, ctx.draining.aborted]);
      await w.sleep(100);
      seen.push([ctx.target, ctx.draining.aborted]);
      return reply("x");
    }, { lameDuck: 1000 });
    for (const target of ["/early", "/late"]) {
      const peer = await w.ask(request(target));
      const report = w.server.shutdown();
      await w.pass(120);
      assertEquals(w.server.resume(), true);
      await w.until(report);
      await w.pass(200);
      assertEquals([peer.statuses, held.draining.aborted], [[200], false]);
    }
    assertEquals(seen, [["/early", true], ["/early", false], ["/late", true], ["/late", false]]);
  });

  it("of a request that looked once is no obstacle to the drain behind one that was called off", async () => {
    await using w = await httpWorld(async (_request, ctx) => {
      assertEquals(ctx.draining.aborted, false);
      await w.sleep(1000);
      return reply(`${ctx.draining.aborted}`);
    }, { lameDuck: 200, acceptQuiet: 200 });
    const peer = await w.ask(request("/"));
    for (let i = 0; i < 3; i++) {
      const calledOff = w.server.shutdown();
      assertEquals(w.server.resume(), true);
      assertEquals((await w.until(calledOff)).resumed, true);
    }
    const report = await w.until(w.server.shutdown());
    assertEquals([report.clean, peer.told], [true, ["200 true, close"]]);
  });
});

describe("request.signal", () => {
  it("does not abort behind a whole answer, though the context ends", async () => {
    const kept: [Request, HttpContext][] = [];
    await using w = await httpWorld((req, ctx) => {
      // Some look at it before as well, one only afterwards.
      if (req.body !== null) assertEquals([req.signal.aborted, ctx.signal.aborted], [false, false]);
      kept.push([req, ctx]);
      if (ctx.target === "/stream") return new Response(new ReadableStream({ start: (c) => c.close() }));
      return req.body === null ? reply("x") : req.text().then(reply);
    });
    await w.ask([request("/"), request("/", { body: "text" }), request("/stream")]);
    const peer = w.peers[0];
    peer.conn.closeWrite();
    await w.pass(50);
    assertEquals(peer.answers.length, 3);
    for (const [req, ctx] of kept) {
      assertEquals([req.signal.aborted, ctx.signal.aborted], [false, true]);
    }
  });

  it("aborts when the client goes before that, and at the end of a drain's grace", async () => {
    const kept: Request[] = [];
    await using w = await httpWorld((req, ctx) => {
      // One is looked at before, one only afterwards.
      if (kept.push(req) === 1) assert(!req.signal.aborted);
      return new Promise((resolve) => ctx.signal.addEventListener("abort", () => resolve(reply("late"))));
    }, { grace: 1000 });
    for (let i = 0; i < 2; i++) (await w.ask(request("/"))).conn.abort();
    await w.ask(request("/"));
    await w.pass(10);
    assertEquals(kept.map(({ signal }) => signal.aborted), [true, true, false]);
    await w.until(w.server.shutdown());
    assertEquals(kept[2].signal.reason.name, "DrainTimeoutError");
  });
});

const user = new AsyncLocalStorage<string>();
const startedIn = new AsyncLocalStorage<string>();

/** Sends each text when what came has as many lines as were asked for before, and gives all lines. */
async function talk(port: number, texts: readonly string[], end: string): Promise<string[]> {
  const socket = net.connect(port, "127.0.0.1");
  let got = "";
  const ends = () => got.split(end).length - 1;
  for (const [index, text] of texts.entries()) {
    socket.write(text);
    while (ends() < index + 1) {
      await new Promise((resolve, reject) => socket.once("data", (data) => resolve(got += data)).once("error", reject));
    }
  }
  socket.destroy();
  return got.match(/<[^>]*>/g) ?? [];
}

function portOf({ address }: Server): number {
  return address.transport === "tcp" ? address.port : 0;
}

const HTTP_REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OPTIONS = { port: 0, hostname: "127.0.0.1", logger: silentLogger };

/** What the handler found, and then takes for itself. */
function enter(name: string): string {
  const found = `<${user.getStore() ?? "nobody"} in ${startedIn.getStore() ?? "nothing"}>`;
  user.enterWith(name);
  return found;
}

describe("a handler's async context", () => {
  const handler: HttpHandler = async (_request, ctx) => {
    const found = enter(ctx.requestId);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return reply(user.getStore() === ctx.requestId ? found : "<lost>");
  };

  it("is its server's, whatever the requests before it, on its connection and on others, have entered", async () => {
    for (const quick of [false, true]) {
      const served: HttpHandler = (req, ctx) => quick ? reply(enter(ctx.requestId)) : handler(req, ctx);
      await using server = await startedIn.run("main", () => serveHttp(OPTIONS, served));
      const one = await talk(portOf(server), Array(3).fill(HTTP_REQUEST), ">");
      const two = await talk(portOf(server), [HTTP_REQUEST.repeat(3)], ">");
      await new Promise((resolve) => setTimeout(resolve, 100));
      assertEquals([...one, two[0]], Array(4).fill("<nobody in main>"));
    }
  });

  it("is its own when it waited for its turn, behind somebody else's", async () => {
    await using server = await startedIn.run(
      "main",
      () => serveHttp({ ...OPTIONS, maxConcurrentRequests: 1 }, handler),
    );
    const all = await Promise.all([1, 2, 3].map(() => talk(portOf(server), [HTTP_REQUEST], ">")));
    assertEquals(all.flat(), Array(3).fill("<nobody in main>"));
  });

  it("of bytes is its own too, though it was admitted when another left", async () => {
    const served: Handler = async (conn) => {
      const found = enter(`${conn.id}`);
      for await (const _ of lines(conn)) await conn.write(user.getStore() === `${conn.id}` ? `${found}\n` : "<lost>\n");
    };
    const limits = { maxConnections: 1, policy: "queue" } as const;
    await using server = await startedIn.run("main", () => serve({ ...OPTIONS, ...limits }, served));
    const all = await Promise.all([1, 2, 3].map(() => talk(portOf(server), ["a\n", "b\n"], "\n")));
    assertEquals(all.flat(), Array(6).fill("<nobody in main>"));
  });
});

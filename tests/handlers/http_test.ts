import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { type Conn, connect, lines, serve, type Server, silentLogger } from "../../mod.ts";
import { upgradeWebSocket } from "../../src/websocket/mod.ts";
import { eventStream, type HttpContext, type HttpHandler, reply } from "../../src/http/mod.ts";
import type { HttpPeer } from "../support/handler_http_peer.ts";
import { http } from "../support/handler_kinds.ts";
import { job, once, pause, type Scene, table } from "../support/handlers.ts";

const quietly = () => {};
const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nupgrade: lines\r\nconnection: upgrade\r\n\r\n";
const pathOf = (request: Request) => new URL(request.url).pathname;
const get = (peer: HttpPeer) => peer.ask("/a");

/** Numbers as a stream, one every `every` ms. */
function counting(count: number, every: number, signal?: AbortSignal): ReadableStream<Uint8Array> {
  let next = 0;
  return new ReadableStream({
    async pull(controller) {
      if (next === count || signal?.aborted) return controller.close();
      controller.enqueue(new TextEncoder().encode(`${next++},`));
      await pause(every);
    },
  });
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i},`).join("");

async function* ticks(signal: AbortSignal) {
  for (let i = 0; !signal.aborted; i++) {
    yield { data: String(i) };
    await pause(200);
  }
}

/** Sends a body of `count` pieces of `size` bytes. */
async function upload(peer: HttpPeer, count: number, size: number, every: number): Promise<void> {
  peer.begin("/up", { "content-length": count * size });
  for (let i = 0; i < count; i++) {
    await pause(every);
    peer.more("x".repeat(size));
  }
}

const length: HttpHandler = async (request) => reply(`${(await request.bytes()).length}`);

/** A line server behind the one that is stopped: each line is answered after 600 ms. */
function upstream(scene: Scene<HttpPeer>): Promise<Server> {
  const server = serve({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, async (conn) => {
    for await (const line of lines(conn)) job(line).then((result) => conn.write(`${result}\n`)).catch(quietly);
  });
  scene.defer(async () => (await server).close());
  return server;
}

const portOf = async (server: Promise<Server>) => ((await server).address as { port: number }).port;

/** Bytes both ways, until both have ended. */
async function tunnel(a: Conn, b: Conn): Promise<void> {
  const pump = async (from: Conn, to: Conn) => {
    try {
      for (let chunk = await from.read(); chunk !== null; chunk = await from.read()) await to.write(chunk);
      await to.closeWrite();
    } catch (error) {
      to.abort(error);
    }
  };
  await Promise.all([pump(a, b), pump(b, a)]);
}

/** Another protocol on a connection that was HTTP's. */
function switched(ctx: HttpContext): Conn {
  const conn = ctx.hijack();
  conn.write(SWITCH);
  return conn;
}

table("handlers of requests", [
  http({
    name: "an answer at once",
    handler: () => () => reply("hello"),
    client: get,
    sees: "200 hello\n",
  }),
  http({
    name: "600 ms of work",
    handler: () => async (request) => reply(await job(pathOf(request))),
    client: get,
    sees: "200 /a!\n",
    work: 400,
  }),
  http({
    name: "600 ms of work, and a Response",
    handler: () => async (request) => new Response(await job(pathOf(request))),
    client: get,
    sees: "200 /a!\n",
    work: 400,
  }),
  http({
    name: "two seconds of work",
    handler: () => async (request) => reply(await job(pathOf(request), 2000)),
    client: get,
    sees: "200 /a!\n",
    work: 1800,
  }),
  http({
    name: "a stream of two seconds",
    handler: () => () => new Response(counting(20, 100)),
    client: get,
    sees: `200 ${numbers(20)}\n`,
    work: 1800,
  }),
  http({
    name: "a stream that goes on beyond patience",
    handler: () => () => new Response(counting(16, 200)),
    client: get,
    sees: `200 ${numbers(16)}\n`,
    work: 3000,
    trips: [0],
    over: ["tcp", "tls"],
  }),
  http({
    name: "a stream that ends when it drains",
    handler: () => (_request, ctx) => new Response(counting(1000, 50, ctx.draining)),
    client: get,
    sees: /^200 (\d+,)+\n$/,
    life: false,
    work: 100,
  }),
  http({
    name: "a stream without an end",
    handler: () => () => new Response(counting(1000, 100)),
    client: get,
    life: false,
    drain: { sees: "", end: "reset", clean: false, cut: 1, atMost: 6200, atLeast: 4000 },
  }),
  http({
    name: "events that end in a drain",
    handler: () => (_request, ctx) => eventStream(ctx, ticks),
    client: get,
    sees: /^200 data: 0\n\n(data: \d+\n\n)*retry: \d+\n\n\n$/,
    life: false,
  }),
  http({
    name: "events that go on in a drain, and whose source watches it",
    handler: () => (_request, ctx) => eventStream(ctx, () => ticks(ctx.draining), { onDrain: "wait" }),
    client: get,
    sees: /^200 data: 0\n\n(data: \d+\n\n)*\n$/,
    life: false,
  }),
  http({
    name: "events that go on in a drain",
    handler: () => (_request, ctx) => eventStream(ctx, ticks, { onDrain: "wait" }),
    client: get,
    life: false,
    drain: { sees: "", end: "reset", clean: false, cut: 1, atMost: 6200, atLeast: 4000 },
  }),
  http({
    name: "events that are cut in a drain",
    handler: () => (_request, ctx) => eventStream(ctx, ticks, { onDrain: "cut" }),
    client: get,
    life: false,
    drain: { sees: "", end: "reset", clean: null },
  }),
  http({
    name: "an upload in flight, a piece every 100 ms",
    handler: () => length,
    client: (peer) => upload(peer, 10, 1000, 100),
    sees: "200 10000\n",
    work: 800,
  }),
  http({
    name: "an upload in flight, a piece every 300 ms",
    handler: () => length,
    grace: 10_000,
    client: (peer) => upload(peer, 10, 1000, 300),
    sees: "200 10000\n",
    work: 2800,
  }),
  http({
    name: "an upload in chunks",
    handler: () => length,
    client: async (peer) => {
      peer.begin("/up", { "transfer-encoding": "chunked" });
      for (let i = 0; i < 6; i++) {
        await pause(100);
        peer.more("3\r\nabc\r\n");
      }
      peer.more("0\r\n\r\n");
    },
    sees: "200 18\n",
    work: 400,
  }),
  http({
    name: "an upload that is echoed as it comes",
    handler: () => (request) => new Response(request.body),
    client: (peer) => upload(peer, 10, 10, 100),
    sees: `200 ${"x".repeat(100)}\n`,
    work: 800,
  }),
  http({
    name: "an upload that nobody reads",
    handler: () => async () => reply(await job("no")),
    client: (peer) => upload(peer, 5, 1000, 50),
    sees: "200 no!\n",
    work: 400,
  }),
  http({
    name: "an upload that never comes to its end: reading it rejects when ctx.signal aborts",
    handler: (scene) => async (request, ctx) => {
      let abortedAt = 0;
      ctx.signal.addEventListener("abort", () => abortedAt = performance.now());
      try {
        return await length(request, ctx);
      } catch (error) {
        scene.note(performance.now() - abortedAt < 1000 ? "at once" : "late");
        throw error;
      }
    },
    client: (peer) => {
      peer.begin("/up", { "content-length": 10_000 });
      peer.more("x".repeat(4000));
    },
    sees: (peer) => assertEquals(peer.answers.filter(({ status }) => status === 200), []),
    life: false,
    leaves: false,
    drain: { end: null, clean: null, atMost: 6200, notes: ["at once"] },
  }),
  http({
    name: "a body that is waited for with 100-continue",
    handler: () => length,
    client: async (peer) => {
      peer.begin("/up", { "content-length": 3, expect: "100-continue" });
      await peer.until("100", () => peer.reader.interim.includes(100) || peer.end !== "open");
      await pause(400);
      peer.more("abc");
    },
    sees: "200 3\n",
    work: 400,
  }),
  http({
    name: "an idle connection that asks once more within idleGrace",
    handler: () => (request) => reply(pathOf(request)),
    client: async (peer) => {
      peer.ask("/a");
      await peer.answered(1);
      await pause(600);
      peer.ask("/b");
    },
    sees: "200 /a\n200 /b\n",
    work: 400,
  }),
  http({
    name: "a kept-alive connection that asks as soon as it is answered",
    handler: () => (request) => reply(pathOf(request)),
    client: async (peer) => {
      for (let i = 1; peer.end === "open" && !peer.answers.some(({ closes }) => closes); i++) {
        peer.ask("/a");
        await peer.answered(i);
        await pause(20);
      }
    },
    sees: (peer) => assertEquals([peer.reader.methods.length, peer.answers.at(-1)?.closes], [0, true]),
    life: false,
  }),
  http({
    name: "eight requests in one write, 100 ms each",
    handler: () => async (request) => reply(await job(pathOf(request), 100)),
    client: (peer) => peer.askAll(["/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8"]),
    sees: "200 /1!\n200 /2!\n200 /3!\n200 /4!\n200 /5!\n200 /6!\n200 /7!\n200 /8!\n",
    work: 600,
  }),
  http({
    name: "a request behind another that runs",
    handler: () => async (request) => reply(await job(pathOf(request), 400)),
    client: async (peer) => {
      peer.ask("/1");
      await pause(300);
      peer.ask("/2");
    },
    sees: "200 /1!\n200 /2!\n",
    work: 600,
  }),
  http({
    name: "a request that is on its way when the stop comes",
    handler: () => (request) => reply(pathOf(request)),
    client: get,
    stopAt: -60,
    trips: [200],
    sees: "200 /a\n",
    leaves: false,
  }),
  http({
    name: "a head that comes in two parts around the stop",
    handler: () => (request) => reply(pathOf(request)),
    client: async (peer) => {
      peer.reader.methods.push("GET");
      peer.more("GET /a HTTP/1.1\r\nHo");
      await pause(500);
      peer.more("st: test\r\n\r\n");
    },
    sees: "200 /a\n",
    work: 300,
  }),
  http({
    name: "a client that half-closes behind its request",
    handler: () => async (request) => reply(await job(pathOf(request))),
    client: (peer) => {
      peer.ask("/a");
      peer.leave();
    },
    sees: "200 /a!\n",
    work: 400,
  }),
  http({
    name: "Connection: close",
    handler: () => async (request) => reply(await job(pathOf(request))),
    client: (peer) => peer.ask("/a", { headers: { connection: "close" } }),
    sees: "200 /a!\n",
    work: 400,
  }),
  http({
    name: "HEAD, 204 and 304",
    handler: () => async (request) => {
      await pause(200);
      const status = Number(pathOf(request).slice(1));
      return status === 200 ? reply("hello") : new Response(null, { status });
    },
    client: (peer) => {
      peer.ask("/200", { method: "HEAD" });
      peer.ask("/204");
      peer.ask("/304");
    },
    sees: "200 \n204 \n304 \n",
    work: 400,
  }),
  http({
    name: "early hints, then 600 ms of work",
    handler: () => async (request, ctx) => {
      ctx.earlyHints({ link: "</a.css>; rel=preload" });
      return reply(await job(pathOf(request)));
    },
    client: get,
    sees: (peer) => assertEquals([peer.saw, peer.reader.interim], ["200 /a!\n", [103]]),
    life: { sees: "200 /a!\n" },
    work: 400,
  }),
  http({
    name: "work that goes on behind the answer",
    handler: (scene) => (_request, ctx) => {
      ctx.waitUntil(job("", 800).then(() => scene.note("done")));
      return reply("ok");
    },
    client: get,
    sees: "200 ok\n",
    work: 600,
    drain: { notes: ["done"] },
  }),
  http({
    name: "work behind the answer that fails",
    handler: () => (_request, ctx) => {
      ctx.waitUntil(job("", 300).then(() => Promise.reject(new Error("no luck"))));
      return reply("ok");
    },
    client: get,
    sees: "200 ok\n",
    work: 100,
  }),
  http({
    name: "throws after 600 ms",
    handler: () => async () => {
      await pause(600);
      throw new Error("boom");
    },
    client: get,
    sees: /^500 /,
    work: 400,
  }),
  http({
    name: "rejects with nothing",
    handler: () => () => Promise.reject(undefined),
    client: get,
    sees: /^500 /,
  }),
  http({
    name: "answers with what is no Response",
    handler: () => () => "hello" as unknown as Response,
    client: get,
    sees: /^500 /,
  }),
  http({
    name: "a body that breaks in the middle",
    handler: () => () => {
      let first = true;
      return new Response(
        new ReadableStream<Uint8Array>({
          async pull(controller) {
            if (!first) await pause(300);
            if (first) controller.enqueue(new TextEncoder().encode("half"));
            else controller.error(new Error("boom"));
            first = false;
          },
        }),
      );
    },
    client: get,
    life: false,
    sees: "",
    end: "reset",
    drain: { clean: null, work: 200 },
  }),
  http({
    name: "gives up when ctx.signal aborts",
    handler: () => async (_request, ctx) => {
      await once(ctx.signal);
      throw ctx.signal.reason;
    },
    client: get,
    life: false,
    sees: /^503 /,
    drain: { atMost: 6200, atLeast: 4000, clean: null },
  }),
  http({
    name: "never gives up",
    handler: () => () => new Promise<Response>(quietly),
    client: get,
    sees: (peer, { report }) => assertEquals([peer.saw, report?.cut[0]?.handlerRunning], ["", true]),
    life: false,
    leaves: false,
    drain: { end: "reset", clean: false, cut: 1, atMost: 6200, atLeast: 4000 },
  }),
  http({
    name: "a long poll that answers when it drains",
    handler: () => async (_request, ctx) => {
      await Promise.race([once(ctx.draining), once(ctx.signal)]);
      return new Response(null, { status: 204 });
    },
    client: get,
    life: false,
    sees: "204 \n",
  }),
  http({
    name: "a gateway: asks a line server for each request",
    handler: (scene) => {
      const server = upstream(scene);
      return async (request) => {
        const conn = await connect({ port: await portOf(server) });
        const text = lines(conn);
        await text.send(pathOf(request));
        const { value } = await text.next();
        await conn.close();
        return reply(String(value));
      };
    },
    client: get,
    sees: "200 /a!\n",
    work: 400,
  }),
  http({
    name: "a gateway on fetch",
    handler: (scene) => {
      const inner = import("../../src/http/mod.ts").then(({ serveHttp }) =>
        serveHttp({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, async () => reply(await job("inner")))
      );
      scene.defer(async () => (await inner).close());
      return async (_request, ctx) => {
        const { port } = (await inner).address as { port: number };
        return await fetch(`http://127.0.0.1:${port}/`, { signal: ctx.signal, headers: { connection: "close" } });
      };
    },
    client: get,
    sees: "200 inner!\n",
    work: 400,
    leaves: false,
  }),
  http({
    name: "eight megabytes to a reader of eight megabytes a second",
    handler: () => () => new Response(new Uint8Array(8 << 20)),
    client: (peer) => {
      peer.peer.readAt(8000);
      peer.ask("/a");
    },
    sees: (peer) => assertEquals(peer.answers.map(({ body }) => body.length), [8 << 20]),
    life: false,
    over: ["tcp", "unix"],
    trips: [0],
    drain: { atMost: 6000 },
  }),
  http({
    name: "a hijacked line protocol, one after the other",
    handler: () => async (_request, ctx) => {
      const conn = switched(ctx);
      for await (const line of lines(conn)) await conn.write(`${await job(line)}\n`);
      return undefined;
    },
    client: (peer) => {
      peer.switchTo("/");
      peer.more("a\n");
    },
    sees: `${SWITCH}a!\n`,
    work: 400,
  }),
  http({
    name: "a hijacked line protocol that reads ahead",
    handler: () => async (_request, ctx) => {
      const conn = switched(ctx);
      for await (const line of lines(conn)) job(line).then((result) => conn.write(`${result}\n`)).catch(quietly);
      return undefined;
    },
    client: (peer) => {
      peer.switchTo("/");
      peer.more("a\n");
    },
    sees: `${SWITCH}a!\n`,
    work: 400,
  }),
  http({
    name: "a tunnel as CONNECT makes it, the other end answers after 600 ms",
    handler: (scene) => {
      const server = upstream(scene);
      return async (_request, ctx) => {
        const out = await connect({ port: await portOf(server) });
        await tunnel(switched(ctx), out);
        return undefined;
      };
    },
    client: (peer) => {
      peer.switchTo("/");
      peer.more("a\n");
    },
    sees: `${SWITCH}a!\n`,
    work: 400,
  }),
  http({
    name: "a tunnel as CONNECT makes it, the other end sends twenty chunks in two seconds",
    handler: (scene) => {
      const server = serve({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, async (conn) => {
        for (let i = 0; i < 20; i++) {
          await conn.write(`${i}\n`);
          await pause(100);
        }
        await conn.closed;
      });
      scene.defer(async () => (await server).close());
      return async (_request, ctx) => {
        const out = await connect({ port: await portOf(server) });
        await tunnel(switched(ctx), out);
        return undefined;
      };
    },
    client: (peer) => peer.switchTo("/"),
    life: { work: 2500 },
    sees: SWITCH + Array.from({ length: 20 }, (_, i) => `${i}\n`).join(""),
    work: 1800,
  }),
  http({
    name: "an upgrade that comes in a drain is refused",
    handler: () => (request) => upgradeWebSocket(request, quietly),
    client: async (peer) => {
      await pause(400);
      peer.ask("/", {
        headers: {
          connection: "upgrade",
          upgrade: "websocket",
          "sec-websocket-version": 13,
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
      });
    },
    sees: /^503 /,
    work: 300,
    life: false,
    leaves: false,
  }),
  http({
    name: "requests of forty connections, 600 ms each",
    handler: () => async (request) => reply(await job(pathOf(request))),
    prepare: async (_peer, scene) => {
      for (let i = 1; i < 40; i++) await scene.open();
    },
    client: (_peer, scene) => scene.callers.forEach(get),
    sees: (_peer, scene) => assertEquals(scene.callers.filter(({ saw }) => saw === "200 /a!\n").length, 40),
    work: 400,
    over: ["tcp"],
    life: false,
  }),
  http({
    name: "ten requests at once where one may run, 100 ms each",
    handler: () => async (request) => reply(await job(pathOf(request), 100)),
    options: { maxConcurrentRequests: 1 },
    prepare: async (_peer, scene) => {
      for (let i = 1; i < 10; i++) await scene.open();
    },
    client: (_peer, scene) => scene.callers.forEach(get),
    sees: (_peer, scene) => assertGreaterOrEqual(scene.callers.filter(({ saw }) => saw === "200 /a!\n").length, 10),
    work: 800,
    over: ["tcp"],
    life: false,
  }),
]);

/** Spans over real sockets: the current span of handlers is the runtime's to carry. */
import { describe, it } from "node:test";
import * as api from "@opentelemetry/api";
import { assertEquals } from "@std/assert";
import { serve, silentLogger } from "../../mod.ts";
import { contextOf, reply, serveHttp, traceHeaders } from "../../src/http/mod.ts";
import { Traces } from "../../src/traces/mod.ts";
import { connectWebSocket, upgradeWebSocket } from "../../src/websocket/mod.ts";
import { idOf, inSpan, parentOf, Spans } from "../support/spans.ts";

const PLACE = { port: 0, hostname: "127.0.0.1", logger: silentLogger };
const ROUNDS = 8;

const soon = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe("spans over real sockets", () => {
  it("of a call from a handler to another server are one trace, requests of one connection are not", async () => {
    using spans = new Spans();
    const users = await serveHttp(PLACE, (request) => {
      contextOf(request).route = "/users";
      return reply("ada");
    });
    const shop = await serveHttp(PLACE, async (request, ctx) => {
      ctx.route = "/orders";
      const body = await request.text();
      await soon();
      return await inSpan(`call ${body}`, async () => {
        await soon();
        const answer = await fetch(users.url, { headers: traceHeaders(ctx) });
        return await inSpan(`read ${body}`, async () => new Response(await answer.text()));
      });
    });
    using _traces = new Traces({ api, servers: [users, shop] });
    const ask = (body: string) => fetch(shop.url, { method: "POST", body }).then((answer) => answer.text());
    const bodies = Array.from({ length: ROUNDS }, (_, i) => `${i}`);
    await Promise.all(bodies.map(ask));
    for (const body of bodies) await ask(`late ${body}`);
    await Promise.all([users.shutdown(), shop.shutdown()]);
    const orders = new Map(spans.all.filter(({ name }) => name === "POST /orders").map((span) => [idOf(span), span]));
    const called = spans.all.filter(({ name }) => name === "GET /users");
    assertEquals([orders.size, called.length], [2 * ROUNDS, 2 * ROUNDS]);
    assertEquals(called.map(parentOf).sort(), [...orders.keys()].sort());
    for (const body of [...bodies, ...bodies.map((body) => `late ${body}`)]) {
      const [call, read] = [spans.named(`call ${body}`), spans.named(`read ${body}`)];
      assertEquals([orders.has(parentOf(call)!), parentOf(read)], [true, idOf(call)]);
    }
    assertEquals(new Set(spans.all.filter(({ name }) => name.startsWith("call")).map(parentOf)).size, 2 * ROUNDS);
    assertEquals(spans.all.filter(({ name }) => name === "drain").length, 2);
  });

  it("of a WebSocket are its request's children, and so is what its handler does", async () => {
    using spans = new Spans();
    const server = await serveHttp(PLACE, (request, ctx) =>
      upgradeWebSocket(request, async (ws) => {
        if (ctx.target === "/each") {
          const headers = traceHeaders(ctx);
          return ws.forEach((message) => traces.process({ headers }, () => ws.send(message)));
        }
        for await (const message of ws) await inSpan(`on ${message}`, () => ws.send(message));
      }));
    using traces = new Traces({ api, servers: [server] });
    const clients = [await connectWebSocket(server.url), await connectWebSocket(`${server.url}each`)];
    for (const [i, ws] of clients.entries()) {
      await ws.send(`${i}`);
      await ws[Symbol.asyncIterator]().next();
      await ws.close(1000);
      await ws.closed;
    }
    await server.shutdown();
    const requests = spans.all.filter(({ name }) => name === "GET").map(idOf);
    const lives = spans.all.filter(({ name }) => name === "websocket");
    assertEquals(lives.map(parentOf).sort(), [...requests].sort());
    const each = spans.named("process");
    assertEquals([parentOf(spans.named("on 0")), each.links[0].context.spanId, parentOf(each)], [
      ...requests,
      undefined,
    ]);
  });

  it("of a server that speaks no HTTP are its drains", async () => {
    using spans = new Spans();
    const server = await serve({ ...PLACE, name: "echo" }, (conn) => conn.close());
    using _traces = new Traces({ api, servers: [server] });
    await server.shutdown();
    assertEquals(spans.named("drain").attributes["sluice.server"], "echo");
    assertEquals(spans.named("drain").attributes["sluice.drain.outcome"], "clean");
  });
});

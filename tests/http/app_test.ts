/** Apps of frameworks and modules of other runtimes, mounted as they are. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Hono } from "hono";
import { createHttpServer, type HttpApp, type HttpContext, type HttpHandler, reply } from "../../src/http/mod.ts";
import { httpWorld, request } from "../support/http_world.ts";

/** Hono's own idea of what holds a request, and so Cloudflare's. */
type Holder = Parameters<Hono["fetch"]>[2];
const _context: (ctx: HttpContext) => Holder = (ctx) => ctx;
const _app: HttpApp = new Hono();
const _typed: HttpApp = new Hono<{ Bindings: HttpContext }>();
const _handler: HttpHandler = new Hono().fetch;
// @ts-expect-error bindings of Cloudflare are not there
const _bound: HttpApp = { fetch: (_request: Request, env: { DB: string }) => reply(env.DB) };

/** An app that works behind its answers. */
function behind(work: () => Promise<unknown>): Hono {
  const app = new Hono();
  app.get("/", (c) => {
    c.executionCtx.passThroughOnException();
    c.executionCtx.waitUntil(work());
    return c.text(`${c.executionCtx === (c.env as unknown)} ${c.executionCtx.props}`);
  });
  return app;
}

describe("an app of Hono", () => {
  for (
    const [way, mount] of [["app", (app) => app], ["app.fetch", (app) => app.fetch]] as [
      string,
      (app: Hono) => HttpApp | HttpHandler,
    ][]
  ) {
    it(`mounted as ${way} has the request's context as c.executionCtx, and a drain waits for its work`, async () => {
      let isDone = false;
      const work = async (): Promise<void> => {
        await w.sleep(2000);
        isDone = true;
      };
      await using w = await httpWorld(mount(behind(work)), { grace: 10_000 });
      const peer = await w.ask(request("/"));
      await w.pass(10);
      assertEquals(peer.told, ["200 true undefined"]);
      const report = w.server.shutdown();
      await w.pass(1500);
      assertEquals(isDone, false);
      await w.until(report);
      assertEquals([isDone, (await report).clean], [true, true]);
    });
  }
});

describe("a module with fetch(request, env, ctx)", () => {
  it("is called as its own method, with the request's context twice", async () => {
    const calls: unknown[][] = [];
    const app: HttpApp = {
      fetch(...args) {
        assertStrictEquals(this, app);
        calls.push(args);
        return reply("x");
      },
    };
    await using w = await httpWorld(app);
    const peer = await w.ask(request("/a"));
    await w.pass(10);
    assertEquals(peer.told, ["200 x"]);
    const [[, env, ctx, ...rest]] = calls;
    assertEquals([calls.length, rest.length, (env as HttpContext).target], [1, 0, "/a"]);
    assertStrictEquals(env, ctx);
  });

  it("is one whose methods come from a class, and may change while it is served", async () => {
    class App {
      word = "one";
      fetch(): Response {
        return reply(this.word);
      }
    }
    const app = new App();
    await using w = await httpWorld(app);
    const peer = await w.ask(request("/"));
    await w.pass(10);
    app.fetch = () => reply("two");
    peer.ask(request("/"));
    await w.pass(10);
    assertEquals(peer.told, ["200 one", "200 two"]);
  });

  it("serves CONNECT by the same three arguments", async () => {
    const seen: unknown[] = [];
    const onConnect = (...args: unknown[]): Response => {
      seen.push(args.length, args[1] === args[2]);
      return reply("no tunnels", { status: 403 });
    };
    await using w = await httpWorld(() => reply("x"), { onConnect });
    const peer = await w.ask("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n");
    await w.pass(10);
    assertEquals([peer.statuses, seen], [[403], [3, true]]);
  });

  it("may be a function that has a fetch of its own: it is the function that is called", async () => {
    const handler = Object.assign(() => reply("called"), { fetch: () => reply("fetched") });
    await using w = await httpWorld(handler);
    const peer = await w.ask(request("/"));
    await w.pass(10);
    assertEquals(peer.told, ["200 called"]);
  });

  it("is taken by createHttpServer() as well", () => {
    assert(createHttpServer({}, { fetch: () => reply("x") }).state !== undefined);
  });
});

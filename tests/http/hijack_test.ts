import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { type Conn, type Consumer, lines, SluiceError } from "../../mod.ts";
import { type HttpContext, type HttpHandler, reply } from "../../src/http/mod.ts";
import { drain, Gate, httpWorld, pathOf, request } from "../support/http_world.ts";

const SWITCH = "HTTP/1.1 101 Switching Protocols\r\nupgrade: lines\r\nconnection: upgrade\r\n\r\n";
const upgrade = request("/up", { headers: { connection: "upgrade", upgrade: "lines" } });

/** Another protocol: answers each line. */
async function echo(conn: Conn): Promise<undefined> {
  conn.write(SWITCH);
  for await (const line of lines(conn)) await conn.write(`echo: ${line}\n`);
}

const ways: Record<string, HttpHandler> = {
  "at once": (_req, ctx) => echo(ctx.hijack()),
  "later": async (_req, ctx) => {
    await Promise.resolve();
    await new Promise((resolve) => queueMicrotask(() => resolve(null)));
    return echo(ctx.hijack());
  },
};

for (const [when, handler] of Object.entries(ways)) {
  describe(`hijack() ${when}`, () => {
    it("gives the connection away, with the bytes that arrived behind the request", async () => {
      await using w = await httpWorld(handler);
      const peer = await w.peer();
      peer.send(upgrade + "one\ntwo\nth");
      await w.pass(10);
      peer.send("ree\n");
      await w.pass(10);
      assertEquals(peer.text, `${SWITCH}echo: one\necho: two\necho: three\n`);
      assertEquals([w.server.http.active, w.server.http.requests], [1, 1]);
      peer.conn.closeWrite();
      await w.pass(10);
      assertEquals([peer.end, w.server.http.active, w.server.connections.size], ["fin", 0, 0]);
    });

    it("answers the requests before it first, and what comes behind it is no request", async () => {
      await using w = await httpWorld((req, ctx) => pathOf(req) === "/up" ? handler(req, ctx) : reply("ok"));
      const peer = await w.peer();
      peer.send(request("/1") + upgrade + "GET / HTTP/1.1\n");
      await w.pass(10);
      assertStringIncludes(peer.text, "\r\n\r\nok" + SWITCH + "echo: GET / HTTP/1.1\n");
      assertEquals(w.server.http.requests, 2);
    });

    it("is drained as any connection: a quiet moment, then FIN", async () => {
      await using w = await httpWorld(handler, { idleGrace: 200 });
      const peer = await w.peer();
      peer.send(upgrade + "one\n");
      await w.pass(10);
      const { report, since } = drain(w);
      await w.pass(100);
      peer.send("two\n");
      const { clean } = await w.until(report);
      assertEquals([peer.text, peer.end, clean], [`${SWITCH}echo: one\necho: two\n`, "fin", true]);
      assert(since(peer) < 650, `${since(peer)} ms`);
    });

    it("is cut and named when it goes on for ever", async () => {
      const gate = new Gate();
      await using w = await httpWorld(async (req, ctx) => {
        if (when === "later") await null;
        ctx.hijack().write(pathOf(req));
        await gate.promise;
        return undefined;
      }, { grace: 2000 });
      const peer = await w.peer();
      peer.send(upgrade);
      await w.pass(10);
      const { report } = drain(w);
      const { clean, cut } = await w.until(report);
      assertEquals([peer.end, clean, cut.length], ["reset", false, 1]);
      gate.open();
      await w.pass(10);
    });

    it("resets the connection when the handler fails then", async () => {
      await using w = await httpWorld(async (_req, ctx) => {
        if (when === "later") await null;
        ctx.hijack();
        throw new Error("boom");
      });
      const peer = await w.peer();
      peer.send(upgrade);
      await w.pass(10);
      assertEquals([peer.text, peer.end, w.server.http.active], ["", "reset", 0]);
      assertEquals(w.server.stats.handlerErrors, 1);
    });

    it("ends the context when the peer goes", async () => {
      let given!: HttpContext;
      await using w = await httpWorld((req, ctx) => handler(req, given = ctx));
      const peer = await w.peer();
      peer.send(upgrade);
      await w.pass(10);
      assertEquals(given.signal.aborted, false);
      peer.conn.abort();
      await w.pass(10);
      assertEquals(given.signal.aborted, true);
    });
  });
}

describe("hijack()", () => {
  it("leaves the connection to a consumer, which outlives the handler and reports for itself", async () => {
    const got: string[] = [];
    let conn!: Conn;
    const consumer: Consumer = {
      data: (chunk) => void got.push(new TextDecoder().decode(chunk)),
      end: () => void conn.close(),
      closed: () => {},
    };
    await using w = await httpWorld((req, ctx) => {
      if (pathOf(req) === "/slow") return w.sleep(5).then(() => reply("slow"));
      conn = ctx.hijack();
      conn.consume(consumer);
      conn.report(true, false);
      return undefined;
    });
    // The first request makes the connection busy before the second one takes it over.
    const peer = await w.peer();
    peer.send(request("/slow") + upgrade + "one");
    await w.pass(10);
    assertEquals([got, conn.state, w.server.http.active], [["one"], "active", 0]);
    peer.send("two");
    await w.pass(10);
    assertEquals([got, conn.state], [["one", "two"], "active"]);
    conn.report(false, false);
    assertEquals(conn.state, "idle");
  });

  it("is refused when an answer has begun, a second time, and when the client has gone", async () => {
    const errors: unknown[] = [];
    const tried = new Gate();
    await using w = await httpWorld(async (req, ctx) => {
      const attempt = () => errors.push(assertThrows(() => ctx.hijack(), SluiceError, "hijack"));
      switch (pathOf(req)) {
        case "/twice":
          ctx.hijack();
          attempt();
          return undefined;
        case "/gone":
          await w.sleep(50);
          attempt();
          return undefined;
        default:
          w.sleep(50).then(attempt).then(() => tried.open());
          return reply("x");
      }
    });
    await w.ask(request("/"), 100);
    await tried.promise;
    const gone = await w.ask(request("/gone"));
    gone.conn.abort();
    const twice = await w.peer();
    twice.send(request("/twice"));
    await w.pass(100);
    assertEquals(errors.length, 3);
  });

  it("frees its turn when the connection ends, and not before", async () => {
    await using w = await httpWorld((req, ctx) => pathOf(req) === "/up" ? echo(ctx.hijack()) : reply("x"), {
      maxConcurrentRequests: 1,
      queueTimeout: 0,
    });
    const peer = await w.peer();
    peer.send(upgrade);
    await w.pass(10);
    const other = await w.ask(request("/"), 1000);
    assertEquals([other.statuses, w.server.http.queued], [[], 1]);
    peer.conn.closeWrite();
    await w.pass(10);
    assertEquals(other.statuses, [200]);
  });
});

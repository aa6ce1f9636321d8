/** `upgradeWebSocket()` and `contextOf()` under a framework that hands on the request, and middleware around them. */
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Hono } from "hono";
import { compress } from "hono/compress";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { logger } from "hono/logger";
import { poweredBy } from "hono/powered-by";
import { prettyJSON } from "hono/pretty-json";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { timeout } from "hono/timeout";
import { timing } from "hono/timing";
import { jsonLogger, SluiceError } from "../../mod.ts";
import { contextOf, type HttpContext, type HttpHandler, nativeRequest, reply, serveHttp } from "../../src/http/mod.ts";
import { connectWebSocket, upgradeWebSocket, type WebSocketConn } from "../../src/websocket/mod.ts";
import { httpWorld, type Peer, request } from "../support/http_world.ts";

const HANDSHAKE = request("/ws", {
  headers: {
    connection: "Upgrade",
    upgrade: "websocket",
    origin: "http://test",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  },
});

/** The head of the answer to a handshake: its status line, and its fields by lower-case names, sorted. */
function headOf(peer: Peer): { status: string; names: string[]; fields: Record<string, string> } {
  const [status, ...lines] = peer.text.split("\r\n\r\n")[0].split("\r\n");
  const pairs = lines.map((
    line,
  ): [string, string] => [line.split(":")[0].toLowerCase(), line.replace(/^[^:]*: */, "")]);
  return { status, names: pairs.map(([name]) => name).sort(), fields: Object.fromEntries(pairs) };
}

async function echo(ws: WebSocketConn): Promise<void> {
  for await (const message of ws) await ws.send(`${message} back`);
}

describe("upgradeWebSocket() under Hono", () => {
  const middleware = {
    cors: cors(),
    "cors with an origin": cors({ origin: "http://test", credentials: true }),
    logger: logger(() => {}),
    secureHeaders: secureHeaders(),
    timing: timing(),
    requestId: requestId(),
    poweredBy: poweredBy(),
    prettyJSON: prettyJSON(),
    etag: etag(),
    compress: compress(),
    timeout: timeout(5000),
  };

  it("with one middleware, with all of them, and with fields set in front and behind, is a WebSocket", async () => {
    const all = Object.values(middleware);
    const chains: [string, typeof all][] = [
      ...Object.entries(middleware).map(([name, one]): [string, typeof all] => [name, [one]]),
      ["all", all],
      ["none", []],
    ];
    for (const [name, chain] of chains) {
      const errors: unknown[] = [];
      const app = new Hono();
      app.onError((error, c) => {
        errors.push(error);
        return c.text("failed", 500);
      });
      app.use("*", ...chain as [typeof all[0]]);
      app.use("*", async (c, next) => {
        c.header("x-front", "1");
        await next();
        c.header("x-behind", "2");
        c.res.headers.append("set-cookie", "a=b");
      });
      app.get("/ws", (c) => upgradeWebSocket(c.req.raw, echo));
      await using server = await serveHttp({ port: 0, hostname: "127.0.0.1", idleGrace: 50 }, (req) => app.fetch(req));
      const ws = await connectWebSocket(server.url.replace("http", "ws") + "ws");
      await ws.send("there and");
      assertEquals([name, (await ws.next()).value, errors], [name, "there and back", []]);
      await ws.close();
    }
  });
});

describe("upgradeWebSocket()", () => {
  it("gives a Response of 101, and what is added to it or to a copy goes out with the handshake's answer", async () => {
    const ways: Record<string, (given: Response) => Response> = {
      itself: (given) => {
        assertEquals([given.status, given.ok, given.body, given.bodyUsed], [101, false, null, false]);
        assertEquals(given instanceof Response, true);
        given.headers.set("x-added", "1");
        return given;
      },
      "a copy": (given) => {
        const copy = new Response(given.body, given);
        copy.headers.set("x-added", "1");
        assertEquals(given.status, 101);
        return copy;
      },
      "a clone": (given) => {
        const copy = given.clone();
        copy.headers.set("x-added", "1");
        return copy;
      },
      "a copy of its fields": (given) => {
        const headers = new Headers(given.headers);
        headers.set("x-added", "1");
        headers.set("content-type", "text/plain");
        headers.set("content-length", "7");
        return new Response(null, { headers });
      },
    };
    for (const [way, change] of Object.entries(ways)) {
      for (const isAsync of [false, true]) {
        await using w = await httpWorld((req) => {
          const changed = change(upgradeWebSocket(req, echo));
          return isAsync ? w.sleep(10).then(() => changed) : changed;
        });
        const peer = await w.ask(HANDSHAKE, 20);
        const { status, names, fields } = headOf(peer);
        assertEquals([way, status], [way, "HTTP/1.1 101 Switching Protocols"]);
        assertEquals(names, ["connection", "sec-websocket-accept", "upgrade", "x-added"], way);
        assertEquals(fields["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        // A text of one letter, masked by zeros.
        peer.send("\x81\x81\0\0\0\0x");
        await w.pass(5);
        assertEquals(peer.text.endsWith("\x81\x06x back"), true, way);
      }
    }
  });

  it("has another status only for whoever is just making a copy", async () => {
    let statuses: number[] = [];
    await using w = await httpWorld(async (req) => {
      const given = upgradeWebSocket(req, echo);
      void given.body;
      await undefined;
      statuses = [given.status, given.status];
      return given;
    });
    await w.ask(HANDSHAKE);
    assertEquals(statuses, [101, 101]);
  });

  it("that has ended well has lost nothing: request.signal does not abort", async () => {
    let [req, ctx]: [Request?, HttpContext?] = [];
    await using w = await httpWorld((given, context) => {
      [req, ctx] = [given, context];
      assertEquals([given.signal.aborted, context.signal.aborted], [false, false]);
      return upgradeWebSocket(given, () => {});
    });
    const peer = await w.ask(HANDSHAKE);
    // A Close of 1000, masked by zeros.
    peer.send("\x88\x82\0\0\0\0\x03\xe8");
    await w.pass(50);
    assertEquals([peer.end, req!.signal.aborted, ctx!.signal.aborted], ["fin", false, true]);
  });

  it("keeps the fields of its options beside those that are added, whatever their names", async () => {
    for (const touch of [false, true]) {
      await using w = await httpWorld((req) => {
        const answer = upgradeWebSocket(req, echo, { headers: { "set-cookie": "own=1", "x-served-by": "a" } });
        if (touch) answer.headers.append("set-cookie", "added=2");
        return answer;
      });
      const peer = await w.ask(HANDSHAKE);
      const cookies = peer.text.match(/^set-cookie: .*$/gim)?.map((line) => line.slice(12)) ?? [];
      assertEquals([cookies, headOf(peer).fields["x-served-by"]], [touch ? ["own=1", "added=2"] : ["own=1"], "a"]);
    }
  });

  it("is refused by whoever returns another answer, and nothing of it is left", async () => {
    let served = 0;
    await using w = await httpWorld((req) => {
      upgradeWebSocket(req, () => void served++);
      return reply("no entry", { status: 403 });
    });
    const peer = await w.ask([HANDSHAKE, request("/next")]);
    assertEquals([peer.statuses, served], [[403, 403], 0]);
  });

  it("refuses what is no handshake with an answer that middleware can touch", async () => {
    await using w = await httpWorld((req) => {
      const answer = upgradeWebSocket(req, echo);
      answer.headers.set("x-added", "1");
      return answer;
    });
    const peer = await w.ask(request("/plain"));
    assertEquals([peer.statuses, peer.last.headers.get("x-added")], [[426], "1"]);
  });

  it("logs a refusal for its origin, with Origin and Host", async () => {
    const lines: string[] = [];
    const logger = jsonLogger({ write: (line) => lines.push(line) });
    await using w = await httpWorld((req) => upgradeWebSocket(req, echo), { logger });
    const peer = await w.ask(HANDSHAKE.replace("origin: http://test", "origin: https://evil.example"));
    const told = lines.map((line) => JSON.parse(line)).filter(({ msg }) =>
      msg === "Refused a WebSocket for its origin"
    );
    assertEquals([peer.statuses, told.map(({ origin, host }) => [origin, host])], [[403], [[
      "https://evil.example",
      "test",
    ]]]);
  });

  it("takes the request that the handler was given, or the runtime's own behind it, and no other", async () => {
    await using w = await httpWorld((req) => {
      assertThrows(
        () => upgradeWebSocket(new Request("http://a/"), echo),
        TypeError,
        "got Request; a copy of it has no",
      );
      assertThrows(() => upgradeWebSocket({} as Request, echo), TypeError, "got Object");
      assertThrows(() => upgradeWebSocket(undefined as unknown as Request, echo), TypeError, "got undefined");
      return upgradeWebSocket(nativeRequest(req), echo);
    });
    assertMatch((await w.ask(HANDSHAKE)).text, /^HTTP\/1\.1 101 /);
  });

  it("can't be called when the request is answered", async () => {
    let late: unknown;
    await using w = await httpWorld((req) => {
      w.sleep(20).then(() => late = assertThrows(() => upgradeWebSocket(req, echo), SluiceError, "is answered"));
      return reply("x");
    });
    await w.ask(HANDSHAKE, 50);
    assertEquals((late as SluiceError).code, "ERR_HIJACK");
  });

  it("is not begun for a client that has gone, or in a drain that began meanwhile", async () => {
    let served = 0;
    await using w = await httpWorld(async (req) => {
      const answer = upgradeWebSocket(req, () => void served++);
      await w.sleep(300);
      return answer;
    });
    const gone = await w.ask(HANDSHAKE);
    gone.conn.abort();
    await w.pass(500);
    const late = await w.ask(HANDSHAKE);
    const report = w.server.shutdown();
    await w.until(report);
    assertEquals([served, late.statuses, w.server.http.active], [0, [503], 0]);
    assertEquals((await report).clean, true);
  });

  it("keeps the request's context for as long as the WebSocket lives, and the handler's async context", async () => {
    const user = new AsyncLocalStorage<string>();
    let held!: HttpContext;
    let seen: string | undefined;
    await using w = await httpWorld((req, ctx) => {
      held = ctx;
      return user.run("alice", () =>
        upgradeWebSocket(req, async (ws) => {
          seen = user.getStore();
          await echo(ws);
        }));
    });
    const { isolate } = await (await import("../../src/runtime.ts")).defaultAdapter();
    w.adapter.isolate = isolate;
    const peer = await w.ask(HANDSHAKE);
    assertEquals([held.signal.aborted, w.server.http.active, seen], [false, 0, "alice"]);
    const report = w.server.shutdown();
    await w.pass(5);
    assertEquals(held.draining.aborted, true);
    peer.conn.abort();
    await w.until(report);
    assertEquals(held.signal.aborted, true);
  });
});

describe("contextOf()", () => {
  it("gives the context of a request, under a framework too", async () => {
    const seen: [HttpContext, HttpContext][] = [];
    const app = new Hono();
    app.get("/", (c) => {
      seen[0][1] = contextOf(c.req.raw);
      return c.text(contextOf(c.req.raw).remote.transport);
    });
    const handler: HttpHandler = (req, ctx) => {
      seen.push([ctx, ctx]);
      assertEquals(contextOf(nativeRequest(req)) === ctx, true);
      return app.fetch(req);
    };
    await using w = await httpWorld(handler);
    const peer = await w.ask(request("/"));
    assertEquals([peer.told, seen[0][0] === seen[0][1]], [["200 tcp"], true]);
    assertThrows(() => contextOf(new Request("http://a/")), TypeError, "a copy of it has no context");
    assertThrows(() => contextOf(null as unknown as Request), TypeError, "contextOf() needs the request");
  });
});

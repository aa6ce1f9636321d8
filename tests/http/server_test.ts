import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertStringIncludes } from "@std/assert";
import { ConnClosedError, type Logger, silentLogger } from "../../mod.ts";
import { type HttpHandler, reply } from "../../src/http/mod.ts";
import { chunked, Gate, type HttpWorld, httpWorld, pathOf, request } from "../support/http_world.ts";

/** Answers with the path; `/slow…` after 20 ms. */
function paths(w: () => HttpWorld): HttpHandler {
  return (req) => {
    const path = pathOf(req);
    return path.startsWith("/slow") ? w().sleep(20).then(() => reply(path)) : reply(path);
  };
}

describe("keep-alive and pipelining", () => {
  it("answers one request after the other on one connection", async () => {
    await using w = await httpWorld(paths(() => w));
    const peer = await w.ask(request("/1"));
    peer.ask(request("/2"));
    await w.pass(10);
    assertEquals([peer.told, peer.end], [["200 /1", "200 /2"], "open"]);
    assertEquals([w.server.http.requests, w.server.http.statuses["2xx"]], [2, 2]);
  });

  it("answers pipelined requests in order, slow and fast ones mixed", async () => {
    await using w = await httpWorld(paths(() => w));
    const targets = ["/slow1", "/2", "/slow3", "/4", "/5", "/slow6"];
    const peer = await w.ask(targets.map((target) => request(target)), 100);
    assertEquals(peer.told, targets.map((target) => `200 ${target}`));
  });

  it("runs a pipelined request only when the one before is answered", async () => {
    const gate = new Gate();
    const ran: string[] = [];
    await using w = await httpWorld(async (req) => {
      ran.push(pathOf(req));
      await gate.promise;
      return reply("ok");
    });
    const peer = await w.ask([request("/1"), request("/2")]);
    assertEquals([ran, w.server.http.active], [["/1"], 1]);
    gate.open();
    await w.pass(10);
    assertEquals([ran, peer.statuses], [["/1", "/2"], [200, 200]]);
  });

  it("makes a client that pipelines without end wait", async () => {
    const gate = new Gate();
    await using w = await httpWorld(async () => {
      await gate.promise;
      return reply("ok");
    });
    const peer = await w.peer();
    const one = request("/", { headers: { pad: "x".repeat(1000) } });
    const count = 500;
    peer.ask(...Array.from({ length: count }, () => one));
    await w.pass(50);
    const [conn] = w.server.connections;
    assert(conn.bytesRead < 200_000, `${conn.bytesRead} bytes were taken in`);
    gate.open();
    await w.pass(100);
    assertEquals(peer.answers.length, count);
  });

  it("reads heads and bodies that arrive in any pieces", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()));
    const text = request("/", { body: "hello" }) + request("/", { method: "PUT", body: "world" });
    for (let at = 1; at < text.length; at += 7) {
      const peer = await w.peer();
      peer.reader.methods.push("POST", "PUT");
      peer.send(text.slice(0, at));
      await w.pass(1);
      peer.send(text.slice(at));
      await w.pass(2);
      assertEquals(peer.told, ["200 hello", "200 world"]);
    }
  });

  it("closes when the client asks for it", async () => {
    await using w = await httpWorld(paths(() => w));
    const peer = await w.ask([request("/1", { headers: { connection: "close" } }), request("/2")]);
    assertEquals([peer.told, peer.end], [["200 /1, close"], "fin"]);
    assertEquals(w.server.http.requests, 1);
  });

  it("closes when the handler asks for it, with a Response and with reply()", async () => {
    for (const make of [reply, (body: string, init: ResponseInit) => new Response(body, init)]) {
      await using w = await httpWorld(() => (make as typeof reply)("bye", { headers: { Connection: "close" } }));
      const peer = await w.ask(request("/"));
      assertEquals([peer.told, peer.end], [["200 bye, close"], "fin"]);
    }
  });

  it("answers HTTP/1.0 and closes, or keeps the connection if the client asks for it", async () => {
    await using w = await httpWorld(paths(() => w));
    const old = await w.ask(request("/1", { version: "1.0" }));
    assertEquals([old.told, old.end], [["200 /1, close"], "fin"]);
    const keeping = request("/1", { version: "1.0", headers: { connection: "keep-alive" } });
    const kept = await w.ask([keeping, keeping]);
    assertEquals([kept.told, kept.end], [["200 /1", "200 /1"], "open"]);
    assertEquals(kept.last.headers.get("connection"), "keep-alive");
  });

  it("says close with the last of maxRequestsPerConnection, and runs nothing behind it", async () => {
    await using w = await httpWorld(paths(() => w), { maxRequestsPerConnection: 2 });
    const peer = await w.ask([request("/1"), request("/2"), request("/3")]);
    assertEquals([peer.told, peer.end], [["200 /1", "200 /2, close"], "fin"]);
    assertEquals(w.server.http.requests, 2);
  });

  it("ignores empty lines before a request", async () => {
    await using w = await httpWorld(paths(() => w));
    const peer = await w.ask(request("/1"));
    peer.send("\r\n");
    peer.ask(request("/2"));
    await w.pass(10);
    assertEquals(peer.told, ["200 /1", "200 /2"]);
  });
});

describe("a client that goes", () => {
  it("gets all its answers after a half-close, then FIN", async () => {
    await using w = await httpWorld(paths(() => w));
    const peer = await w.ask([request("/slow1"), request("/2"), request("/slow3")]);
    peer.conn.closeWrite();
    await w.pass(100);
    assertEquals([peer.told, peer.end], [["200 /slow1", "200 /2", "200 /slow3, close"], "fin"]);
  });

  it("gets FIN when it half-closes between requests, or in the middle of a head", async () => {
    await using w = await httpWorld(paths(() => w));
    for (const rest of ["", "GET /half HT"]) {
      const peer = await w.ask(request("/1"));
      peer.send(rest);
      peer.conn.closeWrite();
      await w.pass(10);
      assertEquals([peer.told, peer.end], [["200 /1"], "fin"]);
    }
  });

  it("ends ctx.signal and request.signal, and the answer that comes then is nobody's", async () => {
    const reasons: unknown[] = [];
    await using w = await httpWorld(async (req, ctx) => {
      ctx.signal.addEventListener("abort", () => reasons.push(ctx.signal.reason));
      req.signal.addEventListener("abort", () => reasons.push(req.signal.reason));
      await w.sleep(100);
      return new Response("late");
    });
    const peer = await w.ask(request("/"));
    peer.conn.abort();
    await w.pass(10);
    assertEquals(reasons.length, 2);
    for (const reason of reasons) assertInstanceOf(reason, Error);
    assertEquals(w.server.http.aborted, 1);
    await w.pass(200);
    assertEquals([w.server.http.active, w.server.http.statuses["2xx"]], [0, 0]);
  });

  it("ends ctx.signal by a half-close too, as in Go, and is answered all the same", async () => {
    let cause: unknown;
    await using w = await httpWorld(async (_req, ctx) => {
      await w.sleep(50);
      cause = ctx.cause();
      return reply("done");
    });
    const peer = await w.ask(request("/"));
    peer.conn.closeWrite();
    await w.pass(100);
    assertInstanceOf(cause, ConnClosedError);
    assertEquals([peer.told, peer.end], [["200 done, close"], "fin"]);
  });

  it("has its handler counted as active until that settles", async () => {
    const gate = new Gate();
    await using w = await httpWorld(async () => {
      await gate.promise;
      return reply("late");
    });
    const peer = await w.ask(request("/"));
    peer.conn.abort();
    await w.pass(10);
    assertEquals([w.server.http.active, w.server.connections.size], [1, 0]);
    gate.open();
    await w.pass(10);
    assertEquals(w.server.http.active, 0);
  });
});

describe("handlers that fail", () => {
  const errors: Record<string, unknown>[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (_message: unknown, ...rest: unknown[]) => errors.push(rest[0] as never),
  };

  for (const kind of ["throws", "rejects"]) {
    it(`500 when it ${kind}, one log record with the request's id, and the connection goes on`, async () => {
      errors.length = 0;
      const boom = new Error("secret");
      await using w = await httpWorld((req) => {
        if (pathOf(req) !== "/bad") return reply("fine");
        if (kind === "throws") throw boom;
        return Promise.reject(boom);
      }, { logger });
      const peer = await w.ask([request("/1"), request("/bad"), request("/3")]);
      assertEquals(peer.told, ["200 fine", "500 internal server error", "200 fine"]);
      const { name, message, stack } = boom;
      const [{ trace_id: trace, span_id: span, ...record }] = errors as Record<string, unknown>[];
      assertEquals([errors.length, record], [1, { server: "http", request: "1-2", error: { name, message, stack } }]);
      assertMatch(`${trace} ${span}`, /^[0-9a-f]{32} [0-9a-f]{16}$/);
      assertEquals([w.server.http.handlerErrors, w.server.http.statuses["5xx"]], [1, 1]);
      assertEquals(peer.text.includes("secret"), false);
    });
  }

  it("500 when it gives something that is no answer", async () => {
    const wrong: unknown[] = [undefined, null, "text", {}, Response.error(), 5];
    await using w = await httpWorld((req) => wrong[Number(pathOf(req).slice(1))] as Response);
    const peer = await w.ask(wrong.map((_, i) => request(`/${i}`)));
    assertEquals(peer.statuses, wrong.map(() => 500));
    assertEquals(w.server.http.handlerErrors, wrong.length);
  });

  it("500 for a Response whose stream was read before", async () => {
    const used = new Response(new Response("x").body!.pipeThrough(new TransformStream()));
    await used.text();
    await using w = await httpWorld(() => used);
    assertEquals((await w.ask(request("/"))).statuses, [500]);
  });

  it("HEAD gets no body with the 500", async () => {
    await using w = await httpWorld(() => {
      throw new Error("x");
    });
    const peer = await w.ask([request("/", { method: "HEAD" }), request("/")]);
    assertEquals([peer.told, peer.problem], [["500", "500 internal server error"], null]);
  });
});

describe("bad requests", () => {
  const bad: [name: string, text: string, status: number, reason: string][] = [
    ["a missing Host", "GET / HTTP/1.1\r\n\r\n", 400, "missingHost"],
    [
      "a length and chunks",
      request("/", { headers: { "content-length": "3", "transfer-encoding": "chunked" } }),
      400,
      "lengthWithTransferEncoding",
    ],
    ["an unknown expectation", request("/", { headers: { expect: "gold" }, body: "x" }), 417, "unknownExpectation"],
    ["a version of tomorrow", "GET / HTTP/3.0\r\nhost: x\r\n\r\n", 505, "unsupportedVersion"],
    ["an endless head", `GET / HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}`, 431, "headTooLarge"],
    ["a long target", `GET /${"y".repeat(9000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 414, "targetTooLong"],
  ];
  for (const [name, text, status, reason] of bad) {
    it(`${status} and close for ${name}, counted, and no second request out of the rest`, async () => {
      await using w = await httpWorld(paths(() => w));
      const peer = await w.ask(request("/good"));
      peer.ask(text, request("/smuggled"));
      await w.pass(10);
      assertEquals(peer.statuses, [200, status]);
      assertEquals([peer.last.closes, peer.end, peer.problem], [true, "fin", null]);
      const { http } = w.server;
      assertEquals([
        http.requests,
        (http.refused as Record<string, number>)[reason],
        http.statuses["4xx"] + http.statuses["5xx"],
      ], [1, 1, 1]);
    });
  }

  it("answers what came before a bad request first, even when that is slow", async () => {
    await using w = await httpWorld(paths(() => w));
    const peer = await w.ask([request("/slow"), "GET / HTTP/1.1\r\n\r\n"], 100);
    assertEquals([peer.statuses, peer.end], [[200, 400], "fin"]);
  });

  it("keeps the answer from being destroyed: FIN, and what the client still sends is read", async () => {
    await using w = await httpWorld(paths(() => w));
    const peer = await w.ask("GET / HTTP/1.1\r\n\r\n");
    peer.send("x".repeat(100_000));
    await w.pass(100);
    assertEquals([peer.statuses, peer.end], [[400], "fin"]);
  });
});

describe("ctx", () => {
  it("numbers requests within their connection, and knows connection, server and client", async () => {
    await using w = await httpWorld((_req, ctx) => {
      assert(ctx.server === w.server);
      assertEquals(ctx.conn.remote, ctx.remote);
      return reply(`${ctx.requestId} ${ctx.remote.transport === "tcp" ? ctx.remote.hostname : ""}`);
    });
    await w.peer();
    const peer = await w.peer({ from: "192.0.2.7" });
    peer.ask(request("/"), request("/"));
    await w.pass(10);
    assertEquals(peer.told, ["200 2-1 192.0.2.7", "200 2-2 192.0.2.7"]);
  });

  it("continues a valid traceparent, and begins one otherwise", async () => {
    await using w = await httpWorld((_req, ctx) => reply(ctx.traceparent));
    const sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const peer = await w.ask([request("/", { headers: { traceparent: sent } }), request("/")]);
    const [continued, begun] = peer.told;
    assertStringIncludes(continued, "0af7651916cd43dd8448eb211c80319c");
    assertMatch(begun, /^200 00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
  });

  it("ends when the answer is out", async () => {
    const ended: boolean[] = [];
    await using w = await httpWorld((_req, ctx) => {
      ctx.signal.addEventListener("abort", () => ended.push(true));
      return reply("x");
    });
    await w.ask([request("/"), request("/")]);
    assertEquals(ended, [true, true]);
  });

  it("earlyHints() sends 103 before the answer, not to HTTP/1.0, and refuses injection", async () => {
    await using w = await httpWorld((req, ctx) => {
      ctx.earlyHints({ link: pathOf(req) === "/bad" ? "a\r\nb: c" : "</a.css>; rel=preload" });
      return reply("page");
    });
    const peer = await w.ask([
      request("/"),
      request("/", { version: "1.0", headers: { connection: "keep-alive" } }),
      request("/bad"),
    ]);
    assertEquals(peer.reader.interim, [103]);
    assertStringIncludes(
      peer.text,
      "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n",
    );
    assertEquals(peer.statuses, [200, 200, 500]);
    assertEquals(w.server.http.statuses["1xx"], 1);
  });

  it("writes one line of the access log for each request, failed ones too", async () => {
    const lines: string[] = [];
    await using w = await httpWorld(async (req) => {
      if (pathOf(req) === "/bad") throw new Error("boom");
      await w.sleep(20);
      return reply(await req.text());
    }, { accessLog: { write: (line) => void lines.push(line) } });
    const peer = await w.ask([request("/a", { body: "four" }), request("/bad"), request("/gone")], 30);
    peer.conn.abort();
    await w.pass(50);
    const records = lines.map((line) => JSON.parse(line));
    const short = records.map((
      r,
    ) => [r.method, r.target, r.status, r.duration, r.bytesIn, r.bytesOut, r.conn, r.request]);
    assertEquals(short, [
      ["POST", "/a", 200, 20, 4, 4, 1, "1-1"],
      ["GET", "/bad", 500, 0, 0, 22, 1, "1-2"],
      ["GET", "/gone", 0, 10, 0, 0, 1, "1-3"],
    ]);
    assertEquals(records.map((r) => r.error), [
      undefined,
      undefined,
      "ConnResetError: The peer dropped the connection",
    ]);
  });
});

describe("an upload in chunks", () => {
  it("is followed by the next request, wherever it is cut", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()));
    const post = request("/", { method: "POST", headers: { "transfer-encoding": "chunked" } }) + chunked(["ab", "cde"]);
    const peer = await w.ask([post, post]);
    assertEquals(peer.told, ["200 abcde", "200 abcde"]);
  });
});

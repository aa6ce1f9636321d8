import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { OptionError, silentLogger } from "../../mod.ts";
import { type HttpHandler, reply } from "../../src/http/mod.ts";
import { proxy, type ProxyOptions } from "../../src/upstream/mod.ts";
import { bodyOf, chunked, request } from "../support/http_world.ts";
import { proxyWorld } from "../support/proxy_world.ts";
import { answer, counting, type Script, type Side } from "../support/upstream_world.ts";

/** Takes one request after the other, whole, and gives this. */
function gives(text: string): Script {
  return async (side) => {
    while (await side.head() !== null) side.send(text);
  };
}

/** The head that a server got, without its first line and the fields that every request has. */
function fieldsOf(side: Side): string[] {
  const usual = /^(host|via|traceparent|x-forwarded-(for|proto|host)):/;
  return side.text.split("\r\n\r\n")[0].split("\r\n").slice(1).filter((line) => !usual.test(line));
}

describe("proxy()", () => {
  it("passes requests on and answers back, one connection each", async () => {
    await using w = await proxyWorld(counting);
    const peer = await w.asked([request("/a?b=c", { headers: { host: "shop.example", "x-one": "1" } }), request("/2")]);
    peer.ask(request("/3"));
    await w.pass(20);
    assertEquals(peer.told, ["200 1.1", "200 1.2", "200 1.3"]);
    const [first] = w.sides[0][0].text.split("\r\n\r\n");
    const [line, ...lines] = first.split("\r\n");
    assertEquals(line, "GET /a?b=c HTTP/1.1");
    assertEquals(lines.slice(0, -1), [
      "host: shop.example",
      "x-one: 1",
      "x-forwarded-for: 127.0.0.1",
      "x-forwarded-proto: http",
      "x-forwarded-host: shop.example",
      "via: 1.1 sluice",
    ]);
    assert(/^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00$/.test(lines.at(-1)!));
  });

  it("keeps what is for one connection, by name or by the Connection field, both ways (RFC 9110 §7.6.1)", async () => {
    await using w = await proxyWorld(gives(answer(
      "ok",
      [
        "connection: close, x-inner",
        "keep-alive: timeout=5",
        "x-inner: 1",
        "proxy-authenticate: Basic",
        "upgrade: h2c",
        "x-outer: 2",
        "set-cookie: a=1",
        "set-cookie: b=2",
        "",
      ].join("\r\n"),
    )));
    const headers = {
      connection: "keep-alive, X-Secret , te",
      "keep-alive": "timeout=5",
      "proxy-connection": "keep-alive",
      "proxy-authorization": "Basic eDp5",
      "x-secret": "1",
      te: "trailers, gzip",
      upgrade: "h2c",
      "http2-settings": "AAMAAABkAARAAAAAAAIAAAAA",
      "x-open": "2",
    };
    const peer = await w.asked(request("/", { headers }));
    assertEquals(fieldsOf(w.sides[0][0]), ["x-open: 2", "connection: te", "te: trailers"]);
    assertEquals(peer.told, ["200 ok"]);
    const head = peer.text.split("\r\n\r\n")[0].split("\r\n").filter((line) => !line.startsWith("date:"));
    assertEquals(head, ["HTTP/1.1 200 OK", "x-outer: 2", "set-cookie: a=1", "set-cookie: b=2", "content-length: 2"]);
  });

  it("tells of the client what it knows itself, and drops what the client says of itself", async () => {
    const forged = {
      forwarded: "for=1.2.3.4",
      "x-forwarded-for": "1.2.3.4",
      "x-forwarded-proto": "https",
      "x-forwarded-port": "1",
      "x-real-ip": "1.2.3.4",
      "x_forwarded_for": "1.2.3.4",
      "X_Real-IP": "1.2.3.4",
    };
    for (
      const [kind, wanted] of [
        ["x-forwarded", ["x-forwarded-for: 10.9.8.7", "x-forwarded-proto: http", "x-forwarded-host: test"]],
        ["forwarded", ["forwarded: for=10.9.8.7;host=test;proto=http"]],
        ["none", []],
      ] as const
    ) {
      await using w = await proxyWorld(counting, { proxy: { forwarded: kind } });
      const peer = await w.peer("10.9.8.7");
      peer.ask(request("/", { headers: forged }));
      await w.pass(20);
      const told = w.sides[0][0].text.split("\r\n").filter((line) => /^(x.forw|forw|x.real)/.test(line));
      assertEquals(told, wanted as readonly string[] as string[]);
    }
  });

  it("names the client that a trusted proxy names, and that proxy behind it", async () => {
    await using w = await proxyWorld(counting, { http: { trustProxy: ["10.0.0.0/8"] }, proxy: { forwarded: "both" } });
    const peer = await w.peer("10.0.0.1");
    const headers = {
      "x-forwarded-for": "6.6.6.6, 2001:db8::7",
      "x-forwarded-proto": "https",
      "x-forwarded-host": "shop",
    };
    peer.ask(request("/", { headers }));
    await w.pass(20);
    assertStringIncludes(
      w.sides[0][0].text,
      [
        "x-forwarded-for: 2001:db8::7, 10.0.0.1",
        "x-forwarded-proto: https",
        "x-forwarded-host: shop",
        'forwarded: for="[2001:db8::7]";host=shop;proto=https, for=10.0.0.1',
      ].join("\r\n"),
    );
  });

  it("takes a target, a host, fields and a name of its own", async () => {
    const own: ProxyOptions = {
      target: (target) => target.replace(/^\/api/, ""),
      host: "upstream",
      headers: { "X-Key": "secret", "x-one": "2" },
      via: "edge",
    };
    await using w = await proxyWorld(counting, { proxy: own });
    await w.asked(
      request("/api/x", { headers: { "x-one": "1", "x-key": "guess", "x_key": "guess", via: "1.0 other" } }),
    );
    const text = w.sides[0][0].text;
    assertStringIncludes(text, `GET /x HTTP/1.1\r\nhost: ${new URL(w.url(0)).host}\r\n`);
    assertStringIncludes(text, "x-key: secret\r\nx-one: 2\r\nvia: 1.0 other, 1.1 edge\r\n");
    assert(!text.includes("guess"));
  });

  it("passes absolute targets on in origin form, and * for OPTIONS", async () => {
    await using w = await proxyWorld(counting);
    const targets = ["http://shop.example/a?b", "http://shop.example", "http://shop.example?q=/x"];
    for (const target of targets) await w.asked(request(target, { headers: { host: "shop.example" } }));
    for (const target of ["*", "http://shop.example", "http://shop.example/"]) {
      await w.asked(request(target, { method: "OPTIONS", headers: { host: "shop.example" } }));
    }
    const lines = w.sides[0].flatMap(({ text }) => text.match(/^(GET|OPTIONS) .*(?=\r)/gm) ?? []);
    const asked = ["GET /a?b", "GET /", "GET /?q=/x", "OPTIONS *", "OPTIONS *", "OPTIONS /"];
    assertEquals(lines, asked.map((line) => `${line} HTTP/1.1`));
  });

  it("counts Max-Forwards down for OPTIONS and TRACE, and answers for itself at 0", async () => {
    await using w = await proxyWorld(counting);
    const asking = (method: string, hops: string) => request("/", { method, headers: { "max-forwards": hops } });
    const peer = await w.asked([
      asking("OPTIONS", "3"),
      asking("OPTIONS", "0"),
      asking("TRACE", "0"),
      asking("GET", "0"),
      asking("OPTIONS", "many"),
    ], 50);
    assertEquals(peer.told, ["200 1.1", "204", "405", "200 1.2", "200 1.3"]);
    const said = w.sides[0][0].text.match(/max-forwards: \w+/g);
    assertEquals(said, ["max-forwards: 2", "max-forwards: 0", "max-forwards: many"]);
  });

  it("keeps the trace: the client's id goes on, with its state; a broken one's state does not", async () => {
    await using w = await proxyWorld(counting);
    const id = "0af7651916cd43dd8448eb211c80319c";
    const headers = { traceparent: `00-${id}-b7ad6b7169203331-01`, tracestate: "a=1" };
    await w.asked([request("/", { headers }), request("/", { headers: { ...headers, traceparent: "00-bad" } })]);
    const [first, second] = w.sides[0][0].text.split("\r\n\r\n");
    assert(new RegExp(`traceparent: 00-${id}-[0-9a-f]{16}-01\r\ntracestate: a=1$`).test(first), first);
    assert(!second.includes("tracestate") && !second.includes(id), second);
  });
});

describe("bodies through proxy()", () => {
  it("go on as they come, with the framing that they came with", async () => {
    await using w = await proxyWorld(async (side) => {
      await side.until("\r\n\r\nwhole");
      side.send(answer("1"));
      await side.until("0\r\nx-sum: 7\r\n\r\n");
      side.send(answer("2"));
    });
    const peer = await w.asked(request("/", { body: "whole" }));
    peer.ask(request("/", { method: "POST", headers: { "transfer-encoding": "chunked", trailer: "x-sum" } }));
    peer.send("3\r\nabc\r\n");
    await w.pass(10);
    // It doesn't wait for the rest.
    assertStringIncludes(w.sides[0][0].text, "3\r\nabc\r\n");
    peer.send("2\r\nde\r\n0\r\nx-sum: 7\r\n\r\n");
    await w.pass(20);
    assertEquals(peer.told, ["200 1", "200 2"]);
    assertStringIncludes(w.sides[0][0].text, "trailer: x-sum\r\n");
  });

  it("come back with their framing, their trailers, and none for HEAD, 204 and 304", async () => {
    const answers = [
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n${chunked(["ab", "cd"], "x-sum: 9\r\n")}`,
      `HTTP/1.1 200 OK\r\ncontent-length: 77\r\n\r\n`,
      `HTTP/1.1 204 No Content\r\n\r\n`,
      `HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\netag: "a"\r\n\r\n`,
    ];
    await using w = await proxyWorld(async (side) => {
      for (const text of answers) if (await side.head() !== null) side.send(text);
    });
    const peer = await w.asked([request("/"), request("/", { method: "HEAD" }), request("/"), request("/")]);
    assertEquals(peer.told, ["200 abcd", "200", "204", "304"]);
    assertEquals(peer.problem, null);
    assertStringIncludes(peer.text, "0\r\nx-sum: 9\r\n\r\nHTTP/1.1 200 OK");
    assertEquals([peer.answers[1].headers.get("content-length"), peer.answers[3].headers.get("etag")], ["77", '"a"']);
  });

  it("of an answer that flows reach the client part by part, and no faster than it reads", async () => {
    const CHUNK = "x".repeat(65_536);
    let given = 0;
    await using w = await proxyWorld(async (side) => {
      await side.head();
      side.send(`HTTP/1.1 200 OK\r\ncontent-length: ${5 + CHUNK.length * 64}\r\n\r\nfirst`);
      await new Promise<void>((resolve) => w.clock.setTimer(resolve, 100));
      for (let i = 0; i < 64; i++) await side.conn.write(CHUNK).then(() => given += CHUNK.length, () => {});
    });
    const peer = await w.asked(request("/"), 50);
    assert(peer.text.endsWith("\r\n\r\nfirst"), peer.text);
    peer.conn.pause();
    await w.pass(10_000);
    assert(given < CHUNK.length * 16, `${given}`);
    peer.conn.resume();
    await w.pass(1000);
    assertEquals([peer.last?.body.length, w.upstream.stats.addresses[0].pool.idle], [5 + CHUNK.length * 64, 1]);
  });

  it("of a request are read no faster than the upstream takes them", async () => {
    const CHUNK = "x".repeat(65_536);
    let isOpen = false;
    await using w = await proxyWorld(async (side) => {
      await side.head();
      side.conn.pause();
      await new Promise<void>((resolve) => w.clock.setTimer(resolve, 1000));
      isOpen = true;
      side.conn.resume();
      while (!side.text.endsWith("end")) await new Promise<void>((resolve) => w.clock.setTimer(resolve, 5));
      side.send(answer("all of it"));
    }, { http: { maxBodyBytes: 1e9 } });
    const peer = await w.peer();
    let sent = 0;
    peer.ask(request("/", { method: "POST", headers: { "content-length": `${CHUNK.length * 64 + 3}` } }));
    const sending = (async () => {
      for (let i = 0; i < 64; i++) await peer.conn.write(CHUNK).then(() => sent += CHUNK.length);
      await peer.conn.write("end");
    })();
    await w.pass(900);
    assert(!isOpen && sent < CHUNK.length * 16, `${sent}`);
    await w.until(sending);
    await w.pass(500);
    assertEquals(peer.told, ["200 all of it"]);
  });
});

describe("Expect: 100-continue through proxy()", () => {
  const expecting = request("/", { method: "POST", headers: { expect: "100-continue", "content-length": "4" } });

  it("is the upstream's to meet: its 100 lets the body come", async () => {
    await using w = await proxyWorld(async (side) => {
      await side.head();
      await new Promise<void>((resolve) => w.clock.setTimer(resolve, 100));
      side.send("HTTP/1.1 100 Continue\r\n\r\n");
      await side.until("body");
      side.send(answer("taken"));
    });
    const peer = await w.asked(expecting, 90);
    assertEquals(peer.text, "");
    await w.pass(20);
    assertEquals(peer.text, "HTTP/1.1 100 Continue\r\n\r\n");
    assertStringIncludes(w.sides[0][0].text, "expect: 100-continue\r\n");
    peer.send("body");
    await w.pass(20);
    assertEquals([peer.told, peer.reader.interim], [["200 taken"], [100]]);
  });

  it("is the upstream's to refuse: then no body comes, and neither connection is used again", async () => {
    await using w = await proxyWorld(async (side) => {
      await side.head();
      side.send(answer("no", "", "403 Forbidden"));
    });
    const peer = await w.asked(expecting);
    assertEquals([peer.told, peer.end], [["403 no, close"], "fin"]);
    await w.pass(2000);
    assertEquals(w.sides[0][0].end, "fin");
  });

  it("other interim answers go on to who can take them", async () => {
    await using w = await proxyWorld(
      gives(`HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\nconnection: x\r\nx: 1\r\n\r\n${answer("ok")}`),
    );
    const peer = await w.asked(request("/"));
    assert(peer.text.startsWith("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK"), peer.text);
    const old = await w.asked(request("/", { version: "1.0" }));
    assert(old.text.startsWith("HTTP/1.1 200 OK"), old.text);
  });
});

describe("an upstream that fails behind proxy()", () => {
  const early: [string, (side: Side) => void, string][] = [
    ["closes without an answer", (side) => side.close(), "502 the upstream fails"],
    ["closes in the head", (side) => (side.send("HTTP/1.1 200 OK\r\nx"), side.close()), "502 the upstream fails"],
    ["resets", (side) => side.reset(), "502 the upstream fails"],
    ["speaks no HTTP", (side) => side.send("220 mail ESMTP\r\n"), "502 the upstream fails"],
    ["gives a status of no HTTP", (side) => side.send(answer("x", "", "999 Odd")), "502 the upstream fails"],
    ["switches unasked", (side) => side.send("HTTP/1.1 101 S\r\nupgrade: x\r\n\r\n"), "502 the upstream fails"],
    [
      "breaks its framing at once",
      (side) => side.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n"),
      "502 the upstream fails",
    ],
    ["says nothing", () => {}, "504 the upstream is too slow"],
  ];
  for (const [what, act, told] of early) {
    it(`and ${what} is answered for with ${told.slice(0, 3)}, and the client's connection goes on`, async () => {
      let isBroken = true;
      await using w = await proxyWorld(async (side) => {
        while (await side.head() !== null) {
          if (isBroken) act(side);
          else side.send(answer("well"));
        }
      }, { upstream: { headTimeout: 500 } });
      const peer = await w.asked(request("/", { method: "POST", body: "x" }), 600);
      isBroken = false;
      peer.ask(request("/"));
      await w.pass(50);
      assertEquals(peer.told, [told, "200 well"]);
    });
  }

  const late: [string, string, string][] = [
    ["in the middle of a known length", "content-length: 10\r\n\r\nhalf", "half"],
    ["between two chunks", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", "4\r\nhalf"],
  ];
  for (const [where, said, seen] of late) {
    it(`${where} breaks the client's answer by a reset, never by a clean end`, async () => {
      await using w = await proxyWorld(async (side) => {
        await side.head();
        side.send(`HTTP/1.1 200 OK\r\n${said}`);
        await new Promise<void>((resolve) => w.clock.setTimer(resolve, 50));
        side.close();
      });
      const peer = await w.asked(request("/"), 100);
      assertEquals([peer.end, peer.answers.length], ["reset", 0]);
      assertStringIncludes(peer.text, seen);
      assert(!peer.text.includes("\r\n0\r\n\r\n"));
    });
  }

  it("and says more than was asked for poisons nobody: its connection is not used again", async () => {
    await using w = await proxyWorld(async (side) => {
      while (await side.head() !== null) side.send(answer(`${side.number}`) + answer("poison"));
    });
    const peer = await w.asked([request("/"), request("/"), request("/")]);
    assertEquals([peer.told, w.sides[0].length], [["200 1", "200 2", "200 3"], 3]);
  });

  it("and has no place left is 503, for the client to come again", async () => {
    await using w = await proxyWorld(async (side) => void await side.head(), {
      upstream: { max: 1, acquireTimeout: 200 },
    });
    await w.asked(request("/"));
    const peer = await w.asked(request("/"), 300);
    assertEquals([peer.told, peer.last.headers.get("retry-after")], [["503 the upstream is busy"], "1"]);
  });

  it("is said with the request and its trace", async () => {
    const records: [string, Record<string, unknown>][] = [];
    const warn = (message: string, fields?: object) => void records.push([message, { ...fields }]);
    await using w = await proxyWorld((side) => side.close(), { http: { logger: { ...silentLogger, warn } } });
    const traceparent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
    const peer = await w.asked(request("/", { headers: { traceparent, "x-request-id": "r1" } }), 2000);
    assertEquals(peer.told, ["502 the upstream fails"]);
    const [[message, fields]] = records;
    assertEquals([message, fields.trace_id, typeof fields.request], ["Upstream failed", "1".repeat(32), "string"]);
    assert(/^[0-9a-f]{16}$/.test(String(fields.span_id)));
  });

  it("can be answered for by the program", async () => {
    const seen: string[] = [];
    const own: ProxyOptions = {
      onError: (error, request) => {
        seen.push(`${(error as Error).name} ${new URL(request.url).pathname}`);
        return reply("sorry", { status: 200 });
      },
    };
    await using w = await proxyWorld((side) => side.close(), { proxy: own });
    assertEquals((await w.asked(request("/x"), 2000)).told, ["200 sorry"]);
    assertEquals(seen, ["UpstreamError /x"]);
  });
});

describe("a client that leaves proxy()", () => {
  it("while it waits has its call cancelled", async () => {
    await using w = await proxyWorld(async (side) => void await side.head());
    const peer = await w.asked(request("/"));
    peer.conn.abort();
    await w.pass(20);
    const { active, cancelled, addresses: [address] } = w.upstream.stats;
    assertEquals([w.sides[0][0].end, active, cancelled, address.failures], ["reset", 0, 1, 0]);
  });

  it("in the middle of the answer has the rest cancelled", async () => {
    await using w = await proxyWorld(async (side) => {
      await side.head();
      side.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    });
    const peer = await w.asked(request("/"));
    assertStringIncludes(peer.text, "half");
    peer.conn.abort();
    await w.pass(20);
    assertEquals([w.sides[0][0].end, w.upstream.stats.active, w.front.http.active], ["reset", 0, 0]);
  });

  it("in the middle of its body leaves no request that looks whole", async () => {
    await using w = await proxyWorld(async (side) => void await side.until("never"));
    const peer = await w.asked(request("/", { method: "POST", headers: { "transfer-encoding": "chunked" } }));
    peer.send("3\r\nabc\r\n");
    await w.pass(20);
    peer.conn.abort();
    await w.pass(20);
    assertEquals(w.sides[0][0].end, "reset");
    assertStringIncludes(w.sides[0][0].text, "abc");
    assert(!w.sides[0][0].text.includes("0\r\n\r\n"));
  });

  it("or breaks its body's framing is refused, and the upstream gets no end of it", async () => {
    await using w = await proxyWorld(async (side) => void await side.until("never"));
    const peer = await w.asked(request("/", { method: "POST", headers: { "transfer-encoding": "chunked" } }));
    peer.send("3\r\nabc\r\nzz\r\n");
    await w.pass(20);
    assertEquals([peer.statuses, peer.end], [[400], "fin"]);
    assertEquals(w.sides[0][0].end, "reset");
  });
});

describe("requests that are read in two ways", () => {
  const vectors: [string, string][] = [
    [
      "a length and chunks",
      "POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["two lengths", "POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd"],
    ["a coding in front of chunked", "POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
    ["a length with a sign", "POST / HTTP/1.1\r\nhost: t\r\ncontent-length: +4\r\n\r\nabcd"],
    ["a space before the colon", "POST / HTTP/1.1\r\nhost: t\r\ncontent-length : 4\r\n\r\nabcd"],
    ["a folded line", "GET / HTTP/1.1\r\nhost: t\r\nx: a\r\n transfer-encoding: chunked\r\n\r\n"],
    ["a bare LF", "GET / HTTP/1.1\nhost: t\n\n"],
    ["two hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"],
    [
      "a chunk's size with more in it",
      "POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n",
    ],
  ];
  for (const [what, text] of vectors) {
    it(`with ${what} reach no upstream whole`, async () => {
      await using w = await proxyWorld(counting);
      const peer = await w.asked(text);
      assert(peer.statuses.every((status) => status >= 400), `${peer.told}`);
      assert(!(w.sides[0][0]?.text ?? "").includes("0\r\n\r\n"));
    });
  }

  it("in trailers can't say what the proxy says or drops, nor by underscores what is for one connection", async () => {
    await using w = await proxyWorld(async (side) => {
      await side.until("\r\n0\r\n");
      side.send(answer("ok"));
    }, { proxy: { headers: { "x-user": "known" } } });
    const headers = {
      "transfer-encoding": "chunked",
      transfer_encoding: "chunked",
      proxy_authorization: "Basic eDp5",
      connection: "x-secret",
      x_secret: "1",
      x_open: "2",
    };
    const peer = await w.asked(request("/", { method: "POST", headers }));
    peer.send("1\r\na\r\n");
    await w.pass(10);
    peer.send("0\r\nx-user: root\r\nx_user: root\r\nx-real-ip: 1.2.3.4\r\nvia: 1.1 other\r\nx-sum: 7\r\n\r\n");
    await w.pass(20);
    assertEquals(peer.told, ["200 ok"]);
    const [side] = w.sides[0];
    assertEquals(fieldsOf(side), ["x_open: 2", "x-user: known", "transfer-encoding: chunked"]);
    assertEquals(side.text.split("\r\n\r\n")[1], "1\r\na\r\n0\r\nx-sum: 7");
  });

  it("by the Connection field can't take its framing or its host away", async () => {
    await using w = await proxyWorld(async (side) => {
      await side.until("abcd");
      side.send(answer("ok"));
    });
    const headers = { connection: "content-length, host, transfer-encoding, x-forwarded-for" };
    assertEquals((await w.asked(request("/", { body: "abcd", headers }))).told, ["200 ok"]);
    assertStringIncludes(w.sides[0][0].text, "host: test\r\n");
    assertStringIncludes(w.sides[0][0].text, "content-length: 4\r\n");
    assertStringIncludes(w.sides[0][0].text, "x-forwarded-for: 127.0.0.1\r\n");
  });
});

describe("upgrades through proxy()", () => {
  const upgrade = request("/ws", {
    headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "k" },
  });
  const SWITCH =
    "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\nsec-websocket-accept: a\r\n\r\n";

  /** Switches, and answers each line. */
  const echoing: Script = async (side) => {
    await side.head();
    side.send(`${SWITCH}hello\n`);
    for (let line = await side.until("\n"); line !== null; line = await side.until("\n")) side.send(`echo ${line}`);
    side.close();
  };

  it("join both ends, what came behind either head first", async () => {
    await using w = await proxyWorld(echoing);
    const peer = await w.peer();
    peer.send(`${upgrade}early\n`);
    await w.pass(20);
    assertEquals(fieldsOf(w.sides[0][0]), ["sec-websocket-key: k", "connection: Upgrade", "upgrade: websocket"]);
    peer.send("late\n");
    await w.pass(20);
    const [head, body] = peer.text.split("\r\n\r\n");
    assertEquals(head.split("\r\n"), [
      "HTTP/1.1 101 Switching Protocols",
      "sec-websocket-accept: a",
      "connection: Upgrade",
      "upgrade: WebSocket",
    ]);
    assertEquals(body, "hello\necho early\necho late\n");
    assertEquals([w.front.http.statuses["1xx"], w.front.http.active], [1, 1]);
    peer.conn.closeWrite();
    await w.pass(20);
    assertEquals([peer.end, w.sides[0][0].end, w.front.http.active], ["fin", "fin", 0]);
  });

  it("break one end when the other breaks, either way", async () => {
    await using w = await proxyWorld(echoing);
    const peer = await w.asked(upgrade);
    peer.conn.abort();
    await w.pass(20);
    assertEquals(w.sides[0][0].end, "reset");
    const other = await w.asked(upgrade);
    w.sides[0][1].reset();
    await w.pass(20);
    assertEquals([other.end, w.front.http.active], ["reset", 0]);
  });

  it("that the upstream refuses are answered with what it says", async () => {
    await using w = await proxyWorld(gives(answer("no", "", "403 Forbidden")));
    const peer = await w.asked([upgrade, request("/")]);
    assertEquals(peer.told, ["403 no", "403 no"]);
  });

  it("to anything but what is allowed go on as plain requests", async () => {
    await using w = await proxyWorld(counting);
    const asked = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABk" };
    assertEquals((await w.asked(request("/", { headers: asked }))).told, ["200 1.1"]);
    assertEquals(fieldsOf(w.sides[0][0]), []);
  });

  it("are told goodbye by a drain at rest, and the upstream's end is closed with them", async () => {
    await using w = await proxyWorld(echoing, { http: { idleGrace: 200 } });
    const peer = await w.asked(upgrade);
    const report = w.until(w.front.shutdown({ grace: 5000 }));
    const { clean } = await report;
    assertEquals([peer.end, clean], ["fin", true]);
    await w.pass(20);
    assertEquals(w.sides[0][0].end, "fin");
  });
});

describe("a drain of proxy()'s server", () => {
  it("answers what is under way, and refuses nobody that was accepted", async () => {
    await using w = await proxyWorld(async (side) => {
      await side.head();
      await new Promise<void>((resolve) => w.clock.setTimer(resolve, 1000));
      side.send(answer("late"));
    });
    const peer = await w.asked(request("/"));
    const { clean } = await w.until(w.front.shutdown({ grace: 5000 }));
    assertEquals([peer.told, clean], [["200 late, close"], true]);
  });
});

describe("what proxy() refuses", () => {
  it("is named, at once", async () => {
    const wrong: [ProxyOptions, string][] = [
      [{ hots: "client" } as ProxyOptions, "proxy() has no option hots, did you mean host?"],
      [{ forwarded: "yes" as "both" }, "forwarded must be one of"],
      [{ upgrades: ["h2c"] }, `upgrades can't have "h2c"`],
      [{ headers: { "content-length": "1" } }, "content-length is the proxy's own to say"],
      [{ headers: { Connection: "close" } }, "Connection is the proxy's own to say"],
      [{ via: "a b" }, "via must be a name or a host"],
    ];
    const refused: string[] = [];
    const handler = (): HttpHandler => (request, ctx) => {
      for (const [options, message] of wrong) {
        assertThrows(() => proxy(request, ctx, w.upstream, options), OptionError, message);
        refused.push(message);
      }
      assertThrows(() => proxy(new Request("http://a/"), ctx, w.upstream), TypeError, "proxy() takes the request");
      assertThrows(() => proxy(request, ctx, {} as typeof w.upstream), OptionError, "what upstream() has made");
      return reply("all refused");
    };
    await using w = await proxyWorld(counting, { handler });
    assertEquals((await w.asked(request("/"))).told, ["200 all refused"]);
    assertEquals(refused.length, wrong.length);
  });

  it("is a body that was read, which costs its request", async () => {
    await using w = await proxyWorld(counting, {
      handler: (pass) => async (request, ctx) => (await request.text(), await pass(request, ctx)),
    });
    assertEquals((await w.asked(request("/", { body: "x" }))).statuses, [500]);
    assertEquals(w.sides[0].length, 0);
  });
});

describe("an answer of proxy()", () => {
  it("is a Response to whoever looks: middleware may change its fields, read it, or copy it", async () => {
    const ways: ((response: Response) => Response | Promise<Response>)[] = [
      (response) => (response.headers.set("x-added", "1"), response.headers.delete("x-inner"), response),
      async (response) => new Response((await response.text()).toUpperCase(), response),
      (response) => new Response(response.body, { status: 299, headers: response.headers }),
    ];
    let way = 0;
    await using w = await proxyWorld(gives(answer("body", "x-inner: 1\r\n")), {
      handler: (pass) => async (request, ctx) => {
        const response = (await pass(request, ctx))!;
        assert(response instanceof Response && response.status === 200);
        return await ways[way++](response);
      },
    });
    const peer = await w.asked(request("/"));
    for (let i = 1; i < ways.length; i++) {
      peer.ask(request("/"));
      await w.pass(50);
    }
    assertEquals(
      peer.answers.map((a) => `${a.status} ${bodyOf(a)} ${a.headers.get("x-added")} ${a.headers.get("x-inner")}`),
      [
        "200 body 1 undefined",
        "200 BODY undefined 1",
        "299 body undefined 1",
      ],
    );
  });
});

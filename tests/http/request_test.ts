import { describe, it } from "node:test";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { type HttpContext, type HttpOptions, nativeRequest, reply } from "../../src/http/mod.ts";
import { httpWorld, request, type RequestText } from "../support/http_world.ts";

/** Gives a request to a function, in a handler, and returns what that gives. */
async function withRequest<T>(
  text: string,
  use: (req: Request, ctx: HttpContext) => T | Promise<T>,
  options: HttpOptions = {},
): Promise<T> {
  let result!: T;
  let failure: unknown = null;
  await using w = await httpWorld(async (req, ctx) => {
    try {
      result = await use(req, ctx);
    } catch (error) {
      failure = error;
    }
    return reply();
  }, options);
  await w.ask(text, 50);
  if (failure !== null) throw failure;
  return result;
}

function get(target: string, parts: RequestText = {}): string {
  return request(target, { ...parts, headers: { host: "example.com", ...parts.headers } });
}

describe("the request is a Request", () => {
  it("to instanceof, and by its members", async () => {
    await withRequest(request("/a?b=c", { headers: { "x-a": "1" } }), (req) => {
      assertInstanceOf(req, Request);
      assertEquals(Object.prototype.toString.call(req), "[object Request]");
      assertEquals([req.method, req.url, req.bodyUsed, req.body], ["GET", "http://test/a?b=c", false, null]);
      assertEquals([req.headers.get("X-A"), req.headers.get("host"), req.headers.has("x-b")], ["1", "test", false]);
      assertInstanceOf(req.headers, Headers);
      assertInstanceOf(req.signal, AbortSignal);
    });
  });

  it("with the members that nobody needs here, from the runtime's own", async () => {
    await withRequest(request("/"), (req) => {
      const plain = new Request("http://test/");
      for (const name of ["cache", "credentials", "mode", "redirect", "referrer", "integrity", "keepalive"] as const) {
        assertEquals([name, req[name]], [name, plain[name]]);
      }
    });
  });

  it("with the same objects each time", async () => {
    await withRequest(request("/", { body: "x" }), (req) => {
      assertStrictEquals(req.headers, req.headers);
      assertStrictEquals(req.signal, req.signal);
      assertStrictEquals(req.body, req.body);
    });
  });

  it("keeps the method's case, but for those that the web normalises", async () => {
    for (const method of ["GET", "POST", "PATCH", "PROPFIND", "patch"]) {
      assertEquals(await withRequest(request("/", { method }), (req) => req.method), method);
    }
  });

  it("joins repeated fields, and those of Cookie with a semicolon", async () => {
    const text = "GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\nCookie: a=1\r\nA: 2\r\nCookie: b=2\r\n\r\n";
    assertEquals(await withRequest(text, ({ headers }) => [headers.get("a"), headers.get("cookie")]), [
      "1, 2",
      "a=1; b=2",
    ]);
  });
});

describe("request.headers", () => {
  const headers = { host: "other", "X-A": "1", cookie: "a=1", "x-a": "2", Cookie: "b=2", "x-e": "" };
  const text = request("http://example.com:81/x", { headers });
  const plain = [["cookie", "a=1; b=2"], ["host", "example.com:81"], ["x-a", "1, 2"], ["x-e", ""]];

  it("gives by name what iteration gives, before and after it", async () => {
    await withRequest(text, ({ headers }) => {
      const byName = () => plain.map(([name]) => [name, headers.get(name.toUpperCase())]);
      assertEquals(byName(), plain);
      assertEquals([...headers], plain);
      assertEquals(byName(), plain);
      assertEquals([headers.get("x-none"), headers.has("X-A"), headers.has("x-none")], [null, true, false]);
    });
  });

  for (
    const [name, listed] of [
      ["new Headers()", (headers) => [...new Headers(headers)]],
      ["new Request()", (headers) => [...new Request("http://test/", { headers }).headers]],
      ["new Response()", (headers) => [...new Response("", { headers }).headers].filter(([k]) => k !== "content-type")],
      ["Object.fromEntries()", (headers) => Object.entries(Object.fromEntries(headers))],
      ["forEach()", (headers) => {
        const pairs: string[][] = [];
        headers.forEach((value, key) => pairs.push([key, value]));
        return pairs;
      }],
      ["entries()", (headers) => [...headers.entries()]],
    ] satisfies [string, (headers: Headers) => string[][]][]
  ) {
    it(`can be given to ${name}`, async () => {
      await withRequest(text, ({ headers }) => assertEquals(listed(headers), plain));
    });
  }

  it("can be changed", async () => {
    await withRequest(text, ({ headers }) => {
      headers.set("x-a", "3");
      headers.append("X-New", "4");
      headers.delete("x-e");
      assertEquals([headers.get("x-a"), headers.get("x-new"), headers.has("x-e")], ["3", "4", false]);
    });
  });

  it("refuses names that are none, as Headers do", async () => {
    await withRequest(text, ({ headers }) => {
      assertThrows(() => headers.get("a b"), TypeError);
      assertThrows(() => headers.has(""), TypeError);
      assertEquals(headers.get(1 as unknown as string), null);
    });
  });
});

describe("request.url", () => {
  const urls: [target: string, method: string, url: string][] = [
    ["/", "GET", "http://example.com/"],
    ["/a/b?c=d&e", "GET", "http://example.com/a/b?c=d&e"],
    ["//a/b", "GET", "http://example.com//a/b"],
    ["/?", "GET", "http://example.com/?"],
    ["/%41%c3%a9", "GET", "http://example.com/%41%c3%a9"],
    ["/a/../b/./c", "GET", "http://example.com/b/c"],
    ["/a/%2e%2E/b", "GET", "http://example.com/b"],
    ["/a?x='y'", "GET", "http://example.com/a?x=%27y%27"],
    ["http://other.example/x?y", "GET", "http://other.example/x?y"],
    ["http://Other.Example:80/x", "GET", "http://other.example/x"],
    ["http://other.example", "GET", "http://other.example/"],
    ["http://other.example?x", "GET", "http://other.example/?x"],
    ["*", "OPTIONS", "http://example.com/*"],
    ["example.com:443", "CONNECT", "http://example.com:443/"],
  ];
  for (const [target, method, url] of urls) {
    it(`of ${method} ${target} is ${url}, as the runtime's own would say`, async () => {
      await withRequest(get(target, { method }), (req) => {
        assertEquals(req.url, url);
        assertEquals(new URL(req.url).href, url);
      });
    });
  }

  it("has the port of Host, and none if it is the scheme's", async () => {
    for (
      const [host, url] of [["x:8080", "http://x:8080/a"], ["x:80", "http://x/a"], ["[::1]:81", "http://[::1]:81/a"]]
    ) {
      assertEquals(await withRequest(request("/a", { headers: { host } }), (req) => req.url), url);
    }
  });

  it("has the server's address when an HTTP/1.0 client names no host", async () => {
    const [url, local] = await withRequest("GET /a HTTP/1.0\r\n\r\n", (req, ctx) => [req.url, ctx.conn.local] as const);
    assert(local.transport === "tcp");
    assertEquals(url, `http://127.0.0.1:${local.port}/a`);
  });
});

describe("a request's copies", () => {
  it("clone() is a Request with the same body, and the original is still to be read", async () => {
    await withRequest(request("/a", { body: "body", headers: { "x-a": "1" } }), async (req) => {
      const copy = req.clone();
      assertInstanceOf(copy, Request);
      assertNotStrictEquals(copy, req);
      assertEquals([copy.url, copy.method, copy.headers.get("x-a")], [req.url, "POST", "1"]);
      assertEquals([await copy.text(), await req.text(), req.bodyUsed], ["body", "body", true]);
    });
  });

  it("clone() is refused when the body was read", async () => {
    await withRequest(request("/", { body: "body" }), async (req) => {
      await req.text();
      assertThrows(() => req.clone(), TypeError);
    });
  });

  it("new Request() takes the native one, with a field changed", async () => {
    await withRequest(request("/a", { body: "body", headers: { "x-a": "1" } }), async (req) => {
      const copy = new Request(nativeRequest(req), { headers: { "x-b": "2" } });
      assertEquals([copy.url, copy.method, copy.headers.get("x-a"), copy.headers.get("x-b")], [
        req.url,
        "POST",
        null,
        "2",
      ]);
      assertEquals(await copy.text(), "body");
    });
  });

  it("new Request() with another URL takes its parts", async () => {
    await withRequest(request("/a", { body: "body", headers: { "x-a": "1" } }), async (req) => {
      const { method, headers, body } = req;
      const copy = new Request("http://else/", { method, headers, body, duplex: "half" } as RequestInit);
      assertEquals([copy.method, copy.headers.get("x-a"), await copy.text()], ["POST", "1", "body"]);
    });
  });

  it("changes of its headers are seen by both", async () => {
    await withRequest(request("/", { headers: { "x-a": "1" } }), (req) => {
      req.headers.set("x-a", "2");
      assertEquals([req.headers.get("x-a"), req.clone().headers.get("x-a")], ["2", "2"]);
    });
  });

  it("of a GET with a body have none, and it can be read all the same", async () => {
    await withRequest(request("/", { method: "GET", body: "odd" }), async (req) => {
      assertEquals(await req.text(), "odd");
    });
  });
});

describe("a request's body", () => {
  it("is a stream with bodyUsed as the web has it", async () => {
    await withRequest(request("/", { body: "abc" }), async (req) => {
      assertInstanceOf(req.body, ReadableStream);
      assertEquals(req.bodyUsed, false);
      const reader = req.body!.getReader();
      const { value } = await reader.read();
      assertEquals([new TextDecoder().decode(value), (await reader.read()).done, req.bodyUsed], ["abc", true, true]);
    });
  });

  it("is null without one, and then may be asked for as often as you like", async () => {
    await withRequest(request("/", { method: "POST", headers: { "content-length": "0" } }), async (req) => {
      assertEquals([req.body, await req.text(), (await req.arrayBuffer()).byteLength, req.bodyUsed], [
        null,
        "",
        0,
        false,
      ]);
    });
  });

  it("is the owner's: bytes that were given out don't change when more arrives", async () => {
    const kept: Uint8Array[] = [];
    await using w = await httpWorld(async (req) => {
      kept.push(new Uint8Array(await req.arrayBuffer()));
      return reply();
    });
    const peer = await w.ask([request("/", { body: "aaaa" }), request("/", { body: "bbbb" })]);
    peer.ask(request("/", { body: "cccc" }));
    await w.pass(10);
    assertEquals(kept.map((bytes) => new TextDecoder().decode(bytes)), ["aaaa", "bbbb", "cccc"]);
  });

  it("can be piped through", async () => {
    await using w = await httpWorld((req) => new Response(req.body!.pipeThrough(new TransformStream())));
    assertEquals((await w.ask(request("/", { body: "through" }), 50)).told, ["200 through"]);
  });
});

describe("reply() is a Response", () => {
  it("to instanceof, by its members, and by reading it", async () => {
    const made = reply("text", { status: 201, headers: { "X-A": "1" } });
    assertInstanceOf(made, Response);
    assertEquals([made.status, made.ok, made.statusText, made.type, made.redirected], [
      201,
      true,
      "",
      "default",
      false,
    ]);
    assertEquals([made.headers.get("x-a"), made.headers.get("content-type")], ["1", "text/plain;charset=UTF-8"]);
    assertEquals([await made.clone().text(), made.bodyUsed, await made.text(), made.bodyUsed], [
      "text",
      false,
      "text",
      true,
    ]);
    assertEquals([reply(null, { status: 404 }).ok, await reply().text()], [false, ""]);
  });

  it("that can be changed, looked at and then sent", async () => {
    await using w = await httpWorld(() => {
      const made = reply("text", { headers: { "x-a": "1" } });
      made.headers.set("x-a", "2");
      made.headers.append("x-b", "3");
      return made;
    });
    const peer = await w.ask([request("/"), request("/")]);
    assertEquals(peer.told, ["200 text", "200 text"]);
    assertEquals([peer.last.headers.get("x-a"), peer.last.headers.get("x-b")], ["2", "3"]);
  });

  it("that can be given to new Response() in parts", async () => {
    const made = reply("text", { status: 202 });
    const other = new Response(made.body, { status: made.status, headers: made.headers });
    assertEquals([other.status, await other.text()], [202, "text"]);
  });

  it("that can be sent again and again", async () => {
    const shared = reply("shared");
    await using w = await httpWorld(() => shared);
    assertEquals((await w.ask([request("/"), request("/")])).told, ["200 shared", "200 shared"]);
  });

  it("but not with a status or a field that no answer has", () => {
    for (const status of [199, 600, 200.5, NaN]) assertThrows(() => reply("", { status }), RangeError, "Status");
    assertThrows(() => reply("x", { status: 204 }), TypeError, "no body");
    assertThrows(() => reply("x", { headers: { "a b": "c" } }), TypeError, "a b");
  });
});

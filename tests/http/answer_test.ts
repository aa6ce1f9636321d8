import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { type HttpHandler, reply } from "../../src/http/mod.ts";
import { bodyOf, Gate, httpWorld, pathOf, request } from "../support/http_world.ts";
import { runtimeName } from "../support/processes.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A stream of these parts, each after `wait`. */
function streamOf(parts: readonly string[], wait?: () => Promise<void>): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    async pull(controller) {
      await wait?.();
      if (at < parts.length) controller.enqueue(bytes(parts[at++]));
      else controller.close();
    },
  }, { highWaterMark: 0 });
}

for (const probe of [true, false]) {
  describe(`answers that are whole, ${probe ? "taken from memory" : "read as streams"}`, () => {
    it("have their length, a Date and the fields they were given", async () => {
      const headers = { "X-One": "1", "Content-Type": "text/x" };
      const makers: (() => Response)[] = [
        () => new Response("hällo", { headers }),
        () => reply("hällo", { headers }),
        () => new Response(bytes("hällo"), { headers }),
        () => reply(bytes("hällo"), { headers }),
      ];
      await using w = await httpWorld((req) => makers[Number(pathOf(req).slice(1))](), { probe });
      const date = new Date(w.clock.wall()).toUTCString();
      const peer = await w.ask(makers.map((_, i) => request(`/${i}`)), 50);
      assertEquals(peer.told, makers.map(() => "200 hällo"));
      for (const { headers } of peer.answers) {
        assertEquals([headers.get("content-length"), headers.get("x-one"), headers.get("content-type")], [
          "6",
          "1",
          "text/x",
        ]);
        assertEquals(headers.get("date"), date);
      }
    });

    it("may be made of a Blob, which brings its type along", async () => {
      await using w = await httpWorld(() => new Response(new Blob(["hällo"], { type: "text/x" })), { probe });
      const peer = await w.ask([request("/"), request("/")]);
      // A Blob is read in the runtime's own time, which the clock here doesn't know.
      while (peer.answers.length < 2 && peer.end === "open") await w.until(peer.changed());
      assertEquals(peer.told, ["200 hällo", "200 hällo"]);
      assertEquals(peer.last.headers.get("content-type"), "text/x");
    });

    it("have length 0 without a body", async () => {
      await using w = await httpWorld((req) => pathOf(req) === "/a" ? reply() : new Response(), { probe });
      const peer = await w.ask([request("/a"), request("/b")]);
      assertEquals(peer.answers.map((a) => [a.status, a.headers.get("content-length")]), [[200, "0"], [200, "0"]]);
    });

    it("to HEAD have the fields of GET and no body", async () => {
      const handlers: HttpHandler[] = [
        () => reply("hello"),
        () => new Response("hello"),
        () => new Response(null, { headers: { "content-length": "5" } }),
        () => new Response(streamOf(["hello"]), { headers: { "content-length": "5" } }),
        () => new Response(bytes("hello")),
      ];
      await using w = await httpWorld((req, ctx) => handlers[Number(pathOf(req).slice(1))](req, ctx), { probe });
      const peer = await w.ask([...handlers.map((_, i) => request(`/${i}`, { method: "HEAD" })), request("/0")], 50);
      assertEquals(peer.problem, null);
      assertEquals(peer.told, [...handlers.map(() => "200"), "200 hello"]);
      const lengths = peer.answers.map((a) => a.headers.get("content-length"));
      // Without a look behind the Response, the runtime's own body is told from a handler's by its stream of bytes.
      const seen = probe || runtimeName() === "node" ? "5" : undefined;
      assertEquals(lengths, ["5", seen, "5", "5", seen, "5"]);
    });

    it("to HEAD have no length if they flow, and what flows is cancelled", async () => {
      const slow = new Gate();
      const cancelled: string[] = [];
      const streams: Record<string, () => ReadableStream<Uint8Array>> = {
        "/slow": () => streamOf(["a"], () => slow.promise),
        "/long": () => streamOf(["a", "b", "c"]),
        "/endless": () =>
          new ReadableStream({
            pull: (controller) => controller.enqueue(bytes("x")),
            cancel: () => void cancelled.push("/endless"),
          }),
      };
      await using w = await httpWorld((req) => new Response(streams[pathOf(req)]()), { probe });
      const peer = await w.ask(Object.keys(streams).map((path) => request(path, { method: "HEAD" })), 50);
      assertEquals(peer.answers.map((a) => [a.status, a.headers.get("content-length")]), [
        [200, undefined],
        [200, undefined],
        [200, undefined],
      ]);
      assertEquals(cancelled, ["/endless"]);
      slow.open();
    });

    it("with 204 have neither body nor length, with 304 the length only that they say", async () => {
      const answers: Record<string, () => Response> = {
        "/204": () => new Response(null, { status: 204 }),
        "/r204": () => reply(null, { status: 204, headers: { "content-length": "0" } }),
        "/304": () => new Response(null, { status: 304, headers: { etag: '"x"', "content-length": "99" } }),
        "/r304": () => reply(null, { status: 304 }),
      };
      await using w = await httpWorld((req) => answers[pathOf(req)](), { probe });
      const peer = await w.ask([...Object.keys(answers).map((path) => request(path)), request("/r204")]);
      assertEquals(peer.told, ["204", "204", "304", "304", "204"]);
      assertEquals(peer.answers.map((a) => a.headers.get("content-length")), [
        undefined,
        undefined,
        "99",
        undefined,
        undefined,
      ]);
      assertEquals(peer.text.includes("transfer-encoding"), false);
    });

    it("have the length of what is sent, whatever they say themselves", async () => {
      await using w = await httpWorld(() =>
        reply("hello", { headers: { "Content-Length": "3", "Transfer-Encoding": "chunked" } })
      );
      assertEquals((await w.ask([request("/"), request("/")])).told, ["200 hello", "200 hello"]);
    });

    it("may be megabytes", async () => {
      const big = "x".repeat(3 << 20);
      await using w = await httpWorld(() => new Response(big), { probe });
      const peer = await w.ask([request("/"), request("/")], 50);
      assertEquals(peer.answers.map((a) => a.body.length), [big.length, big.length]);
    });

    it("keep each Set-Cookie on a line of its own", async () => {
      const headers: [string, string][] = [["set-cookie", "a=1"], [
        "set-cookie",
        "b=2; Expires=Mon, 01 Jan 2029 00:00:00 GMT",
      ]];
      await using w = await httpWorld((req) =>
        pathOf(req) === "/a" ? reply("", { headers }) : new Response("", { headers })
      );
      const peer = await w.ask([request("/a"), request("/b")]);
      assertEquals(peer.text.match(/set-cookie: a=1\r\nset-cookie: b=2; Expires/g)?.length, 2);
    });

    it("send each character of a field as one byte", async () => {
      await using w = await httpWorld((req) => {
        const headers = { "x-echo": req.headers.get("x-name") ?? "" };
        return pathOf(req) === "/a" ? reply("ü", { headers }) : new Response("ü", { headers });
      });
      // UTF-8 of "é", as a client would send it; it comes back as it went.
      const raw = { "x-name": "\xc3\xa9" };
      const peer = await w.ask([request("/a", { headers: raw }), request("/b", { headers: raw })]);
      assertEquals(peer.answers.map((a) => a.headers.get("x-echo")), ["\xc3\xa9", "\xc3\xa9"]);
      assertEquals(peer.answers.map(bodyOf), ["ü", "ü"]);
    });

    it("keep a phrase and a Date of their own", async () => {
      await using w = await httpWorld(() =>
        new Response("x", { status: 299, statusText: "Fine Enough", headers: { date: "now" } })
      );
      const peer = await w.ask(request("/"));
      assertStringIncludes(peer.text, "HTTP/1.1 299 Fine Enough\r\n");
      assertEquals(peer.last.headers.get("date"), "now");
    });

    it("renew the Date each second", async () => {
      await using w = await httpWorld(() => reply("x"));
      const peer = await w.ask(request("/"));
      await w.pass(1990);
      peer.ask(request("/"));
      await w.pass(10);
      const [first, second] = peer.answers.map((a) => Date.parse(a.headers.get("date")!));
      assertEquals(second - first, 2000);
    });
  });
}

describe("header injection", () => {
  const evil = "x\r\nset-cookie: evil=1\r\n\r\nHTTP/1.1 200 OK";
  const attempts: Record<string, () => Response> = {
    "a value in reply()": () => reply("x", { headers: { "x-a": evil } }),
    "a name in reply()": () => reply("x", { headers: { [`x: ${evil}`]: "1" } }),
    "a value in a Response": () => new Response("x", { headers: { "x-a": evil } }),
    "a phrase": () => new Response("x", { statusText: evil }),
    "a value slipped in later": () => {
      const made = reply("x");
      made.headers.set("x-a", evil);
      return made;
    },
    "NUL": () => reply("x", { headers: { "x-a": "a\0b" } }),
    "text beyond latin1": () => reply("x", { headers: { "x-a": "\u560d\u560aset-cookie: evil=1" } }),
  };
  for (const [name, make] of Object.entries(attempts)) {
    it(`${name}: 500, and nothing smuggled`, async () => {
      await using w = await httpWorld((req) => pathOf(req) === "/evil" ? make() : reply("fine"));
      const peer = await w.ask([request("/evil"), request("/next")]);
      assertEquals([peer.told, peer.problem], [["500 internal server error", "200 fine"], null]);
      assertEquals(peer.text.includes("evil"), false);
    });
  }
});

describe("answers that flow", () => {
  it("go in chunks, each at once, when their length is unknown", async () => {
    await using w = await httpWorld(() => new Response(streamOf(["one", "two", "three"], () => w.sleep(100))));
    const peer = await w.ask(request("/"), 150);
    assertStringIncludes(peer.text, "transfer-encoding: chunked\r\n");
    assertMatch(peer.text, /\r\n\r\n3\r\none(\r\n)?$/);
    await w.pass(100);
    assertMatch(peer.text, /3\r\none\r\n3\r\ntwo(\r\n)?$/);
    await w.pass(300);
    assertEquals([peer.told, peer.end], [["200 onetwothree"], "open"]);
    peer.ask(request("/"));
    await w.pass(500);
    assertEquals(peer.told, ["200 onetwothree", "200 onetwothree"]);
  });

  it("go as they are when they say their length", async () => {
    const headers = { "content-length": "6" };
    await using w = await httpWorld(() => new Response(streamOf(["one", "two"], () => w.sleep(10)), { headers }));
    const peer = await w.ask([request("/"), request("/")], 100);
    assertEquals([peer.told, peer.text.includes("chunked")], [["200 onetwo", "200 onetwo"], false]);
  });

  it("skip empty parts, and may be empty", async () => {
    await using w = await httpWorld((req) =>
      new Response(streamOf(pathOf(req) === "/" ? [] : ["", "a", "", ""], () => w.sleep(10)))
    );
    assertEquals((await w.ask([request("/"), request("/a"), request("/")], 200)).told, ["200", "200 a", "200"]);
  });

  it("end with the connection for HTTP/1.0", async () => {
    await using w = await httpWorld(() => new Response(streamOf(["one", "two"], () => w.sleep(10))));
    const peer = await w.ask(request("/", { version: "1.0", headers: { connection: "keep-alive" } }), 100);
    assertEquals([peer.told, peer.end], [["200 onetwo, close"], "fin"]);
    assertEquals(peer.text.includes("chunked"), false);
  });

  it("are whole after all when the stream has everything at once", async () => {
    await using w = await httpWorld(() => new Response(streamOf(["hello"])));
    const peer = await w.ask(request("/"));
    assertEquals([peer.told, peer.last.headers.get("content-length")], [["200 hello"], "5"]);
  });

  it("are not read for HEAD, 204 and 304, but cancelled", async () => {
    let [pulled, cancelled] = [0, 0];
    await using w = await httpWorld(() =>
      new Response(
        new ReadableStream({ pull: () => void pulled++, cancel: () => void cancelled++ }, { highWaterMark: 0 }),
      )
    );
    const peer = await w.ask(request("/", { method: "HEAD" }));
    assertEquals([peer.told, peer.problem, pulled, cancelled], [["200"], null, 0, 1]);
  });

  it("are read no faster than the client takes them", async () => {
    let [pulled, cancelled] = [0, 0];
    const part = new Uint8Array(16_384);
    await using w = await httpWorld(() =>
      new Response(
        new ReadableStream({
          pull: (controller) => {
            pulled++;
            controller.enqueue(part);
          },
          cancel: () => void cancelled++,
        }, { highWaterMark: 0 }),
      )
    );
    const peer = await w.peer();
    peer.conn.pause();
    peer.ask(request("/"));
    await w.pass(1000);
    const before = pulled;
    assertGreater(before, 2);
    assertLess(before, 30);
    await w.pass(5000);
    assertEquals(pulled, before);
    peer.conn.resume();
    await w.pass(1);
    assertGreater(pulled, before);
    peer.conn.abort();
    await w.pass(10);
    assertEquals(cancelled, 1);
  });

  for (const [kind, parts] of [["short", ["one"]], ["long", ["one", "two", "three"]]] as const) {
    it(`reset the connection when they are too ${kind} for their length`, async () => {
      const headers = { "content-length": "7" };
      await using w = await httpWorld(() => new Response(streamOf(parts, () => w.sleep(10)), { headers }));
      const peer = await w.ask([request("/"), request("/")], 200);
      assertEquals([peer.answers, peer.end], [[], "reset"]);
      assert(!peer.text.includes("three"), "nothing goes out beyond the length");
      assertEquals([w.server.http.requests, w.server.http.handlerErrors, w.server.http.aborted], [1, 1, 1]);
    });
  }

  it("reset the connection when they fail after their head, and only that one", async () => {
    await using w = await httpWorld((req) => {
      if (pathOf(req) === "/fine") return reply("fine");
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await w.sleep(10);
            if (peer.text === "") controller.enqueue(bytes("some"));
            else controller.error(new Error("boom"));
          },
        }, { highWaterMark: 0 }),
      );
    });
    const other = await w.ask(request("/fine"));
    const peer = await w.peer();
    peer.ask(request("/"));
    await w.pass(100);
    assertEquals([peer.end, peer.answers, peer.text.endsWith("0\r\n\r\n")], ["reset", [], false]);
    other.ask(request("/fine"));
    await w.pass(10);
    assertEquals(other.told, ["200 fine", "200 fine"]);
  });

  it("500 when they have failed before anything was sent", async () => {
    const fails = () => new ReadableStream({ start: (controller) => controller.error(new Error("boom")) });
    await using w = await httpWorld((req) => pathOf(req) === "/" ? new Response(fails()) : reply("next"));
    const peer = await w.ask([request("/"), request("/next")]);
    assertEquals(peer.told, ["500 internal server error", "200 next"]);
  });

  it("reset when a part is no bytes", async () => {
    const wrong = () => {
      const parts = ["text", 5] as unknown[];
      return new ReadableStream({
        async pull(controller) {
          await w.sleep(10);
          controller.enqueue(parts.shift());
        },
      }, { highWaterMark: 0 });
    };
    await using w = await httpWorld(() => new Response(wrong()));
    const peer = await w.ask(request("/"), 100);
    assertEquals([peer.end, peer.answers.filter((answer) => answer.status < 500)], [peer.end, []]);
    assertEquals(w.server.http.handlerErrors, 1);
  });

  it("end their source when the client goes, even while it is waited for", async () => {
    const gate = new Gate<unknown>();
    await using w = await httpWorld(() =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(bytes("first")),
          pull: () => new Promise(() => {}),
          cancel: (reason) => gate.open(reason),
        }),
      )
    );
    const peer = await w.ask(request("/"));
    assertStringIncludes(peer.text, "first");
    peer.conn.abort();
    await w.pass(10);
    assert(await gate.promise instanceof Error);
  });

  it("go out while the next pipelined request waits behind them", async () => {
    await using w = await httpWorld((req) =>
      pathOf(req) === "/1" ? new Response(streamOf(["a", "b"], () => w.sleep(50))) : reply("2")
    );
    const peer = await w.ask([request("/1"), request("/2")], 60);
    assertStringIncludes(peer.text, "1\r\na");
    await w.pass(200);
    assertEquals(peer.told, ["200 ab", "200 2"]);
  });
});

describe("a handler's answer that comes too late", () => {
  it("has its stream cancelled", async () => {
    const gate = new Gate();
    await using w = await httpWorld(async () => {
      await w.sleep(100);
      return new Response(new ReadableStream({ cancel: () => gate.open() }));
    });
    const peer = await w.ask(request("/"));
    peer.conn.abort();
    await w.pass(200);
    await gate.promise;
  });
});

import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertLess, assertRejects } from "@std/assert";
import { BodyError, type HttpContext, HttpError, reply } from "../../src/http/mod.ts";
import { chunked, Gate, httpWorld, pathOf, request } from "../support/http_world.ts";

const CHUNKED = { "transfer-encoding": "chunked" };

function upload(parts: readonly string[], trailers?: string): string {
  return request("/", { method: "POST", headers: CHUNKED }) + chunked(parts, trailers);
}

function declared(length: number, headers: Record<string, string> = {}): string {
  return request("/", { method: "POST", headers: { "content-length": `${length}`, ...headers } });
}

/** Gives one part, and fails then. */
function breaking(): ReadableStream<Uint8Array> {
  let parts = 0;
  return new ReadableStream({
    pull(controller) {
      if (++parts > 1) throw new Error("broken");
      controller.enqueue(new Uint8Array(3));
    },
  }, { highWaterMark: 0 });
}

describe("reading a body", () => {
  it("gives text, bytes, JSON, a blob, a form or a stream", async () => {
    const ways: Record<string, (req: Request) => Promise<unknown>> = {
      text: (req) => req.text(),
      json: async (req) => JSON.stringify(await req.json()),
      arrayBuffer: async (req) => (await req.arrayBuffer()).byteLength,
      blob: async (req) => (await req.blob()).type,
      formData: async (req) => (await req.formData()).get("a"),
      stream: async (req) => {
        let size = 0;
        for await (const part of req.body!) size += part.length;
        return size;
      },
      clone: async (req) => `${await req.clone().text()} ${await req.text()}`,
    };
    await using w = await httpWorld(async (req) => reply(String(await ways[pathOf(req).slice(1)](req))));
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const peer = await w.ask([
      request("/text", { body: "abc" }),
      request("/json", { body: '{"a": 1}' }),
      request("/arrayBuffer", { body: "abcd" }),
      request("/blob", { body: "x", headers: { "content-type": "image/png" } }),
      request("/formData", { body: "a=b%20c", headers: form }),
      request("/stream", { body: "abcdef" }),
      request("/clone", { body: "twice" }),
      request("/text"),
    ], 50);
    assertEquals(peer.told, [
      "200 abc",
      '200 {"a":1}',
      "200 4",
      "200 image/png",
      "200 b c",
      "200 6",
      "200 twice twice",
      "200",
    ]);
  });

  it("gives the same however it came, in memory of its own", async () => {
    const seen: string[] = [];
    await using w = await httpWorld(async (req) => {
      const kind = pathOf(req).slice(1);
      if (kind === "text") seen.push(await req.text());
      else if (kind === "json") seen.push(JSON.stringify(await req.json()));
      else {
        const bytes = kind === "bytes" ? await req.bytes() : new Uint8Array(await req.arrayBuffer());
        seen.push(new TextDecoder().decode(bytes));
        assertEquals([bytes.byteOffset, bytes.buffer.byteLength], [0, bytes.length]);
        // What is behind it in the same chunk is not the handler's to change.
        new Uint8Array(bytes.buffer).fill(0);
      }
      return reply("");
    });
    const body = '{"a":1}';
    const kinds = ["text", "json", "bytes", "arrayBuffer"];
    const whole = kinds.map((kind) => request(`/${kind}`, { body }));
    const inChunks = kinds.map((kind) => request(`/${kind}`, { method: "POST", headers: CHUNKED }) + chunked([body]));
    const texts = [...whole, ...inChunks];
    const peer = await w.ask(texts, 50);
    // The same in two parts, wherever they are cut.
    for (const text of [texts[0], texts[2], texts[4]]) {
      for (let at = text.length - body.length - 8; at < text.length; at++) {
        peer.ask(text.slice(0, at));
        await w.pass(1);
        peer.send(text.slice(at));
        await w.pass(5);
      }
    }
    const more = 3 * (body.length + 8);
    assertEquals(peer.told, Array.from({ length: texts.length + more }, () => "200"));
    assertEquals(seen, seen.map(() => body));
  });

  it("rejects what is no JSON, and what was read already", async () => {
    const seen: string[] = [];
    await using w = await httpWorld(async (req) => {
      for (let i = 0; i < 2; i++) await req.json().catch((error) => seen.push(error.name));
      return reply("");
    });
    await w.ask(request("/", { body: "{" }), 30);
    await w.ask(request("/", { body: "" }), 30);
    assertEquals(seen, ["SyntaxError", "TypeError", "SyntaxError", "SyntaxError"]);
  });

  it("gives a form with a file", async () => {
    await using w = await httpWorld(async (req) => {
      const file = (await req.formData()).get("f") as File;
      return reply(`${file.name} ${await file.text()}`);
    });
    const body = '--X\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhello\r\n--X--\r\n';
    const headers = { "content-type": "multipart/form-data; boundary=X" };
    assertEquals((await w.ask(request("/", { body, headers }), 30)).told, ["200 a.txt hello"]);
  });

  it("ends for who goes on reading behind an answer, or behind its failure", async () => {
    let late: Promise<unknown> | undefined;
    await using w = await httpWorld((req) => {
      late = req.text().catch((error) => error);
      if (pathOf(req) === "/fails") throw new Error("no answer");
      if (pathOf(req) === "/breaks") return new Response(breaking());
      return reply("early", { headers: pathOf(req) === "/last" ? { connection: "close" } : {} });
    });
    for (const path of ["/early", "/last", "/fails", "/breaks"]) {
      await w.ask(declared(6).replace("/", path) + "ab");
      assertInstanceOf(await w.until(late!), BodyError, path);
    }
  });

  it("waits for what has not arrived", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()));
    const peer = await w.ask(declared(6) + "ab");
    peer.send("cd");
    await w.pass(1000);
    assertEquals(peer.answers, []);
    peer.send("ef");
    await w.pass(10);
    assertEquals(peer.told, ["200 abcdef"]);
  });

  it("joins chunks, and shows trailers when the body is read", async () => {
    const seen: unknown[] = [];
    await using w = await httpWorld(async (req, ctx) => {
      seen.push(ctx.trailers);
      const text = await req.text();
      seen.push(ctx.trailers?.get("x-sum") ?? null);
      return reply(text);
    });
    const peer = await w.ask([upload(["ab", "c"], "X-Sum: 42\r\n"), upload(["d"])]);
    assertEquals([peer.told, seen], [["200 abc", "200 d"], [null, "42", null, null]]);
  });

  it("makes the client wait while the handler doesn't read", async () => {
    const gate = new Gate();
    await using w = await httpWorld(async (req) => {
      await gate.promise;
      return reply(`${(await req.arrayBuffer()).byteLength}`);
    }, { readHighWaterMark: 10_000 });
    const size = 1 << 20;
    const peer = await w.ask(declared(size) + "x".repeat(size));
    const [conn] = w.server.connections;
    assertLess(conn.bytesRead, 300_000);
    gate.open();
    await w.pass(100);
    assertEquals(peer.told, [`200 ${size}`]);
  });

  it("makes the client wait while the stream's reader does", async () => {
    let read = 0;
    await using w = await httpWorld(async (req) => {
      for await (const part of req.body!) {
        read += part.length;
        await w.sleep(100);
      }
      return reply(`${read}`);
    }, { readHighWaterMark: 10_000 });
    const size = 1 << 20;
    const peer = await w.ask(declared(size) + "x".repeat(size), 250);
    const [conn] = w.server.connections;
    assertLess(read, 300_000);
    assertLess(conn.bytesRead, read + 200_000);
    await w.pass(10_000);
    assertEquals(peer.told, [`200 ${size}`]);
  });

  it("can't be done twice", async () => {
    await using w = await httpWorld(async (req) => {
      await req.text();
      await assertRejects(() => req.text(), TypeError);
      await assertRejects(() => req.json(), TypeError);
      return reply(`${req.bodyUsed}`);
    });
    assertEquals((await w.ask(request("/", { body: "x" }))).told, ["200 true"]);
  });

  it("can't be begun by one and gone on with by another", async () => {
    await using w = await httpWorld(async (req) => {
      const text = req.text();
      await assertRejects(() => req.body!.getReader().read(), TypeError);
      return reply(await text);
    });
    const peer = await w.ask(declared(4) + "ab");
    peer.send("cd");
    await w.pass(10);
    assertEquals(peer.told, ["200 abcd"]);
  });
});

/** All ways to have the bytes of a body, and to keep them. */
const KEPT: Readonly<Record<string, (req: Request) => Promise<() => string>>> = {
  text: async (req) => {
    const text = await req.text();
    return () => text;
  },
  bytes: async (req) => {
    const bytes = await req.bytes();
    return () => new TextDecoder().decode(bytes);
  },
  arrayBuffer: async (req) => {
    const buffer = await req.arrayBuffer();
    return () => new TextDecoder().decode(buffer);
  },
  parts: async (req) => {
    const parts: Uint8Array[] = [];
    for await (const part of req.body!) parts.push(part);
    return () => parts.map((part) => new TextDecoder().decode(part)).join("");
  },
  late: async (req) => {
    // Behind the turn that the bytes came in.
    await null;
    const bytes = await req.bytes();
    return () => new TextDecoder().decode(bytes);
  },
};

describe("what is kept of a request", () => {
  for (const [way, keep] of Object.entries(KEPT)) {
    it(`is what came, in pieces or not, when others have come since: ${way}`, async () => {
      const kept: { readonly req: Request; readonly body: () => string }[] = [];
      await using w = await httpWorld(async (req) => {
        kept.push({ req, body: await keep(req) });
        return reply("ok");
      });
      const peer = await w.peer();
      const bodies = ["a".repeat(10), "b".repeat(700), "c".repeat(9000)];
      for (const piece of [1e6, 1000, 7]) {
        for (const [i, body] of bodies.entries()) {
          const all = request(`/${i}?${piece}`, { body, headers: { "x-body": body.slice(0, 5) } }) +
            request("/next", { body: "n" });
          peer.reader.methods.push("POST", "POST");
          for (let at = 0; at < all.length; at += piece) {
            peer.send(all.slice(at, at + piece));
            await w.pass(1);
          }
          await w.pass(20);
        }
      }
      const own = kept.filter(({ req }) => !req.url.endsWith("/next"));
      assertEquals(
        own.map(({ req, body }) => [req.url, req.method, req.headers.get("x-body"), body()]),
        [1e6, 1000, 7].flatMap((piece) =>
          bodies.map((body, i) => [`http://test/${i}?${piece}`, "POST", body.slice(0, 5), body])
        ),
      );
    });
  }
});

describe("a body that breaks off", () => {
  const ends = [["reset", (conn: { abort(): void }) => conn.abort()], [
    "half-closed",
    (conn: { closeWrite(): Promise<void> }) => void conn.closeWrite(),
  ]] as const;
  for (const [how, end] of ends) {
    for (const head of [declared(100), request("/", { method: "POST", headers: CHUNKED }) + "64\r\n"]) {
      it(`rejects its reader with a BodyError when the client has ${how}, ${head.includes("chunked") ? "in a chunk" : "before its length"}`, async () => {
        const gate = new Gate<unknown>();
        let ctx!: HttpContext;
        await using w = await httpWorld(async (req, given) => {
          ctx = given;
          const error = await req.text().then(() => null, (error) => error);
          gate.open(error);
          throw error;
        });
        const peer = await w.ask(head + "some");
        end(peer.conn as never);
        await w.pass(10);
        assertInstanceOf(await gate.promise, BodyError);
        assertEquals(ctx.signal.aborted, true);
        assertEquals([peer.end, peer.answers, w.server.http.handlerErrors], ["reset", [], 0]);
      });
    }
  }

  it("is no such thing when it has arrived whole before the half-close, however late it is read", async () => {
    await using w = await httpWorld(async (req) => {
      await w.sleep(50);
      return reply(await req.text());
    });
    const peer = await w.ask([request("/", { body: "whole" }), upload(["too"])]);
    peer.conn.closeWrite();
    await w.pass(200);
    assertEquals([peer.told, peer.end], [["200 whole", "200 too, close"], "fin"]);
  });

  it("doesn't hide what came behind it before the half-close, if nobody reads it", async () => {
    await using w = await httpWorld((req) => w.sleep(50).then(() => reply(pathOf(req))));
    const peer = await w.ask([request("/1", { body: "unread" }), upload(["unread"]), request("/3")]);
    peer.conn.closeWrite();
    await w.pass(300);
    assertEquals([peer.told, peer.end], [["200 /1", "200 /", "200 /3, close"], "fin"]);
  });

  it("and that nobody reads, is answered for, then FIN", async () => {
    const slowly = () => new ReadableStream({ pull: (controller) => w.sleep(10).then(() => controller.close()) });
    const sized = { headers: { "content-length": "0" } };
    const answers = [() => reply("x"), () => new Response(slowly(), sized)];
    await using w = await httpWorld(() => w.sleep(50).then(answers.shift()!));
    for (const _ of [...answers]) {
      const peer = await w.ask(declared(10) + "some");
      peer.conn.closeWrite();
      await w.pass(100);
      assertEquals([peer.statuses, peer.end], [[200], "fin"]);
    }
  });

  it("rejects the stream's reader too", async () => {
    const gate = new Gate<unknown>();
    await using w = await httpWorld(async (req) => {
      try {
        for await (const _ of req.body!);
      } catch (error) {
        gate.open(error);
      }
      return reply("x");
    });
    const peer = await w.ask(declared(100) + "some");
    peer.conn.abort();
    await w.pass(10);
    assertInstanceOf(await gate.promise, BodyError);
  });

  it("400 and close when its chunks are broken, and the handler is not blamed", async () => {
    const causes: unknown[] = [];
    await using w = await httpWorld(async (req) => {
      return reply(
        await req.text().catch((error) => {
          causes.push(error.cause);
          throw error;
        }),
      );
    });
    const head = request("/", { method: "POST", headers: CHUNKED });
    const peer = await w.ask([head + "4\r\nfour\r\nxyz\r\n", request("/smuggled")]);
    assertEquals([peer.statuses, peer.end], [[400], "fin"]);
    assertInstanceOf(causes[0], HttpError);
    const { refused, handlerErrors, requests } = w.server.http;
    assertEquals([refused.badChunkSize, handlerErrors, requests], [1, 0, 1]);
  });

  it("may be answered for by the handler itself: then the connection closes, and the refusal is counted", async () => {
    await using w = await httpWorld((req) => req.text().then(reply, () => reply("sorry", { status: 422 })));
    const head = request("/", { method: "POST", headers: CHUNKED });
    const peer = await w.ask([head + "zz\r\n", request("/smuggled")]);
    assertEquals([peer.told, peer.end], [["422 sorry, close"], "fin"]);
    assertEquals([w.server.http.refused.badChunkSize, w.server.http.requests], [1, 1]);
  });
});

describe("a body that nobody reads", () => {
  it("is dropped, and the next request is found", async () => {
    await using w = await httpWorld((req) => reply(pathOf(req)));
    const parts = [request("/1", { body: "GET /x HTTP/1.1\r\n" }), upload(["GET /y HTTP/1.1\r\n"]), request("/3")];
    assertEquals((await w.ask(parts)).told, ["200 /1", "200 /", "200 /3"]);
    assertEquals(w.server.http.requests, 3);
  });

  it("is dropped while it arrives, also after an asynchronous handler and after a 500", async () => {
    await using w = await httpWorld(async (req) => {
      await w.sleep(10);
      if (pathOf(req) === "/") throw new Error("no");
      return reply("ok");
    });
    const peer = await w.ask(declared(20) + "0123456789", 50);
    assertEquals(peer.statuses, [500]);
    peer.send("0123456789");
    peer.ask(request("/next"));
    await w.pass(50);
    assertEquals(peer.told, ["500 internal server error", "200 ok"]);
  });

  it("closes the connection when it is declared larger than maxUnreadBody, at once", async () => {
    await using w = await httpWorld(() => reply("x"), { maxUnreadBody: 1000 });
    const peer = await w.ask(declared(1001) + "some");
    assertEquals([peer.told, peer.end], [["200 x, close"], "fin"]);
  });

  it("closes the connection when chunks turn out to be larger", async () => {
    await using w = await httpWorld(() => reply("x"), { maxUnreadBody: 1000 });
    const peer = await w.ask(upload(["x".repeat(600), "y".repeat(600)]) + request("/smuggled"));
    assertEquals([peer.told, peer.end, w.server.http.requests], [["200 x"], "fin", 1]);
  });

  it("fails for those who ask for it after the answer", async () => {
    const gate = new Gate<unknown>();
    await using w = await httpWorld((req) => {
      w.sleep(50).then(() => req.text()).catch((error) => gate.open(error));
      return reply("x");
    });
    await w.ask(declared(10) + "some", 100);
    assertInstanceOf(await gate.promise, BodyError);
  });

  it("left half read is dropped as well", async () => {
    await using w = await httpWorld(async (req) => {
      if (pathOf(req) === "/next") return reply("next");
      const reader = req.body!.getReader();
      const { value } = await reader.read();
      return reply(`${value!.length > 0}`);
    });
    const peer = await w.ask(declared(20) + "0123456789");
    peer.send("0123456789");
    peer.ask(request("/next"));
    await w.pass(10);
    assertEquals(peer.told, ["200 true", "200 next"]);
  });
});

describe("Expect: 100-continue", () => {
  const expecting = declared(4, { expect: "100-continue" });

  it("100 goes out when the handler reads, and not before", async () => {
    const gate = new Gate();
    await using w = await httpWorld(async (req) => {
      await gate.promise;
      return reply(await req.text());
    });
    const peer = await w.ask(expecting, 100);
    assertEquals(peer.text, "");
    gate.open();
    await w.pass(10);
    assertEquals([peer.text, peer.reader.interim], ["HTTP/1.1 100 Continue\r\n\r\n", [100]]);
    peer.send("four");
    await w.pass(10);
    assertEquals([peer.told, w.server.http.statuses["1xx"]], [["200 four"], 1]);
  });

  it("no 100, and the connection closes, when the handler answers without reading", async () => {
    await using w = await httpWorld(() => reply("no", { status: 403 }));
    const peer = await w.ask(expecting);
    assertEquals([peer.told, peer.reader.interim, peer.end], [["403 no, close"], [], "fin"]);
  });

  it("no 100 when the body is here already", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()));
    const peer = await w.ask(expecting + "four");
    assertEquals([peer.told, peer.reader.interim], [["200 four"], []]);
  });

  it("no 100 for HTTP/1.0", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()));
    const peer = await w.ask(expecting.replace("HTTP/1.1", "HTTP/1.0"));
    assertEquals(peer.reader.interim, []);
    peer.send("four");
    await w.pass(10);
    assertEquals(peer.told, ["200 four, close"]);
  });

  it("one 100 only, also for a body in many parts", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()));
    const peer = await w.ask(expecting);
    for (const char of "four") {
      peer.send(char);
      await w.pass(5);
    }
    assertEquals([peer.told, peer.reader.interim], [["200 four"], [100]]);
    assert(peer.end === "open");
  });
});

describe("what is left of a body that was read in part", () => {
  const big = 300_000;
  const readers: Record<string, (req: Request) => Promise<unknown>> = {
    "read in part": (req) => req.body === null ? Promise.resolve() : req.body.getReader().read(),
    "touched": (req) => Promise.resolve(req.body),
    "cancelled": (req) => req.body?.cancel() ?? Promise.resolve(),
    "cancelled after a part": async (req) => {
      if (req.body === null) return;
      const reader = req.body.getReader();
      await reader.read();
      await reader.cancel();
    },
  };
  for (const [what, read] of Object.entries(readers)) {
    it(`says close where it is too much, and is dropped where it is not: ${what}`, async () => {
      await using w = await httpWorld((req) => read(req).then(() => reply("x")));
      const sized = (length: number) => request("/", { method: "POST", headers: { "content-length": `${length}` } });
      const tooMuch = await w.ask(sized(big) + "some");
      assertEquals(tooMuch.told, ["200 x, close"]);
      const peer = await w.ask(sized(100_000) + "some");
      assertEquals([peer.told, peer.end], [["200 x"], "open"]);
      peer.send("x".repeat(100_000 - 4));
      peer.ask(request("/next"), request("/", { method: "POST", headers: CHUNKED }) + chunked(["a", "b", "c"]));
      peer.ask(request("/last", { body: "read by nobody" }));
      await w.pass(20);
      assertEquals([peer.told, peer.end], [["200 x", "200 x", "200 x", "200 x"], "open"]);
    });
  }

  it("does not make a stream say so that is made of it", async () => {
    await using w = await httpWorld((req) => new Response(req.body));
    const peer = await w.ask(request("/", { method: "POST", headers: { "content-length": `${big}` } }));
    await w.pass(5);
    peer.send("x".repeat(big));
    peer.ask(request("/", { body: "next" }));
    await w.pass(50);
    assertEquals([peer.answers.map(({ body, closes }) => [body.length, closes]), peer.end], [
      [[big, false], [4, false]],
      "open",
    ]);
  });
});

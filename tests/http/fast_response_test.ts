import { describe, it } from "node:test";
import { Readable } from "node:stream";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FastResponse } from "../../src/http/answer/fast_response.ts";
import { bodyOf, httpWorld, request } from "../support/http_world.ts";

const Native = Response;

/** What a response shows of itself. */
async function seen(response: Response): Promise<unknown[]> {
  const { status, statusText, ok } = response;
  return [status, statusText, ok, response.headers.get("x-a"), await response.text(), response.bodyUsed];
}

const CASES: readonly (readonly [name: string, body: BodyInit | null | undefined, init?: ResponseInit])[] = [
  ["text", "hello"],
  ["nothing", undefined],
  ["null", null, { status: 204 }],
  ["a status and an object of headers", "x", { status: 404, headers: { "x-a": "1" } }],
  ["Headers", "x", { headers: new Headers({ "x-a": "2" }) }],
  ["pairs of headers", "x", { headers: [["x-a", "3"]] }],
  ["a status text", "x", { status: 201, statusText: "Made" }],
  ["bytes", new Uint8Array([104, 105])],
  ["a buffer", new Uint8Array([104, 105]).buffer],
  ["a view of another kind", new DataView(new Uint8Array([104, 105]).buffer)],
  ["a Blob", new Blob(["blob"])],
  ["a stream", new Blob(["flows"]).stream()],
];

describe("FastResponse", () => {
  for (const [name, body, init] of CASES) {
    it(`shows of ${name} what a Response shows`, async () => {
      // A stream can be read once only.
      const twin = body instanceof ReadableStream ? new Blob(["flows"]).stream() : body;
      const fast = new FastResponse(body, init);
      assert(fast instanceof Response && fast instanceof FastResponse);
      assertEquals(await seen(fast), await seen(new Response(twin, init)));
    });
  }

  for (
    const [name, value, init] of [
      ["an object", { a: [1, "ä"] }, undefined],
      ["null with a status", null, { status: 201 }],
      ["headers", "x", { headers: { "x-a": "1" } }],
      ["a type of its own", 1, { headers: { "content-type": "application/problem+json" } }],
      ["a status text", true, { status: 200, statusText: "Fine" }],
    ] as const
  ) {
    it(`makes of ${name} what Response.json() makes`, async () => {
      const [fast, real] = [FastResponse.json(value, init), Response.json(value, init)];
      const type = (response: Response) => response.headers.get("content-type")!.split(";")[0];
      assertEquals([type(fast), ...await seen(fast)], [type(real), ...await seen(real)]);
    });
  }

  it("copies bytes, as a Response does", async () => {
    const bytes = new Uint8Array([104, 105]);
    const fast = new FastResponse(bytes);
    bytes.fill(0);
    assertEquals(await fast.text(), "hi");
  });

  it("is what a Response is for clone(), the static methods and classes made of it", async () => {
    assertEquals(await new FastResponse("twice").clone().text(), "twice");
    assertEquals(await FastResponse.json({ a: 1 }).json(), { a: 1 });
    assertEquals(FastResponse.redirect("http://localhost/a", 307).status, 307);
    class Own extends FastResponse {
      own = true;
    }
    const own = new Own("body");
    assertEquals([own instanceof Own, own instanceof Response, own.own, await own.text()], [true, true, true, "body"]);
  });

  it("stands in for the global one by an import, and the real one is still built behind it", async () => {
    const real = globalThis.Response;
    try {
      await import("../../src/http/answer/fast_global.ts");
      assertStrictEquals(globalThis.Response, FastResponse);
      const response = new Response("text", { headers: { "x-a": "1" } });
      response.headers.append("x-b", "2");
      assertEquals([response.headers.get("x-b"), await response.text()], ["2", "text"]);
    } finally {
      globalThis.Response = real;
    }
  });

  it("refuses what a Response refuses", () => {
    assertThrows(() => new FastResponse("x", { status: 99 }), RangeError);
    assertThrows(() => new FastResponse("x", { status: 204 }), TypeError);
    assertThrows(() => new FastResponse("x", { headers: { "x-a": "1\r\nx-b: 2" } }), TypeError);
    assertThrows(() => FastResponse.json(undefined), TypeError);
    assertThrows(() => FastResponse.json(1, { status: 204 }), TypeError);
    assertThrows(() => (FastResponse as unknown as () => void)(), TypeError);
  });
});

function isRefused(make: () => unknown): boolean {
  try {
    make();
    return false;
  } catch {
    return true;
  }
}

async function collected(chunks: AsyncIterable<Uint8Array | string>): Promise<string> {
  let text = "";
  for await (const chunk of chunks) text += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
  return text;
}

/** Whoever gets the body of a `FastResponse`, and what they make of it. */
const READERS: readonly (readonly [name: string, read: (body: ReadableStream<Uint8Array>) => Promise<string>])[] = [
  ["a Response", (body) => new Native(body).text()],
  ["a Request", (body) => new Request("http://test/", { method: "POST", body, duplex: "half" } as RequestInit).text()],
  ["pipeThrough()", async (body) => await collected(body.pipeThrough(new TextDecoderStream() as ReadableWritablePair))],
  ["tee()", (body) => new Native(body.tee()[1]).text()],
  ["a reader", async (body) => new TextDecoder().decode((await body.getReader().read()).value)],
  ["for await", collected],
  ["a stream of Node's", (body) => collected(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]))],
];

describe("the body of a FastResponse", () => {
  for (const [name, read] of READERS) {
    it(`is a stream to ${name}`, async () => {
      const fast = new FastResponse("flows");
      const body = fast.body!;
      assert(body instanceof ReadableStream && body === fast.body);
      assertEquals([fast.bodyUsed, body.locked], [false, false]);
      assertEquals(await read(body), "flows");
      assertEquals(fast.bodyUsed, true);
      await assertRejects(() => fast.text(), TypeError);
    });
  }

  it("is null where there is none", () => {
    assertEquals([new FastResponse(null).body, new FastResponse().body], [null, null]);
  });
});

describe("a copy of a FastResponse, as middlewares make them", () => {
  it("has the same body and fields, and its own from then on", async () => {
    const first = new FastResponse("twice", { status: 201, headers: { "x-a": "1" } });
    const copy = new FastResponse(first.body, first);
    copy.headers.set("x-a", "2");
    const again = new FastResponse(copy.body, copy);
    again.headers.delete("content-type");
    assertEquals([first.headers.get("x-a"), copy.headers.get("x-a"), again.headers.get("x-a")], ["1", "2", "2"]);
    assertEquals([copy.status, again.status, again.headers.has("content-type")], [201, 201, false]);
    assertEquals(await again.text(), "twice");
  });

  it("may have a status and fields of its own, and no type of the body's", async () => {
    const copy = new FastResponse(new FastResponse("plain").body, {
      status: 202,
      headers: new Headers({ "x-a": "1" }),
    });
    assertEquals([copy.status, copy.headers.get("content-type"), copy.headers.get("x-a")], [202, null, "1"]);
    assertEquals(await copy.text(), "plain");
  });

  it("is refused where the runtime refuses one: of a body that is read, or being read", async () => {
    const uses: readonly ((of: Response) => unknown)[] = [(of) => of.text(), (of) => of.body!.getReader()];
    for (const use of uses) {
      const [fast, native] = [new FastResponse("x"), new Native("x")];
      await use(fast);
      await use(native);
      assertEquals(
        isRefused(() => new FastResponse(fast.body, fast)),
        isRefused(() => new Native(native.body, native)),
      );
    }
  });

  it("is refused as the runtime refuses one: with a status that has no body", () => {
    for (const Kind of [FastResponse, Native]) {
      const copies = [{ status: 204 }, new Kind(null, { status: 204 })].map((init) =>
        isRefused(() => new Kind(new Kind("x").body, init))
      );
      assertEquals(copies, Array(2).fill(isRefused(() => new Native(new Native("x").body, { status: 204 }))));
    }
  });

  it("goes out with the fields that were changed", async () => {
    await using w = await httpWorld(() => {
      const inner = new FastResponse(null, { headers: new Headers({ vary: "x" }) });
      inner.headers.set("access-control-allow-origin", "*");
      const made = FastResponse.json({ a: 1 }, { headers: new Headers(inner.headers) });
      const copy = new FastResponse(made.body, made);
      for (const [name, value] of inner.headers) copy.headers.set(name, value);
      return copy;
    });
    const [answer] = (await w.ask(request("/"), 50)).answers;
    const field = (name: string) => answer.headers.get(name);
    assertEquals([answer.status, bodyOf(answer)], [200, '{"a":1}']);
    const names = ["vary", "access-control-allow-origin", "content-type", "content-length"];
    assertEquals(names.map(field), ["x", "*", "application/json", "7"]);
  });
});

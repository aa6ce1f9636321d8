import { describe, it } from "node:test";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { FastResponse } from "../../src/http/mod.ts";

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

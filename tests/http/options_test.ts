import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../mod.ts";
import { createHttpServer, type HttpHandler, type HttpOptions, reply } from "../../src/http/mod.ts";

describe("what a server is made of", () => {
  const handler = () => new Response();
  const cases: readonly (readonly [name: string, options: unknown, handler: unknown, message: RegExp])[] = [
    [
      "a handler that is no app",
      {},
      { get: handler },
      /^handler must be a function, or an app that has fetch\(\), got object$/,
    ],
    ["an app whose fetch is none", {}, { fetch: true }, /^handler must be a function, or an app .* got object$/],
    ["no handler", {}, undefined, /^handler must be a function, .* got undefined$/],
    ["null for a handler", {}, null, /^handler must be a function, .* got null$/],
    ["arguments that were swapped", handler, {}, /^options must be an object such as \{ port: 8080 \}, got/],
    ["a port instead of options", 8080, handler, /^options must be an object such as \{ port: 8080 \}, got 8080$/],
    ["no options", undefined, handler, /^options must be an object/],
    ["a logger that can't log", { logger: {} }, handler, /^logger must be an object with the function debug\(\), got/],
    ["a clock that is none", { clock: {} }, handler, /^clock must be an object with the function now\(\)/],
  ];
  for (const [name, options, handle, message] of cases) {
    it(`is refused with ${name}`, () => {
      const error = assertThrows(() => createHttpServer(options as HttpOptions, handle as HttpHandler), OptionError);
      assert(message.test(error.message), error.message);
    });
  }
});

describe("reply()", () => {
  it("takes bytes in every form that the web takes, and keeps its own copy", async () => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    for (const body of [bytes.buffer, new DataView(bytes.buffer), new Uint16Array(bytes.buffer), bytes]) {
      const response = reply(body);
      bytes[0]++;
      assertEquals(new Uint8Array(await response.arrayBuffer())[0], bytes[0] - 1);
    }
  });

  for (const body of [{}, 5, [1], new Blob(["x"])]) {
    it(`refuses a body that is ${Object.prototype.toString.call(body)}`, () => {
      assertThrows(() => reply(body as unknown as string), TypeError, "reply() takes a string");
    });
  }
});

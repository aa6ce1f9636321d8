import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { OptionError } from "../../../mod.ts";
import { Content, Pattern } from "../../../src/tools/load/clients/content.ts";
import { sameBytes } from "../../../src/tools/load/clients/same_bytes.ts";
import { parseTarget } from "../../../src/tools/load/target.ts";

describe("parseTarget()", () => {
  const plain = { hostname: "127.0.0.1", port: 9000, tls: false };
  const alpnProtocols = ["http/1.1"];
  const targets: [string, unknown][] = [
    ["tcp://127.0.0.1:9000", { kind: "tcp", connect: plain, host: "127.0.0.1:9000", path: "/" }],
    ["tcp://127.0.0.1:9000/", { kind: "tcp", connect: plain, host: "127.0.0.1:9000", path: "/" }],
    ["tcp://[::1]:80", {
      kind: "tcp",
      connect: { hostname: "::1", port: 80, tls: false },
      host: "[::1]:80",
      path: "/",
    }],
    ["http://127.0.0.1:9000/a?b=c", { kind: "http", connect: plain, host: "127.0.0.1:9000", path: "/a?b=c" }],
    ["http://a.example", {
      kind: "http",
      connect: { hostname: "a.example", port: 80, tls: false },
      host: "a.example",
      path: "/",
    }],
    ["https://a.example:80", {
      kind: "http",
      connect: { hostname: "a.example", port: 80, tls: { alpnProtocols } },
      host: "a.example:80",
      path: "/",
    }],
    ["ws://127.0.0.1:9000/ws", { kind: "ws", connect: plain, host: "127.0.0.1:9000", path: "/ws" }],
    ["wss://a.example/ws", {
      kind: "ws",
      connect: { hostname: "a.example", port: 443, tls: { alpnProtocols } },
      host: "a.example",
      path: "/ws",
    }],
    ["unix:/tmp/a.sock", { kind: "tcp", connect: { path: "/tmp/a.sock" }, host: "localhost", path: "/" }],
    ["unix:a:b.sock", { kind: "tcp", connect: { path: "a:b.sock" }, host: "localhost", path: "/" }],
    ["unix:/tmp/a.sock:http:", { kind: "http", connect: { path: "/tmp/a.sock" }, host: "localhost", path: "/" }],
    ["unix:/tmp/a.sock:http:/b?c", { kind: "http", connect: { path: "/tmp/a.sock" }, host: "localhost", path: "/b?c" }],
    ["unix:/a:b.sock:ws:/ws", { kind: "ws", connect: { path: "/a:b.sock" }, host: "localhost", path: "/ws" }],
  ];
  for (const [url, expected] of targets) {
    it(`takes ${url}`, () => assertEquals(parseTarget(url, {}), { url, ...expected as object } as never));
  }

  it("trusts any certificate if it is told to", () => {
    assertEquals(parseTarget("https://a.example/", { tlsInsecure: true }).connect.tls, {
      alpnProtocols,
      insecure: true,
    });
    assertEquals(parseTarget("http://a.example/", { tlsInsecure: true }).connect.tls, false);
  });

  it("begins with a PROXY header if it is told to", () => {
    assertEquals(parseTarget("tcp://a.example:1", { proxyProtocol: "v1" }).connect.proxyProtocol, { version: 1 });
    assertEquals(parseTarget("unix:/a.sock", { proxyProtocol: "v2" }).connect.proxyProtocol, { version: 2 });
  });

  const wrong: [string, string][] = [
    ["", "url must be tcp://host:port"],
    ["127.0.0.1:9000", "url must be tcp://host:port"],
    ["localhost:9000", "scheme that is unknown"],
    ["ftp://a.example/", "scheme that is unknown"],
    ["tcp://a.example", "has no port"],
    ["tcp://a.example:0", "port 0"],
    ["tcp://a.example:1/path", "lines have none"],
    ["http://me:secret@a.example/", "by a header"],
    ["http://a.example/#top", "fragment"],
    ["unix:", "has no path"],
    ["unix:/a.sock:http:/a b", "percent-encoded"],
  ];
  for (const [url, says] of wrong) {
    it(`refuses ${JSON.stringify(url)}`, () => {
      const error = assertThrows(() => parseTarget(url, {}), OptionError);
      assertEquals(error.option, "url");
      assertStringIncludes(error.message, says);
      assert(!error.message.includes("secret"));
    });
  }
});

describe("the contents of requests", () => {
  it("are found again in any parts, and a changed byte is found in any of them", () => {
    const pattern = new Pattern(7, { min: 1, max: 600 });
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1000), fc.nat(), fc.nat(), (n, client, cut, spoiled) => {
        const content = new Content(pattern, client);
        const bytes = encoder.encode(content.text(n));
        assertEquals(bytes.length, content.size(n));
        const at = cut % (bytes.length + 1);
        const isFound = () =>
          content.matches(n, 0, bytes, 0, at) && content.matches(n, at, bytes, at, bytes.length - at);
        assert(isFound());
        bytes[spoiled % bytes.length] ^= 1;
        assert(!isFound());
      }),
      { numRuns: 500 },
    );
  });

  it("end where they end", () => {
    const [short, long] = [20, 21].map((size) => new Content(new Pattern(7, { min: size, max: size }), 1));
    const bytes = new TextEncoder().encode(long.text(5));
    assert(long.matches(5, 0, bytes, 0, 21) && short.matches(5, 0, bytes, 0, 20));
    assert(!short.matches(5, 0, bytes, 0, 21));
  });

  it("are numbered, and no two alike, however many", () => {
    const pattern = new Pattern(7, { min: 16, max: 16 });
    const texts = [1, 2].flatMap((client) => {
      const content = new Content(pattern, client);
      return Array.from({ length: 1000 }, (_, n) => content.text(n));
    });
    assertEquals(new Set(texts).size, 2000);
    assertEquals(texts[1017].slice(0, 5), "2.17 ");
  });
});

describe("sameBytes()", () => {
  it("says the same as a comparison byte by byte, for any place and length", () => {
    const bytes = fc.uint8Array({ maxLength: 700 });
    fc.assert(
      fc.property(bytes, fc.nat(9), fc.nat(9), fc.option(fc.nat()), (content, aAt, bAt, spoiled) => {
        const a = Uint8Array.from([...Array(aAt).fill(1), ...content, 1]);
        const b = Uint8Array.from([...Array(bAt).fill(2), ...content, 2]).subarray(bAt >> 1);
        if (spoiled !== null && content.length > 0) a[aAt + spoiled % content.length] ^= 0x80;
        const same = spoiled === null || content.length === 0;
        assertEquals(sameBytes(a, aAt, b, bAt - (bAt >> 1), content.length), same);
      }),
      { numRuns: 500 },
    );
  });
});

import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ParserLimits } from "../../../src/http/parser/mod.ts";
import { ATTACK_CASES } from "../../fixtures/http_attacks.ts";
import { bytes, damaged, pieces, places } from "../../fixtures/http_fuzz.ts";
import { cut, latin1Bytes, LIMITS, parseAll, type Parsed, singles } from "../../fixtures/http_parser_tools.ts";
import { REQUEST_CASES } from "../../fixtures/http_requests.ts";

/** The longest that a trailer section may be. */
const MAX_TRAILER_BYTES = 8192;

/** What a peer may make the parser hold while it waits. */
function mostHeld(limits: ParserLimits): number {
  return Math.max(limits.maxHeadBytes, MAX_TRAILER_BYTES);
}

/** What has to be the same however the bytes were split. */
function outcome({ messages, refused, buffered }: Parsed): unknown {
  return { messages, refused, buffered };
}

function assertSame(bytes: Uint8Array, places: readonly number[], limits: ParserLimits): Parsed {
  const whole = parseAll([bytes], limits);
  for (const chunks of [cut(bytes, places), singles(bytes)]) {
    const parsed = parseAll(chunks, limits);
    assertEquals(outcome(parsed), outcome(whole));
    assert(parsed.mostBuffered <= mostHeld(limits));
  }
  return whole;
}

/** So small that generated requests meet each of them. */
const TIGHT: ParserLimits = { maxHeadBytes: 120, maxTargetBytes: 20, maxHeaders: 4, maxBodyBytes: 40 };

const limits = fc.constantFrom(LIMITS, TIGHT);
const inputs = [...REQUEST_CASES, ...ATTACK_CASES].map((test) => test.input).filter((input) => input.length < 1000);
const input = fc.constantFrom(...inputs);

const piece = pieces(
  "GET",
  "POST / HTTP/1.1\r\n",
  "GET / HTTP/1.0\r\n",
  "OPTIONS * HTTP/1.1\r\n",
  "Host: a\r\n",
);

describe("whatever arrives", () => {
  it("requests and attacks give the same for every split", () => {
    fc.assert(
      fc.property(input, places, limits, (text, places, limits) => {
        assertSame(latin1Bytes(text), places, limits);
      }),
      { numRuns: 300 },
    );
  });

  it("requests with bytes changed, dropped and put in give messages or an HttpError, the same for every split", () => {
    fc.assert(
      fc.property(damaged(input, piece), places, limits, (text, places, limits) => {
        assertSame(latin1Bytes(text), places, limits);
      }),
      { numRuns: 1000 },
    );
  });

  it("pieces of requests in any order, too", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), places, limits, (pieces, places, limits) => {
        assertSame(latin1Bytes(pieces.join("")), places, limits);
      }),
      { numRuns: 1000 },
    );
  });

  it("two inputs in a row are each read as they are alone, if the first is right", () => {
    const right = fc.constantFrom(...REQUEST_CASES.map((test) => test.input));
    fc.assert(
      fc.property(right, input, places, (first, second, places) => {
        const alone = parseAll([latin1Bytes(second)]);
        const both = assertSame(latin1Bytes(first + second), places, LIMITS);
        assertEquals(both.messages, [...parseAll([latin1Bytes(first)]).messages, ...alone.messages]);
        assertEquals(both.refused, alone.refused);
      }),
      { numRuns: 200 },
    );
  });
});

describe("what is written is read", () => {
  const token = fc.string({ unit: fc.constantFrom(..."abcXYZ019-_!~|"), minLength: 1, maxLength: 12 });
  const value = fc.string({ unit: fc.constantFrom(...'ab :;,"=\t\x80\xff'), maxLength: 40 });
  const field = fc.tuple(token.map((name) => "x-" + name), value);
  const target = fc.string({ unit: fc.constantFrom(..."abc/?=&%20~"), maxLength: 30 }).map((path) => "/" + path);
  const chunk = fc.record({
    data: bytes.filter((data) => data !== ""),
    extension: fc.constantFrom("", ";a", ';a=b;c="d"'),
  });
  const message = fc.record({
    method: token,
    target,
    fields: fc.array(field, { maxLength: 5 }),
    body: fc.oneof(bytes, fc.array(chunk, { maxLength: 4 })),
    trailers: fc.array(field, { maxLength: 3 }),
  }).filter(({ method }) => method !== "CONNECT");
  type Written = typeof message extends fc.Arbitrary<infer T> ? T : never;

  function lines(fields: readonly [string, string][]): string {
    return fields.map(([name, value]) => `${name}:${value}\r\n`).join("");
  }

  function write({ method, target, fields, body, trailers }: Written): string {
    const head = `${method} ${target} HTTP/1.1\r\nHost: a\r\n${lines(fields)}`;
    if (typeof body === "string") return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
    const chunks = body.map(({ data, extension }) => `${data.length.toString(16)}${extension}\r\n${data}\r\n`);
    return `${head}Transfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\n${lines(trailers)}\r\n`;
  }

  function trimmed(fields: readonly [string, string][]): [string, string][] {
    return fields.map(([name, value]) => [name.toLowerCase(), value.replace(/^[ \t]+|[ \t]+$/g, "")]);
  }

  it("pipelined, for every split", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 3 }), places, (written, places) => {
        const { messages, refused } = assertSame(latin1Bytes(written.map(write).join("")), places, LIMITS);
        assertEquals(refused, null);
        assertEquals(messages.length, written.length);
        messages.forEach((message, index) => {
          const { method, target, fields, body, trailers } = written[index];
          assertEquals([message.method, message.target], [method, target]);
          assertEquals(message.fields.slice(1, -1), trimmed(fields));
          assertEquals(message.body, typeof body === "string" ? body : body.map((chunk) => chunk.data).join(""));
          const sent = typeof body === "string" || trailers.length === 0 ? null : trimmed(trailers);
          assertEquals(message.trailers, sent);
        });
      }),
      { numRuns: 300 },
    );
  });
});

describe("what a slow peer makes the parser hold", () => {
  it("stays below the limits for any endless input", () => {
    const endless: [string, string][] = [
      ["\r\n", "\r\n"],
      ["", "A"],
      ["GET /", "a"],
      ["GET / HTTP/1.1\r\n", "X: 1\r\n"],
      ["GET / HTTP/1.1\r\nX: ", "a"],
      ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "0"],
      ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;", "a"],
      ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1;aaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n"],
      ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X: 1\r\n"],
      ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", "a"],
    ];
    for (const [start, again] of endless) {
      const bytes = latin1Bytes(start + again.repeat(Math.ceil(40_000 / again.length)));
      const parsed = parseAll(singles(bytes));
      assert(parsed.refused !== null, start + again);
      assert(parsed.mostBuffered <= mostHeld(LIMITS), `${start + again}: ${parsed.mostBuffered}`);
    }
  });

  it("a head of 64 KiB that comes byte by byte is read, and so are a thousand small chunks", () => {
    const wide = { ...LIMITS, maxHeadBytes: 65_536 };
    const head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const bytes = latin1Bytes(head + "a".repeat(65_536 - head.length - 4) + "\r\n\r\n");
    assertEquals(parseAll(singles(bytes), wide).messages.length, 1);
    const chunks = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + "1\r\nx\r\n".repeat(1000);
    assertEquals(parseAll(singles(latin1Bytes(chunks + "0\r\n\r\n"))).messages[0].body.length, 1000);
  });
});

import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { bytes, damaged, pieces, places } from "../../fixtures/http_fuzz.ts";
import {
  cut,
  type Feeding,
  latin1Bytes,
  readReplies,
  type Replies,
  singles,
} from "../../fixtures/http_response_tools.ts";
import { RESPONSE_CASES, WRONG_CASES } from "../../fixtures/http_responses.ts";

/** What has to be the same however the bytes were split: an error shows as much as had come. */
function outcome({ replies, refused, partial }: Replies): unknown {
  return { replies, refused: refused && [refused[0].replace(/ with ".*$/, ""), refused[1]], partial };
}

function assertSame(bytes: Uint8Array, places: readonly number[], feeding: Feeding): Replies {
  const whole = readReplies([bytes], feeding);
  for (const chunks of [cut(bytes, places), singles(bytes)]) {
    assertEquals(outcome(readReplies(chunks, feeding)), outcome(whole));
  }
  return whole;
}

const feeding = fc.record({
  methods: fc.array(fc.constantFrom("GET", "HEAD", "POST", "CONNECT"), { maxLength: 3 }),
  ends: fc.boolean(),
  maxHeadBytes: fc.constantFrom(60, 65_536),
});
const input = fc.constantFrom(
  ...[...RESPONSE_CASES, ...WRONG_CASES].map(({ input }) => input).filter((text) => text.length < 1000),
);

const piece = pieces("HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\n", "HTTP/1.1 101 X\r\n", "HTTP/1.1 304\r\n");

describe("whatever a server sends", () => {
  it("responses, right and wrong, give the same for every split", () => {
    fc.assert(
      fc.property(input, places, feeding, (text, places, feeding) => {
        assertSame(latin1Bytes(text), places, feeding);
      }),
      { numRuns: 300 },
    );
  });

  it("responses with bytes changed, dropped and put in give events or a ResponseError, the same for every split", () => {
    fc.assert(
      fc.property(damaged(input, piece), places, feeding, (text, places, feeding) => {
        assertSame(latin1Bytes(text), places, feeding);
      }),
      { numRuns: 1000 },
    );
  });

  it("pieces of responses in any order, too", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), places, feeding, (pieces, places, feeding) => {
        assertSame(latin1Bytes(pieces.join("")), places, feeding);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("what is written is read", () => {
  const chunks = fc.array(bytes.filter((data) => data !== ""), { maxLength: 4 });
  const value = fc.string({ unit: fc.constantFrom(...'ab:;,"=\xff'), maxLength: 20 });
  const message = fc.record({
    status: fc.integer({ min: 200, max: 999 }).filter((status) => status !== 204 && status !== 304),
    method: fc.constantFrom("GET", "HEAD", "PUT"),
    values: fc.array(value, { maxLength: 4 }),
    body: fc.oneof(bytes, chunks),
  });
  type Written = typeof message extends fc.Arbitrary<infer T> ? T : never;

  function write({ status, method, values, body }: Written): string {
    const head = `HTTP/1.1 ${status} Why\r\n${values.map((value) => `X-V: ${value}\r\n`).join("")}`;
    const whole = typeof body === "string"
      ? `${head}Content-Length: ${body.length}\r\n\r\n${body}`
      : `${head}Transfer-Encoding: chunked\r\n\r\n${body.map(chunk).join("")}0\r\n\r\n`;
    return method === "HEAD" ? whole.slice(0, whole.indexOf("\r\n\r\n") + 4) : whole;
  }

  function chunk(data: string): string {
    return `${data.length.toString(16)}\r\n${data}\r\n`;
  }

  it("pipelined, for every split", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), places, (written, places) => {
        const methods = written.map(({ method }) => method);
        const { replies, refused } = assertSame(latin1Bytes(written.map(write).join("")), places, { methods });
        assertEquals(refused, null);
        assertEquals(
          replies.map(({ status, fields, body, over }) => [status, fields.slice(0, -1), body, over]),
          written.map(({ status, method, values, body }) => {
            const text = typeof body === "string" ? body : body.join("");
            return [status, values.map((value) => ["x-v", value]), method === "HEAD" ? "" : text, true];
          }),
        );
      }),
      { numRuns: 300 },
    );
  });
});

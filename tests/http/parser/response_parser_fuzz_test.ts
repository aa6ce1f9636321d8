import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
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

const places = fc.array(fc.nat(), { maxLength: 8 });
const feeding = fc.record({
  methods: fc.array(fc.constantFrom("GET", "HEAD", "POST", "CONNECT"), { maxLength: 3 }),
  ends: fc.boolean(),
  maxHeadBytes: fc.constantFrom(60, 65_536),
});
const input = fc.constantFrom(
  ...[...RESPONSE_CASES, ...WRONG_CASES].map(({ input }) => input).filter((text) => text.length < 1000),
);

/** Pieces that mean something to a parser. */
const piece = fc.oneof(
  fc.constantFrom(
    "\r\n",
    "\r",
    "\n",
    " ",
    ":",
    ";",
    "\0",
    "\x80",
    "0",
    "5",
    "f",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.1 101 X\r\n",
    "HTTP/1.1 304\r\n",
    "Content-Length: 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "\r\n\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "0\r\nX: 1\r\n\r\n",
  ),
  fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
);

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
    const change = fc.record({ at: fc.nat(), drop: fc.nat({ max: 3 }), insert: fc.oneof(piece, fc.constant("")) });
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(input, changes, places, feeding, (text, changes, places, feeding) => {
        for (const { at, drop, insert } of changes) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + insert + text.slice(place + drop);
        }
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
  const bytes = fc.string({
    unit: fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
    maxLength: 50,
  });
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

/** Our response parser and Node's, side by side: what both take must be the same to both. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { cut, latin1Bytes } from "../fixtures/http_response_tools.ts";
import { RESPONSE_CASES, WRONG_CASES } from "../fixtures/http_responses.ts";
import { firstOf, nodeVerdict, ourVerdict, type Verdict } from "../support/node_response.ts";
import { runtimeName } from "../support/processes.ts";

/** Other runtimes have another parser behind `node:http`, and no in-memory socket for it. */
const skip = runtimeName() !== "node";

/** The same cases each time: another version of Node must not surprise a test that is about ours. */
const SEED = 26_110_000;

/** What we refuse and Node takes. */
const STRICTER: readonly RegExp[] = [
  // A reason with control characters, and a status below 100.
  /^The response does not begin with/,
  // A coding that we don't undo would reach the caller as if it were content.
  /^The only transfer coding spoken here/,
  /^Transfer-Encoding is not/,
  /^Transfer-Encoding is there more than once/,
  /^HTTP\/1\.0 has no Transfer-Encoding/,
];

/** A tab behind a value is whitespace too (RFC 9110 §5.6.3): Node refuses such a length, and overlooks `chunked`. */
const TAB_BEHIND = /((?:content-length|transfer-encoding):[^\r\n\t]*)[\t ]+\r/gi;
/** What stands behind the semicolon of a chunk's size is ignored, whatever it is (RFC 9112 §7.1.1). */
const EXTENSION = /(\n[0-9a-f]+)[ \t]*;[^\r\n]*/gi;

/** Fields that mean nothing behind a body, and that we drop there (RFC 9110 §6.5.1); those that occur here. */
const NO_TRAILERS = ["content-length", "transfer-encoding", "connection", "set-cookie", "host", "expect", "upgrade"];

const piece = fc.oneof(
  fc.constantFrom(
    ..."\r\n \t:;,\0\x7f\x8005f+-_x",
    "\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.1 304\r\n",
    "HTTP/1.1 100 C\r\n\r\n",
    "HTTP/1.1 199 C\r\n\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 3, 3\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Connection: close\r\n",
    "Connection: upgrade\r\n",
    "\r\n\r\n",
    "3\r\nabc\r\n",
    "3\r\nabc\n\r",
    "3\r\nabcd\r\n",
    "003 ; a=b\r\nabc\r\n",
    "0\r\n\r\n",
    "0\r\nX: 1\r\n\r\n",
    " folded\r\n",
  ),
  fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
);
const input = fc.constantFrom(
  ...[...RESPONSE_CASES, ...WRONG_CASES].map(({ input }) => input).filter((text) => text.length < 1000),
);
const places = fc.array(fc.nat(), { maxLength: 4 });
// To CONNECT, Node's client takes any response for the other protocol's beginning.
const method = fc.constantFrom("GET", "HEAD", "POST");

async function verdicts(text: string, places: readonly number[], method: string): Promise<[Verdict, Verdict]> {
  const chunks = cut(latin1Bytes(text), places).filter((chunk) => chunk.length > 0);
  const ours = ourVerdict(chunks, method);
  // Bytes of the next response are an error to a client that has asked for one.
  const theirs = await nodeVerdict(ours.outcome === "failed" ? chunks : firstOf(chunks, ours.size), method);
  return [ours, theirs];
}

async function assertAgreed(bytes: string, places: readonly number[], method: string): Promise<void> {
  const text = bytes.replace(TAB_BEHIND, "$1\r");
  const [ours, theirs] = await verdicts(text, places, method);
  const found = `${method} ${
    JSON.stringify(text)
  }: ours ${ours.outcome} ${ours.why}, Node's ${theirs.outcome} ${theirs.why}`;
  if (ours.outcome === "failed" && theirs.outcome !== "failed") {
    assert(STRICTER.some((reason) => reason.test(ours.why)), found);
  } else if (ours.outcome !== "failed" && theirs.outcome === "failed") {
    // Without a body, how it would be delimited decides nothing.
    if (method === "HEAD" || ours.status === 204 || ours.status === 304) return;
    const plain = text.replace(EXTENSION, "$1");
    assert(plain !== text, found);
    await assertAgreed(plain, places, method);
  } else if (ours.outcome !== "failed") {
    const trailers = theirs.trailers.filter(([name]) => !NO_TRAILERS.includes(name));
    assertEquals({ ...ours, why: "", size: 0 }, { ...theirs, trailers, why: "", size: 0 }, found);
  }
}

describe("our response parser and Node's", { skip }, () => {
  it("take the known cases for the same, or one of them is known to be stricter", async () => {
    await fc.assert(fc.asyncProperty(input, places, method, assertAgreed), { numRuns: 300, seed: SEED });
  });

  it("take responses with bytes changed, dropped and put in for the same", async () => {
    const change = fc.record({ at: fc.nat(), drop: fc.nat({ max: 3 }), insert: fc.oneof(piece, fc.constant("")) });
    const changes = fc.array(change, { minLength: 1, maxLength: 3 });
    const property = fc.asyncProperty(input, changes, places, method, (text, changes, places, method) => {
      for (const { at, drop, insert } of changes) {
        const place = at % (text.length + 1);
        text = text.slice(0, place) + insert + text.slice(place + drop);
      }
      return assertAgreed(text, places, method);
    });
    await fc.assert(property, { numRuns: 1500, seed: SEED });
  });

  it("take pieces of responses in any order for the same", async () => {
    const pieces = fc.array(piece, { maxLength: 20 }).map((parts) => `HTTP/1.1 200 OK\r\n${parts.join("")}`);
    await fc.assert(fc.asyncProperty(pieces, places, method, assertAgreed), { numRuns: 1000, seed: SEED });
  });

  it("take pieces of a body in chunks for the same", async () => {
    const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const pieces = fc.array(piece, { maxLength: 5 }).map((parts) => `${head}${parts.join("")}0\r\n\r\n`);
    await fc.assert(fc.asyncProperty(pieces, places, method, assertAgreed), { numRuns: 1000, seed: SEED });
  });

  it("refuse nothing that is well-formed, and read the same in it", async () => {
    const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
    const content = fc.string({ unit: byte, maxLength: 40 });
    const value = fc.string({ unit: fc.constantFrom(...'ab:;,"= \t\x80\xff'), maxLength: 20 }).map((text) =>
      text.trim()
    );
    const response = fc.record({
      interim: fc.constantFrom("", "HTTP/1.1 199 Wait\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"),
      minor: fc.constantFrom(0, 1),
      status: fc.integer({ min: 200, max: 599 }),
      reason: fc.constantFrom("", "OK", "Not Found", "a  b"),
      fields: fc.array(fc.tuple(fc.constantFrom("X-A", "server", "Set-Cookie", "!#$%&'*+-.^_`|~"), value), {
        maxLength: 5,
      }),
      framing: fc.constantFrom("length", "chunked", "end"),
      parts: fc.array(content.filter((text) => text !== ""), { maxLength: 4 }),
      method,
    });
    const property = fc.asyncProperty(response, places, async (made, places) => {
      const { interim, minor, status, reason, fields, parts, method } = made;
      // HTTP/1.0 knows no chunks.
      const framing = minor === 0 && made.framing === "chunked" ? "end" : made.framing;
      const body = parts.join("");
      const lines = fields.map(([name, text]) => `${name}: ${text}\r\n`).join("");
      const how = { length: `content-length: ${body.length}\r\n`, chunked: "transfer-encoding: chunked\r\n", end: "" };
      const chunks = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("") + "0\r\n\r\n";
      const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
      const sent = !hasBody ? "" : framing === "chunked" ? chunks : body;
      const head = `${interim}HTTP/1.${minor} ${status} ${reason}\r\n${lines}${how[framing]}\r\n`;
      const [ours, theirs] = await verdicts(head + sent, places, method);
      assertEquals({ ...ours, why: "", size: 0 }, { ...theirs, why: "", size: 0 });
      assertEquals([ours.outcome, ours.status, ours.body], ["whole", status, hasBody ? body : ""]);
    });
    await fc.assert(property, { numRuns: 1000, seed: SEED });
  });
});

describe("our response parser alone", () => {
  it("takes a tab behind a value for whitespace, where Node's does not", () => {
    const fields = ["Content-Length: 3\t", "Transfer-Encoding: chunked\t"];
    const bodies = ["abc", "3\r\nabc\r\n0\r\n\r\n"];
    for (const [at, field] of fields.entries()) {
      const { outcome, body } = ourVerdict([latin1Bytes(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n${bodies[at]}`)], "GET");
      assertEquals([outcome, body], ["whole", "abc"]);
    }
  });
});

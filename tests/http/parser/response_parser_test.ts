import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { OptionError, SluiceError } from "../../../mod.ts";
import { RESPONSE_END, ResponseError, ResponseHead, ResponseParser } from "../../../src/http/mod.ts";
import {
  cut,
  latin1Bytes,
  readReplies,
  type Replies,
  type Reply,
  show,
  singles,
} from "../../fixtures/http_response_tools.ts";
import { RESPONSE_CASES, type ResponseCase, WRONG_CASES, type WrongCase } from "../../fixtures/http_responses.ts";

const PLAIN: Reply = {
  status: 200,
  reason: "OK",
  minor: 1,
  keepAlive: true,
  contentLength: 0,
  chunked: false,
  fields: [["content-length", "0"]],
  body: "",
  trailers: null,
  over: true,
};

function assertRead(found: Replies, test: ResponseCase): void {
  assertEquals(found.refused, null);
  assertEquals(found.replies, test.expected.map((reply) => ({ ...PLAIN, ...reply })));
  assertEquals(found.partial, false);
}

describe("every right response is read", () => {
  for (const test of RESPONSE_CASES) {
    const bytes = latin1Bytes(test.input);
    it(`whole: ${test.name}`, () => assertRead(readReplies([bytes], test), test));
    it(`byte by byte: ${test.name}`, () => assertRead(readReplies(singles(bytes), test), test));
    it(`in two, split at every byte: ${test.name}`, () => {
      for (let at = 1; at < bytes.length; at++) assertRead(readReplies(cut(bytes, [at]), test), test);
    });
    if (test.ends) continue;
    it(`with half a response behind it: ${test.name}`, () => {
      const found = readReplies([latin1Bytes(test.input + "HTTP/1.1 2")], test);
      assertRead({ ...found, partial: false }, test);
      assertEquals(found.partial, true);
    });
  }

  it("with a head of exactly its limit", () => {
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    for (const chunks of [[latin1Bytes(head + "hello")], singles(latin1Bytes(head + "hello"))]) {
      assertEquals(readReplies(chunks, { maxHeadBytes: head.length }).replies[0].body, "hello");
      assertStringIncludes(readReplies(chunks, { maxHeadBytes: head.length - 1 }).refused![0], "maxHeadBytes");
    }
  });
});

function assertRefused(found: Replies, test: WrongCase): void {
  assert(found.refused !== null, "nothing was refused");
  assertStringIncludes(found.refused[0], test.says);
  assertEquals(found.refused[1], test.truncated ?? false);
  assertEquals(found.replies.map((reply) => reply.over), test.inBody ? [false] : []);
  assertEquals(found.partial, false);
}

describe("every wrong response is refused once, and nothing is read behind it", () => {
  for (const test of WRONG_CASES) {
    const bytes = latin1Bytes(test.input);
    it(`whole: ${test.name}`, () => assertRefused(readReplies([bytes], test), test));
    it(`byte by byte: ${test.name}`, () => assertRefused(readReplies(singles(bytes), test), test));
  }

  it("with as much as came of the last body alone", () => {
    const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    const found = readReplies([latin1Bytes(hello + hello.slice(0, -2))], { ends: true });
    assertStringIncludes(found.refused![0], "after 3 bytes of its body, which has 5");
  });

  it("with the parser's own error as the cause", () => {
    const parser = new ResponseParser();
    parser.feed(latin1Bytes("HTTP/1.1 200 OK\r\n X: a\r\n\r\n"));
    const error = assertThrows(() => parser.next(), ResponseError);
    assertEquals([error.code, error.truncated, (error.cause as SluiceError).code], [
      "ERR_RESPONSE",
      false,
      "ERR_HTTP_OBS_FOLD",
    ]);
  });

  it("and a limit that is none is refused at once", () => {
    for (const maxHeadBytes of [0, -1, 1.5, NaN, Infinity]) {
      const error = assertThrows(() => new ResponseParser({ maxHeadBytes }), OptionError);
      assertStringIncludes(error.message, `got ${maxHeadBytes}`);
    }
  });
});

describe("another protocol", () => {
  for (
    const [name, head, methods] of [
      ["after a 101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", ["GET"]],
      ["after a 2xx to CONNECT", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ["CONNECT"]],
    ] as const
  ) {
    it(`gets its bytes unread ${name}`, () => {
      for (const chunks of [[latin1Bytes(head + "\x81\x00HTTP")], singles(latin1Bytes(head + "\x81\x00HTTP"))]) {
        const found = readReplies(chunks, { methods, ends: true, takesRest: true });
        assertEquals(found.replies.map(({ status, over }) => [status, over]), [[Number(head.slice(9, 12)), false]]);
        assertEquals([found.rest, found.refused, found.partial], ["\x81\x00HTTP", null, false]);
      }
    });
  }

  it("makes the parser refuse bytes that it could only lose", () => {
    const parser = new ResponseParser();
    assertEquals(parser.rest().length, 0);
    assertThrows(() => parser.feed(latin1Bytes("x")), SluiceError);
  });
});

describe("a response's head", () => {
  it("finds fields in any case, joins repeated ones, and says null for what isn't there", () => {
    const parser = new ResponseParser();
    parser.feed(latin1Bytes("HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a:2 \r\nDate: now\r\n\r\n"));
    const head = parser.next() as ResponseHead;
    assertEquals([head.header("X-a"), head.header("DATE"), head.header("etag")], ["1, 2", "now", null]);
  });

  it("can be read after everything that follows has arrived byte by byte", () => {
    const one = (text: string) => `HTTP/1.1 200 ${text}\r\nContent-Length: 1\r\n\r\nx`;
    const bytes = latin1Bytes(one("first") + one("other").repeat(50));
    const reasons = readReplies(singles(bytes)).replies.map((reply) => reply.reason);
    assertEquals(reasons, ["first", ...Array<string>(50).fill("other")]);
  });
});

describe("a response parser", () => {
  it("gives body bytes as views of the chunk, only when asked", () => {
    const chunk = latin1Bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
    const parser = new ResponseParser();
    parser.feed(chunk);
    assert(parser.next() instanceof ResponseHead);
    const part = parser.next() as Uint8Array;
    assertEquals([show(part), part.buffer === chunk.buffer, parser.next()], ["hello", true, null]);
    parser.feed(latin1Bytes("!!"));
    parser.feed(latin1Bytes("!!HTTP"));
    assertEquals(show(parser.next() as Uint8Array), "!!!!");
    assertEquals([parser.next(), parser.partial, parser.next(), parser.partial], [RESPONSE_END, true, null, true]);
  });

  it("takes an end at any time between responses", () => {
    const parser = new ResponseParser();
    parser.feed(new Uint8Array(0));
    parser.end();
    assertEquals([parser.next(), parser.partial], [null, false]);
  });

  it("keeps methods and responses in step over many of them", () => {
    const parser = new ResponseParser();
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
    for (let round = 0; round < 10; round++) {
      for (const method of ["HEAD", "GET", "HEAD"]) parser.expect(method);
      parser.feed(latin1Bytes(`${head}${head}x${head}`));
      const events = [];
      for (let event = parser.next(); event !== null; event = parser.next()) events.push(event);
      assertEquals(events.map((event) => event instanceof Uint8Array), [
        false,
        false,
        false,
        true,
        false,
        false,
        false,
      ]);
    }
  });
});

import { describe, it } from "node:test";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { SluiceError } from "../../../src/errors.ts";
import { HttpError, REFUSAL_REASONS } from "../../../src/http/http_errors.ts";
import { END, RequestHead, RequestParser } from "../../../src/http/parser/mod.ts";
import { ATTACK_CASES, type AttackCase, CHUNKED_HEAD, SMUGGLED } from "../../fixtures/http_attacks.ts";
import {
  latin1Bytes,
  LIMITS,
  type Message,
  parseAll,
  type Parsed,
  show,
  singles,
} from "../../fixtures/http_parser_tools.ts";
import { type Expected, REQUEST_CASES, type RequestCase } from "../../fixtures/http_requests.ts";

const PLAIN: Omit<Message, "fields"> = {
  method: "GET",
  target: "/",
  form: "origin",
  host: "a.example",
  minor: 1,
  keepAlive: true,
  contentLength: -1,
  chunked: false,
  expectContinue: false,
  upgrade: false,
  hasBody: false,
  body: "",
  trailers: null,
  over: true,
};

function messages(expected: readonly Expected[]): Message[] {
  return expected.map((message) => ({ ...PLAIN, fields: [], ...message }));
}

function assertRead(parsed: Parsed, test: RequestCase): void {
  assertEquals(parsed.refused, null);
  assertEquals(parsed.messages, messages(test.expected));
  assertEquals(parsed.buffered, 0);
}

describe("every right request is read", () => {
  for (const test of REQUEST_CASES) {
    const bytes = latin1Bytes(test.input);
    it(`whole: ${test.name}`, () => assertRead(parseAll([bytes]), test));
    it(`byte by byte: ${test.name}`, () => assertRead(parseAll(singles(bytes)), test));
    it(`in two, split at every byte: ${test.name}`, () => {
      for (let at = 1; at < bytes.length; at++) {
        assertRead(parseAll([bytes.subarray(0, at), bytes.subarray(at)]), test);
      }
    });
    it(`with half a request behind it: ${test.name}`, () => {
      const parsed = parseAll([bytes, latin1Bytes("GET /next HT")]);
      assertEquals(parsed.messages, messages(test.expected));
      assertEquals([parsed.refused, parsed.buffered], [null, "GET /next HT".length]);
    });
  }

  it("at exactly its limits", () => {
    const head = "POST /12345678 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n";
    const limits = { maxHeadBytes: head.length, maxTargetBytes: 9, maxHeaders: 2, maxBodyBytes: 5 };
    for (const chunks of [[latin1Bytes(head + "hello")], singles(latin1Bytes(head + "hello"))]) {
      const parsed = parseAll(chunks, limits);
      assertEquals([parsed.refused, parsed.messages[0].body], [null, "hello"]);
    }
    for (const name of ["maxHeadBytes", "maxTargetBytes", "maxHeaders", "maxBodyBytes"] as const) {
      const parsed = parseAll([latin1Bytes(head + "hello")], { ...limits, [name]: limits[name] - 1 });
      assert(parsed.refused !== null, name);
    }
  });

  it("with each limit counted anew for each message, and for each chunk", () => {
    const chunk = (size: number) => `5;${"a".repeat(size)}\r\nhello\r\n`;
    const request = "\r\n" + CHUNKED_HEAD + chunk(1000).repeat(10) + "0\r\n\r\n";
    const parsed = parseAll([latin1Bytes(request.repeat(3))], { ...LIMITS, maxHeaders: 2, maxBodyBytes: 50 });
    assertEquals([parsed.refused, parsed.messages.length], [null, 3]);
  });
});

function assertRefused(parsed: Parsed, test: AttackCase): void {
  assertEquals(parsed.refused, [test.status, test.reason]);
  assertEquals(parsed.messages.map((message) => message.over), test.inBody ? [false] : []);
  assertEquals(parsed.buffered, 0);
}

describe("every attack is refused, and nothing is read behind it", () => {
  for (const test of ATTACK_CASES) {
    const bytes = latin1Bytes(test.input);
    const limits = { ...LIMITS, ...test.limits };
    it(`whole: ${test.name}`, () => assertRefused(parseAll([bytes], limits), test));
    it(`byte by byte: ${test.name}`, () => assertRefused(parseAll(singles(bytes), limits), test));
  }

  it("and the attacks reach every reason that the parser has", () => {
    const server = new Set([
      "headTimeout",
      "bodyTimeout",
      "overload",
      "queueFull",
      "queueTimeout",
      "draining",
      "connectNotServed",
    ]);
    const reached = new Set<string>(ATTACK_CASES.map((test) => test.reason));
    assertEquals(REFUSAL_REASONS.filter((reason) => !reached.has(reason) && !server.has(reason)), []);
  });
});

function feed(text: string, limits: Partial<typeof LIMITS> = {}): RequestParser {
  const parser = new RequestParser({ ...LIMITS, ...limits });
  parser.feed(latin1Bytes(text));
  return parser;
}

function head(text: string): RequestHead {
  const event = feed(text).next();
  assert(event instanceof RequestHead);
  return event;
}

describe("limits are enforced before the line is complete", () => {
  const early: [string, string, string, Partial<typeof LIMITS>][] = [
    ["a method", "A".repeat(33), "methodTooLong", {}],
    ["a target", "GET /" + "a".repeat(10), "targetTooLong", { maxTargetBytes: 10 }],
    ["a head", "GET / HTTP/1.1\r\nX: " + "a".repeat(100), "headTooLarge", { maxHeadBytes: 99 }],
    ["the number of fields", "GET / HTTP/1.1\r\nX: 1\r\nY:", "tooManyHeaders", { maxHeaders: 1 }],
    ["a chunk's size", CHUNKED_HEAD + "0".repeat(17), "badChunkSize", {}],
    ["a chunk's extension", CHUNKED_HEAD + "5;" + "a".repeat(1024), "chunkExtensionsTooLarge", {}],
    ["a chunk, before its data", CHUNKED_HEAD + "b\r\n", "bodyTooLarge", { maxBodyBytes: 10 }],
    ["a trailer section", CHUNKED_HEAD + "0\r\nX: " + "a".repeat(8192), "trailersTooLarge", {}],
  ];
  for (const [name, text, reason, limits] of early) {
    it(`of ${name}`, () => assertEquals(parseAll([latin1Bytes(text)], { ...LIMITS, ...limits }).refused?.[1], reason));
  }
});

describe("a head", () => {
  it("joins repeated fields, finds names in any case and nothing that isn't there", () => {
    const request = head(
      "GET / HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\nCookie: a=1\r\nx-a:\r\nX-A: \xe4 \r\nCOOKIE: b=2\r\n\r\n",
    );
    assertEquals(request.header("x-a"), "1, , \xe4");
    assertEquals(request.header("cookie"), "a=1; b=2");
    assertEquals(request.header("host"), "a.example");
    assertEquals([request.header("x"), request.header("x-b"), request.header("")], [null, null, null]);
  });

  it("knows HEAD and CONNECT, in capitals only", () => {
    const host = " HTTP/1.1\r\nHost: a.example\r\n\r\n";
    assertEquals([head("HEAD /" + host).isHead, head("HEAD /" + host).isConnect], [true, false]);
    assertEquals([head("CONNECT a:1" + host).isHead, head("CONNECT a:1" + host).isConnect], [false, true]);
    assertEquals([head("head /" + host).isHead, head("HEADS /" + host).isHead], [false, false]);
  });

  it("lies in the chunk that was fed, without a copy", () => {
    const chunk = latin1Bytes(SMUGGLED + SMUGGLED);
    const parser = new RequestParser(LIMITS);
    parser.feed(chunk);
    const first = parser.next() as RequestHead;
    assertEquals(parser.next(), END);
    const second = parser.next() as RequestHead;
    assertStrictEquals(first.bytes, chunk);
    assertEquals([first.start, first.end, second.start], [0, SMUGGLED.length, SMUGGLED.length]);
  });

  it("can be read after everything that follows has arrived byte by byte", () => {
    const text = "GET /first HTTP/1.1\r\nHost: a.example\r\n\r\n" +
      "GET /other HTTP/1.1\r\nHost: b.example\r\n\r\n".repeat(50);
    const hosts = parseAll(singles(latin1Bytes(text))).messages.map((message) => message.target + message.fields[0][1]);
    assertEquals(hosts, ["/firsta.example", ...Array<string>(50).fill("/otherb.example")]);
  });

  it("keeps the text of long values, whatever bytes they have", () => {
    for (const char of ["a", "\xe4", "\x80"]) {
      const value = "x".repeat(15) + char.repeat(9000);
      assertEquals(head(`GET / HTTP/1.1\r\nHost: a\r\nX: ${value}\r\n\r\n`).header("x"), value);
    }
  });
});

describe("a parser", () => {
  for (const [size, isView] of [[5, false], [1000, false], [1001, true]] as const) {
    it(`gives ${size} body bytes as a ${isView ? "view" : "copy"}, only when asked, and says how much waits`, () => {
      const body = "x".repeat(size);
      const chunk = latin1Bytes(`PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${body}${SMUGGLED}`);
      const parser = new RequestParser(LIMITS);
      parser.feed(chunk);
      parser.next();
      assertEquals(parser.buffered, size + SMUGGLED.length);
      const part = parser.next() as Uint8Array;
      assertEquals([show(part), part.buffer === chunk.buffer, parser.buffered], [body, isView, SMUGGLED.length]);
      assertEquals(parser.next(), END);
    });
  }

  it("takes chunks that come before the ones before are used up", () => {
    const parser = feed("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    assert(parser.next() instanceof RequestHead);
    parser.feed(latin1Bytes("def"));
    assertEquals(show(parser.next() as Uint8Array), "abcdef");
    assertEquals([parser.next(), parser.buffered], [null, 0]);
    parser.feed(latin1Bytes("ghi"));
    assertEquals(show(parser.next() as Uint8Array), "ghi");
    assertEquals([parser.next(), parser.next()], [END, null]);
  });

  it("takes empty chunks", () => {
    const parser = feed("");
    assertEquals([parser.next(), parser.partial], [null, false]);
    parser.feed(latin1Bytes(SMUGGLED.slice(0, 9)));
    parser.next();
    parser.feed(latin1Bytes(""));
    assertEquals([parser.next(), parser.partial], [null, true]);
  });

  it("says that a head is incomplete from its first byte to its last, and not for an empty line", () => {
    const parser = new RequestParser(LIMITS);
    const seen: boolean[] = [];
    for (const byte of singles(latin1Bytes("\r\n" + SMUGGLED + "GET"))) {
      parser.feed(byte);
      while (parser.next() !== null);
      seen.push(parser.partial);
    }
    const inHead = SMUGGLED.length - 1;
    assertEquals(seen, [true, false, ...Array<boolean>(inHead).fill(true), false, true, true, true]);
  });

  it("is at no head while a body comes", () => {
    const parser = feed(CHUNKED_HEAD + "5\r");
    assert(parser.next() instanceof RequestHead);
    assertEquals([parser.next(), parser.partial, parser.buffered], [null, false, 1]);
  });

  it("forgets trailers with the next head", () => {
    const parser = feed(CHUNKED_HEAD + "0\r\nX: 1\r\n\r\n" + SMUGGLED);
    assertEquals([parser.next() instanceof RequestHead, parser.trailers], [true, null]);
    assertEquals([parser.next(), parser.trailers], [END, [["x", "1"]]]);
    assertEquals([parser.next() instanceof RequestHead, parser.trailers], [true, null]);
  });

  it("drops trailers that would change how the request is understood", () => {
    const fields = "Host: b\r\nTransfer-Encoding: chunked\r\nAuthorization: x\r\nX-Ok: 1\r\nCookie: a=b\r\n";
    const parser = feed(CHUNKED_HEAD + `0\r\n${fields}\r\n`);
    parser.next();
    assertEquals([parser.next(), parser.trailers], [END, [["x-ok", "1"]]]);
  });

  it("is dead after an error: the same one again, whatever is fed, and nothing is held", () => {
    const parser = feed("GET\0");
    const first = assertThrows(() => parser.next(), HttpError);
    parser.feed(latin1Bytes(SMUGGLED));
    assertStrictEquals(assertThrows(() => parser.next(), HttpError), first);
    assertEquals([parser.buffered, parser.partial, parser.unread().length], [0, false, 0]);
    assertEquals([first.status, first.reason, first.code], [400, "badMethod", "ERR_HTTP_BAD_METHOD"]);
  });

  it("hands the bytes behind an upgrade over, and is dead then", () => {
    const parser = feed("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x81\x00rest");
    const request = parser.next() as RequestHead;
    assertEquals([request.upgrade, show(parser.unread())], [true, "\x81\x00rest"]);
    assertEquals([parser.next(), parser.buffered, parser.partial], [null, 0, false]);
    assertThrows(() => parser.feed(latin1Bytes("x")), SluiceError);
  });

  it("hands over what it has scanned of an incomplete head", () => {
    const parser = feed("GET / HT");
    assertEquals([parser.next(), show(parser.unread())], [null, "GET / HT"]);
  });

  it("gives every reason a status and a code of its own", () => {
    const codes = REFUSAL_REASONS.map((reason) => new HttpError(reason).code);
    assertEquals(new Set(codes).size, REFUSAL_REASONS.length);
    for (const reason of REFUSAL_REASONS) {
      const { status, message } = new HttpError(reason);
      assert([400, 405, 408, 413, 414, 417, 431, 501, 503, 505].includes(status), reason);
      assert(/^[A-Z`].*[^.]$/.test(message), message);
    }
  });
});

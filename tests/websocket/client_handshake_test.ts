import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { OptionError } from "../../src/errors.ts";
import { HandshakeError } from "../../src/websocket/websocket_errors.ts";
import { AnswerHead } from "../../src/websocket/handshake/answer_head.ts";
import { type Agreement, checkAnswer, makeRequest } from "../../src/websocket/handshake/client.ts";
import { checkUpgrade } from "../../src/websocket/handshake/server.ts";
import { parseTarget } from "../../src/websocket/handshake/url.ts";
import {
  type ClientHandshake,
  clientHandshakeOptions,
  handshakeOptions,
} from "../../src/websocket/websocket_options.ts";
import { cut, latin1Bytes, singles } from "../fixtures/http_parser_tools.ts";
import { ANSWER_CASES } from "../fixtures/websocket_answers.ts";
import { answerText, KEY } from "../fixtures/websocket_handshakes.ts";

const REQUEST = makeRequest(parseTarget("ws://a.example/"), clientHandshakeOptions({ protocols: ["a", "b"] }), KEY);

/** What became of an answer. */
interface Outcome {
  readonly agreement: Agreement | null;
  readonly error: HandshakeError | null;
  /** Behind the head; null if it never ended. */
  readonly rest: string | null;
}

function outcomeOf(chunks: readonly Uint8Array[]): Outcome {
  const head = new AnswerHead();
  try {
    const last = chunks.findIndex((chunk) => head.feed(chunk));
    if (last < 0) return { agreement: null, error: null, rest: null };
    const rest = [head.rest, ...chunks.slice(last + 1)].map((chunk) => String.fromCharCode(...chunk)).join("");
    return { agreement: checkAnswer(head, REQUEST), error: null, rest };
  } catch (error) {
    assert(error instanceof HandshakeError, String(error));
    return { agreement: null, error, rest: null };
  }
}

/** Errors compare by what they say. */
function comparable({ agreement, error, rest }: Outcome): unknown {
  return { agreement, rest, status: error?.status, message: error?.message };
}

describe("Retry-After of a refusal", () => {
  const refusal = (field: string) => outcomeOf([latin1Bytes(`HTTP/1.1 503 Busy\r\n${field}\r\n`)]).error!.retryAfter;

  it("is told in ms: seconds, a date, or null", () => {
    assertEquals(refusal("Retry-After: 3\r\n"), 3000);
    assertEquals(refusal("Retry-After: 0\r\n"), 0);
    assertEquals(refusal("Retry-After: Sat, 01 Jan 2000 00:00:00 GMT\r\n"), 0);
    const wait = refusal(`Retry-After: ${new Date(Date.now() + 60_000).toUTCString()}\r\n`)!;
    assert(wait > 50_000 && wait <= 60_000, `${wait}`);
    assertEquals([refusal("Retry-After: soon\r\n"), refusal("")], [null, null]);
  });
});

describe("an address", () => {
  const right: readonly (readonly [url: string, expected: readonly unknown[]])[] = [
    ["ws://a.example", [false, "a.example", 80, "a.example", "/"]],
    ["wss://a.example/chat?x=1", [true, "a.example", 443, "a.example", "/chat?x=1"]],
    ["http://a.example:8080/a%20b", [false, "a.example", 8080, "a.example:8080", "/a%20b"]],
    ["https://[::1]:9/", [true, "::1", 9, "[::1]:9", "/"]],
    ["WS://A.example:80?q", [false, "a.example", 80, "a.example", "/?q"]],
    ["ws://müller.example/ü", [false, "xn--mller-kva.example", 80, "xn--mller-kva.example", "/%C3%BC"]],
  ];
  for (const [url, expected] of right) {
    it(`${url} is taken apart, as text and as a URL`, () => {
      for (const address of [url, new URL(url)]) {
        const { secure, hostname, port, host, resource } = parseTarget(address);
        assertEquals([secure, hostname, port, host, resource], expected);
      }
    });
  }

  const wrong: readonly (readonly [url: unknown, says: string])[] = [
    ["/chat", 'url must be absolute, such as "ws://localhost:8080/chat", got "/chat"'],
    ["localhost:8080", "url (localhost:) has a scheme that is not ws:"],
    ["ftp://a.example", "url (ftp:) has a scheme"],
    ["ws://a.example/#top", "url (a.example) has a fragment"],
    ["ws://user:secret@a.example/", "headers: { authorization }"],
    ["ws://", "url must be absolute"],
    [undefined, "got undefined"],
    [8080, "got 8080"],
  ];
  for (const [url, says] of wrong) {
    it(`${String(url)} is an OptionError`, () => {
      const error = assertThrows(() => parseTarget(url as string), OptionError);
      assert(error.message.includes(says) && !error.message.includes("secret"), error.message);
      assertEquals(error.option, "url");
    });
  }
});

describe("a client's request", () => {
  const target = parseTarget("wss://a.example:8443/chat?x=1");

  it("has the fields of the RFC", () => {
    assertEquals(
      makeRequest(target, clientHandshakeOptions({}), KEY).text,
      "GET /chat?x=1 HTTP/1.1\r\nHost: a.example:8443\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n` +
        "Sec-WebSocket-Extensions: x-sluice-farewell\r\n\r\n",
    );
  });

  it("has what the options say", () => {
    const options: ClientHandshake = {
      protocols: ["a", "b"],
      origin: "https://app.example",
      headers: { Authorization: "Bearer x", "x-empty": "" },
      compression: { clientNoContextTakeover: true },
    };
    const { text } = makeRequest(target, clientHandshakeOptions(options), KEY);
    const offer = "permessage-deflate; client_no_context_takeover; client_max_window_bits";
    assert(text.endsWith(
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\nSec-WebSocket-Extensions: ${offer}, x-sluice-farewell\r\n` +
        "Origin: https://app.example\r\nAuthorization: Bearer x\r\nx-empty: \r\n\r\n",
    ));
  });

  it("is what our own server takes, and its answer what the client takes", () => {
    const options = { protocols: ["a", "b"], compression: true, origin: "https://a.example:8443" };
    const request = makeRequest(target, clientHandshakeOptions(options));
    const fields = new Map(
      request.text.trim().split("\r\n").slice(1).map((line) => {
        const [, name, value] = /^([^:]+): (.*)$/.exec(line)!;
        return [name.toLowerCase(), value];
      }),
    );
    const header = (name: string) => fields.get(name) ?? null;
    const answer = checkUpgrade(
      { method: "GET", minor: 1, host: header("host")!, scheme: "http", header },
      handshakeOptions({ protocols: ["b"], compression: { serverMaxWindowBits: 12 } }),
    );
    assert("lines" in answer, JSON.stringify(answer));
    const head = new AnswerHead();
    assert(head.feed(latin1Bytes(`HTTP/1.1 101 Switching Protocols\r\n${answer.lines}\r\n`)));
    const { protocol, deflate, extensions } = answer;
    assertEquals(checkAnswer(head, request), { protocol, deflate, extensions, farewell: true });
    assertEquals([protocol, deflate?.serverMaxWindowBits], ["b", 12]);
  });
});

describe("an answer", () => {
  for (const { name, answer, status, says = "", protocol = "" } of ANSWER_CASES) {
    it(`${name} ${status === undefined ? "makes a WebSocket" : `is a HandshakeError with status ${status}`}`, () => {
      const bytes = latin1Bytes(answer + "\x81\x00");
      const whole = outcomeOf([bytes]);
      assertEquals(whole.error?.status, status, whole.error?.message);
      if (whole.error !== null) assert(whole.error.message.includes(says), whole.error.message);
      else assertEquals([whole.agreement?.protocol, whole.rest], [protocol, "\x81\x00"]);
      assertEquals(comparable(outcomeOf(singles(bytes))), comparable(whole));
    });
  }

  it("is not complete before its last byte", () => {
    const bytes = latin1Bytes(answerText());
    const head = new AnswerHead();
    assert(!singles(bytes.subarray(0, -1)).some((chunk) => head.feed(chunk)));
    assertEquals(head.status, 0);
    assert(head.feed(bytes.subarray(-1)));
    assertEquals([head.status, head.rest.length], [101, 0]);
  });

  it("that is not HTTP is known by its first wrong byte", () => {
    assertThrows(() => new AnswerHead().feed(latin1Bytes("HTTQ")), HandshakeError, "not HTTP");
  });
});

describe("whatever a server answers", () => {
  const piece = fc.oneof(
    fc.constantFrom("\r\n", "\r", "\n", ":", " ", "\t", ",", "\0", "HTTP/1.1 101 x\r\n", "HTTP/1.1 100 x\r\n\r\n"),
    fc.constantFrom("Upgrade: websocket\r\n", "Connection: upgrade\r\n", "sec-websocket-protocol: a\r\n"),
    fc.integer({ min: 0, max: 255 }).map((byte) => String.fromCharCode(byte)),
  );
  const places = fc.array(fc.nat(), { maxLength: 8 });

  function assertSame(text: string, places: readonly number[]): void {
    const bytes = latin1Bytes(text);
    const whole = comparable(outcomeOf([bytes]));
    assertEquals(comparable(outcomeOf(cut(bytes, places))), whole);
    assertEquals(comparable(outcomeOf(singles(bytes))), whole);
  }

  it("a right answer with bytes changed gives an agreement or a HandshakeError, the same for every split", () => {
    const change = fc.record({ at: fc.nat(), drop: fc.nat({ max: 3 }), insert: fc.oneof(piece, fc.constant("")) });
    const answers = fc.constantFrom(...ANSWER_CASES.map((test) => test.answer).filter((text) => text.length < 1000));
    fc.assert(
      fc.property(answers, fc.array(change, { maxLength: 3 }), places, (text, changes, places) => {
        for (const { at, drop, insert } of changes) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + insert + text.slice(place + drop);
        }
        assertSame(text + "rest", places);
      }),
      { numRuns: 1000 },
    );
  });

  it("pieces of answers in any order, too", () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), places, (pieces, places) => {
        assertSame("HTTP/1.1 101 x\r\n" + pieces.join(""), places);
      }),
      { numRuns: 1000 },
    );
  });
});

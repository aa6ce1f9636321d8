import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { HttpTalk } from "../../../src/tools/verify/talk/http.ts";
import { contentOf, type Talk, type TalkEvents, type TalkOptions } from "../../../src/tools/verify/talk/talk.ts";
import { LineTalk } from "../../../src/tools/verify/talk/tcp.ts";
import { WsTalk } from "../../../src/tools/verify/talk/ws.ts";
import { FrameReader as ClientFrames } from "../../support/ws_wire.ts";
import { bytes, concat } from "../../support/rig.ts";
import { CLOSE, closePayload, CONTINUATION, frame, PING, PONG, TEXT } from "../../support/ws_wire.ts";

type Make = (options: TalkOptions, events: TalkEvents) => Talk;

/** A talk, and everything that it has told. */
class Told implements TalkEvents {
  readonly talk: Talk;
  readonly log: string[] = [];
  readonly replies: Uint8Array[] = [];

  /** What is odd about the server. */
  readonly remarks: string[] = [];

  constructor(make: Make, expect: "echo" | "any" = "echo", draw = 0.4) {
    const random = () => draw;
    const paths = { path: "/p", uploadPath: "/up", streamPath: "/long" };
    const remark = (said: string) => void this.remarks.push(said);
    this.talk = make({ client: 7, host: "h:1", expect, random, remark, ...paths }, this);
  }

  /** Feeds bytes, whole or one by one. */
  feed(data: string | Uint8Array, split = false): this {
    const chunk = typeof data === "string" ? bytes(data) : data.slice();
    if (!split) this.talk.feed(chunk);
    else for (const byte of chunk) this.talk.feed(Uint8Array.of(byte));
    return this;
  }

  opened(): void {
    this.log.push("opened");
  }

  answered(fault: string, status: number): void {
    this.log.push(fault === "" ? `answered ${status}` : `fault ${status}: ${fault}`);
  }

  flowed(): void {}

  lastWords(code: number | null): void {
    this.log.push(`last words ${code}`);
  }

  reply(data: Uint8Array, closing: boolean): void {
    this.replies.push(data);
    this.log.push(closing ? "closes" : "replies");
  }
}

const text = (data: Uint8Array | null): string => new TextDecoder().decode(data ?? new Uint8Array(0));
const lineTalk: Make = (options, events) => new LineTalk(options, events);
const httpTalk: Make = (options, events) => new HttpTalk(options, events);
const wsTalk: Make = (options, events) => new WsTalk(options, events);

/** Runs a body with whole chunks and with single bytes. */
function bothWays(name: string, body: (split: boolean) => void): void {
  it(name, () => body(false));
  it(`${name}, byte by byte`, () => body(true));
}

describe("verify: what is sent", () => {
  it("has its client, its number and the size that was asked for", () => {
    assertEquals(contentOf(3, 12, 0), "3.12");
    assertEquals(contentOf(3, 12, 9), "3.12 mnop");
    for (const size of [100, 5000, 100_000]) {
      const content = contentOf(3, 12, size);
      assertEquals(content.length, size);
      assert(/^3\.12 [a-z]+$/.test(content));
      assert(content !== contentOf(3, 13, size));
    }
  });

  it("is a line over TCP", () => {
    const { talk } = new Told(lineTalk);
    assertEquals([text(talk.message(0)), talk.message(100).length], ["7.1\n", 100]);
  });

  it("is a GET without a size, and a POST with one over HTTP", () => {
    const { talk } = new Told(httpTalk);
    assertEquals(text(talk.message(0)), "GET /p HTTP/1.1\r\nHost: h:1\r\n\r\n");
    const post = text(talk.message(20));
    assert(post.startsWith("POST /up HTTP/1.1\r\nHost: h:1\r\n"));
    assert(post.includes("Content-Length: 20\r\n"));
    assertEquals(post.split("\r\n\r\n")[1].length, 20);
    assert(text(talk.stream()).startsWith("GET /long "));
  });

  it("is cut into the pieces of an upload that make one message", () => {
    const fixed = new Told(httpTalk, "echo", 0.4).talk.upload(100, 5);
    const chunked = new Told(httpTalk, "echo", 0.6).talk.upload(100, 5);
    assertEquals([fixed.length, chunked.length], [5, 5]);
    assertEquals(text(concat(fixed)).split("\r\n\r\n")[1].length, 100);
    const body = text(concat(chunked)).split("\r\n\r\n")[1].split("\r\n");
    assertEquals(body.filter((_, i) => i % 2 === 1).join("").length, 100);
    assert(text(concat(chunked)).endsWith("\r\n0\r\n\r\n"));
  });

  it("is masked frames on a WebSocket, in fragments for an upload", () => {
    const { talk } = new Told(wsTalk);
    const seen: string[] = [];
    const reader = new ClientFrames({ masked: true }, ({ opcode, fin, payload }) => {
      seen.push(`${opcode}${fin ? "" : "+"} ${payload.length}`);
    });
    reader.feed(
      concat([talk.message(0), talk.message(200), talk.message(70_000), ...talk.upload(9, 3), talk.leave()!]),
    );
    const upload = [`${TEXT}+ 3`, `${CONTINUATION}+ 3`, `${CONTINUATION} 3`];
    assertEquals(seen, [`${TEXT} 3`, `${TEXT} 200`, `${TEXT} 70000`, ...upload, `${CLOSE} 2`]);
  });
});

describe("verify: answers over TCP", () => {
  bothWays("are lines that end with what was sent", (split) => {
    const told = new Told(lineTalk);
    told.talk.message(0);
    told.talk.message(0);
    told.talk.message(0);
    told.feed("echo: 7.1\r\n7.2\nhello\n", split);
    assertEquals(told.log, ["answered 0", "answered 0", 'fault 0: "hello" is not an echo of "7.3"']);
  });

  bothWays("are any lines if any will do, and partial until LF", (split) => {
    const told = new Told(lineTalk, "any");
    told.talk.message(0);
    told.feed("what", split);
    assertEquals([told.talk.partial, told.log.length], [true, 0]);
    told.feed("ever\nmore\n", split);
    assertEquals([told.talk.partial, told.log], [false, ["answered 0"]]);
  });
});

describe("verify: answers over HTTP", () => {
  bothWays("are whole responses, the bodies of POSTs echoed", (split) => {
    const told = new Told(httpTalk);
    told.talk.message(0);
    told.talk.message(3);
    told.talk.message(3);
    told.talk.message(3);
    told.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", split);
    told.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n7.1\r\n0\r\n\r\n", split);
    told.feed("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", split);
    told.feed("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n7.9", split);
    const wrong = "fault 200: the body is not an echo of the 3 bytes sent";
    assertEquals(told.log, ["answered 200", "answered 200", "answered 413", wrong]);
  });

  bothWays("with Connection: close are last words, said with the head", (split) => {
    const told = new Told(httpTalk);
    told.talk.message(0);
    told.feed("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nh", split);
    assertEquals([told.log, told.talk.partial], [["last words null"], true]);
    told.feed("i", split);
    assertEquals([told.log, told.talk.partial], [["last words null", "answered 200"], false]);
  });

  bothWays("of HTTP/1.0 are told as such, unless they keep the connection", (split) => {
    for (const [keeps, says] of [["", 1], ["Connection: keep-alive\r\n", 0]] as const) {
      const told = new Told(httpTalk, "any");
      told.talk.message(0);
      told.feed(`HTTP/1.0 200 OK\r\n${keeps}Content-Length: 2\r\n\r\nhi`, split);
      assertEquals(told.remarks.map((said) => said.slice(0, 26)), Array(says).fill("the server speaks HTTP/1.0"));
    }
    const told = new Told(httpTalk, "any");
    told.talk.message(0);
    told.feed("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", split);
    assertEquals(told.remarks, []);
  });

  bothWays("with a status of 500 and more are no answers", (split) => {
    const told = new Told(httpTalk, "any");
    told.talk.message(0);
    told.feed("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", split);
    assertEquals(told.log, ["fault 503: status 503"]);
  });

  bothWays("without a length end with FIN", (split) => {
    const told = new Told(httpTalk);
    told.talk.message(0);
    told.feed("HTTP/1.1 200 OK\r\n\r\nhello", split);
    assert(told.talk.partial);
    told.talk.end();
    assert(!told.talk.partial);
    assert(told.log.includes("answered 200"));
  });

  bothWays("that break off are partial", (split) => {
    for (const part of ["HT", "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhell"]) {
      const told = new Told(httpTalk);
      told.talk.message(0);
      told.feed(part, split);
      told.talk.end();
      assertEquals([told.talk.partial, told.log], [true, []], part);
    }
  });

  bothWays("that are not HTTP are told once", (split) => {
    const told = new Told(httpTalk);
    told.talk.message(0);
    told.feed("echo: GET / HTTP/1.1\r\nmore\r\n", split);
    told.talk.end();
    assertEquals(told.log.length, 1);
    assert(told.log[0].startsWith("fault 0: not HTTP: "));
  });
});

const UPGRADED = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const server = (opcode: number, payload: Uint8Array, fin = true) => frame({ opcode, payload, fin });

/** The frames of a client's bytes. */
function clientFrames(data: Uint8Array): string[] {
  const seen: string[] = [];
  new ClientFrames({ masked: true }, ({ opcode, payload }) => seen.push(`${opcode} ${[...payload]}`)).feed(data);
  return seen;
}

describe("verify: answers on a WebSocket", () => {
  bothWays("begin with the handshake's, and frames right behind it count", (split) => {
    const told = new Told(wsTalk);
    assert(text(told.talk.greeting).startsWith("GET /p HTTP/1.1\r\nHost: h:1\r\nUpgrade: websocket\r\n"));
    told.talk.message(0);
    told.feed(concat([bytes(UPGRADED), server(TEXT, bytes("7.1"))]), split);
    assertEquals(told.log, ["answered 101", "opened", "answered 0"]);
  });

  bothWays("are messages in any frames, with pings between them", (split) => {
    const told = new Told(wsTalk).feed(UPGRADED);
    told.talk.message(0);
    told.talk.message(200);
    told.talk.message(70_000);
    told.feed(server(TEXT, bytes("7"), false), split).feed(server(PING, bytes("p")), split);
    assert(told.talk.partial);
    told.feed(server(CONTINUATION, bytes(".1")), split);
    told.feed(server(TEXT, bytes(contentOf(7, 2, 200))), split);
    told.feed(server(TEXT, bytes(contentOf(7, 3, 70_000))), split);
    assertEquals(told.log.slice(2), ["replies", "answered 0", "answered 0", "answered 0"]);
    assertEquals(clientFrames(told.replies[0]), [`${PONG} 112`]);
    assert(!told.talk.partial);
  });

  bothWays("that are no echo are told, unless any will do", (split) => {
    for (const expect of ["echo", "any"] as const) {
      const told = new Told(wsTalk, expect).feed(UPGRADED);
      told.talk.message(0);
      told.feed(server(TEXT, bytes("no")), split);
      const wrong = 'fault 0: "no" is not an echo of "7.1"';
      assertEquals(told.log.slice(2), [expect === "any" ? "answered 0" : wrong]);
    }
  });

  bothWays("end with a Close, which is answered with its code", (split) => {
    const cases: [Uint8Array, number, string][] = [
      [closePayload(1001, "bye"), 1001, `${CLOSE} 3,233`],
      [new Uint8Array(0), 1005, `${CLOSE} `],
    ];
    for (const [payload, code, echoed] of cases) {
      const told = new Told(wsTalk).feed(UPGRADED).feed(server(CLOSE, payload), split);
      assertEquals(told.log.slice(2), [`last words ${code}`, "closes"]);
      assertEquals(clientFrames(told.replies[0]), [echoed]);
    }
  });

  bothWays("end with the answer to the client's own Close", (split) => {
    const told = new Told(wsTalk).feed(UPGRADED);
    told.talk.leave();
    told.feed(server(CLOSE, closePayload(1000)), split);
    assertEquals(told.log.slice(2), ["last words 1000"]);
  });

  bothWays("are partial inside a frame", (split) => {
    const told = new Told(wsTalk).feed(UPGRADED);
    told.talk.message(0);
    told.feed(server(TEXT, bytes("7.1")).subarray(0, 1), split);
    assert(told.talk.partial);
  });

  bothWays("that refuse the handshake are told with their status", (split) => {
    const told = new Told(wsTalk).feed("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", split);
    assertEquals(told.log, ["fault 503: the handshake was answered with status 503", "last words null"]);
    assert(!told.talk.partial);
  });

  bothWays("to the handshake that are not HTTP are told", (split) => {
    const told = new Told(wsTalk).feed("hello\r\nworld\r\n", split);
    assertEquals(told.log.length, 2);
    assert(told.log[0].startsWith("fault 0: the handshake's answer is not HTTP"));
  });
});

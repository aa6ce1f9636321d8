import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertStringIncludes, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import { AccessLog, accessLogFrom, type AccessLogOptions } from "../../src/http/extras/access_log.ts";
import { Sampler } from "../../src/http/extras/sampling.ts";
import type { ObservedRequest } from "../../src/http/http_observer.ts";
import { type Logger, silentLogger } from "../../src/log.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

const FIELDS: Readonly<Record<string, string>> = { "user-agent": "curl/8" };

const REQUEST = {
  ctx: {} as ObservedRequest["ctx"],
  id: "7-2",
  conn: { id: 7 } as ObservedRequest["conn"],
  method: "GET",
  target: '/a?b="c"\n',
  scheme: "http",
  host: "example.org:8080",
  protocol: "1.1",
  route: "",
  status: 200,
  duration: 1.23456,
  bytesIn: 3,
  bytesOut: 11,
  remote: { transport: "tcp", hostname: "::1", port: 4000 },
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "",
  error: undefined,
  fault: undefined,
  upgrade: "",
  header: (name: string) => FIELDS[name] ?? null,
} satisfies ObservedRequest;

function setUp(options: AccessLogOptions = {}, random?: () => number) {
  const lines: string[] = [];
  const clock = new VirtualClock({ wall: Date.UTC(2030, 0, 2, 3, 4, 5, 6) });
  const log = new AccessLog({ write: (line) => lines.push(line), ...options }, clock, silentLogger, random);
  const put = (changes: Partial<ObservedRequest> = {}) => log.ended({ ...REQUEST, ...changes });
  return { log, clock, lines, put, records: () => lines.map((line) => JSON.parse(line)) };
}

/** A sequence that repeats. */
function cycle(...values: number[]): () => number {
  let i = 0;
  return () => values[i++ % values.length];
}

describe("AccessLog", () => {
  it("writes one line of JSON per request", () => {
    const { lines, put, records } = setUp();
    put();
    assertEquals(lines.length, 1);
    assertEquals(lines[0].includes("\n"), false);
    assertEquals(records()[0], {
      time: "2030-01-02T03:04:05.006Z",
      method: "GET",
      scheme: "http",
      host: "example.org:8080",
      target: '/a?b="c"\n',
      protocol: "HTTP/1.1",
      status: 200,
      duration: 1.235,
      bytesIn: 3,
      bytesOut: 11,
      conn: 7,
      request: "7-2",
      remote: "[::1]:4000",
      userAgent: "curl/8",
      trace_id: "0af7651916cd43dd8448eb211c80319c",
      span_id: "b7ad6b7169203331",
    });
  });

  it("names the route and what the connection was handed over to, where there are such, and no endless user agent", () => {
    const { put, records } = setUp();
    put({ route: "/users/:id", upgrade: "websocket", header: () => "x".repeat(1000) });
    put({ header: () => null });
    const named = records().map(({ route, upgrade, userAgent }) => [route, upgrade, userAgent]);
    assertEquals(named, [["/users/:id", "websocket", `${"x".repeat(400)}…`], [undefined, undefined, undefined]]);
  });

  it("writes slow requests whatever the sampling says, from a second on or as it is told", () => {
    const first = setUp({ sample: 0 });
    first.put({ duration: 999 });
    first.put({ duration: 1000 });
    assertEquals(first.records().map(({ duration, suppressed }) => [duration, suppressed]), [[1000, 1]]);
    const second = setUp({ sample: 0, slow: 50 });
    second.put({ duration: 50 });
    const third = setUp({ sample: 0, slow: Infinity });
    third.put({ duration: 1e9 });
    assertEquals([second.lines.length, third.lines.length], [1, 0]);
  });

  it("goes through a logger, with what failed as an error and nothing that there is not", () => {
    const records: unknown[] = [];
    const logger: Logger = {
      ...silentLogger,
      info: (msg, fields) => void records.push(["info", msg, fields]),
      error: (msg, fields) => void records.push(["error", msg, fields]),
    };
    for (const log of [new AccessLog({ logger }), new AccessLog({ logger: true }, new VirtualClock(), logger)]) {
      records.length = 0;
      log.ended(REQUEST);
      log.ended({ ...REQUEST, status: 503 });
      const [[level, msg, fields], [second]] = records as [string, string, Record<string, unknown>][];
      assertEquals([level, msg, second], ["info", "Request", "error"]);
      assertEquals([fields.method, fields.host, fields.span_id], ["GET", "example.org:8080", "b7ad6b7169203331"]);
      assertEquals(Object.keys(fields).filter((name) => fields[name] === undefined || name === "time"), []);
    }
  });

  it("names the error, shortly, whatever was thrown", () => {
    const { put, records } = setUp();
    put({ error: new TypeError("boom") });
    put({ error: "x".repeat(1000) });
    put({ error: Object.create(null) });
    assertEquals(records().map(({ error }) => error), ["TypeError: boom", `${"x".repeat(200)}…`, "[unreadable]"]);
  });

  it("takes time from the clock", async () => {
    const { clock, put, records } = setUp();
    await clock.advance(1000);
    put();
    assertEquals(records()[0].time, "2030-01-02T03:04:06.006Z");
  });

  it("survives a write that throws, and one that rejects", async () => {
    let calls = 0;
    const broken = () => {
      calls++;
      throw new Error("disk full");
    };
    for (const write of [broken, () => Promise.reject(new Error("disk full"))]) {
      const { put } = setUp({ write });
      put();
      put();
    }
    assertEquals(calls, 2);
    await new Promise((resolve) => setTimeout(resolve, 1));
  });

  it("keeps the count of suppressed lines when a write throws", () => {
    const lines: string[] = [];
    let broken = true;
    const write = (line: string) => {
      if (broken) throw new Error("disk full");
      lines.push(line);
    };
    const { put, log } = setUp({ sample: 0, write });
    put();
    put({ status: 500 });
    assertEquals(log.suppressed, 1);
    broken = false;
    put({ status: 500 });
    assertEquals(lines.map((line) => JSON.parse(line).suppressed), [1]);
    assertEquals(log.suppressed, 0);
  });

  it("reads a record's members only when its line is written", () => {
    const { log, lines } = setUp({ sample: 0 });
    let reads = 0;
    const entry: ObservedRequest = {
      ...REQUEST,
      get traceparent() {
        reads++;
        return REQUEST.traceparent;
      },
    };
    log.ended(entry);
    assertEquals([lines.length, reads], [0, 0]);
  });

  it("writes a share of the lines, and tells in the next one how many it left out", () => {
    const { put, records } = setUp({ sample: 0.25 }, cycle(0.24, 0.25, 0.9, 0.3));
    for (let i = 0; i < 8; i++) put({ conn: { id: i } as ObservedRequest["conn"] });
    assertEquals(records().map(({ conn, suppressed }) => [conn, suppressed]), [[0, undefined], [4, 3]]);
  });

  it("writes errors always: by status, or because the request failed", () => {
    const { put, records } = setUp({ sample: 0 });
    put({ status: 499 });
    put({ status: 500 });
    put({ status: 200, error: new Error("gone") });
    put({ status: 404 });
    assertEquals(records().map(({ status, suppressed }) => [status, suppressed]), [[500, 1], [200, undefined]]);
  });

  it("keeps to a budget of lines per second", async () => {
    const { clock, put, records, lines, log } = setUp({ sample: { perSecond: 10 } });
    for (let i = 0; i < 100; i++) put();
    assertEquals(lines.length, 10);
    await clock.advance(500);
    for (let i = 0; i < 100; i++) put();
    assertEquals(lines.length, 15);
    assertEquals(records()[10].suppressed, 90);
    await clock.advance(60_000);
    for (let i = 0; i < 100; i++) put();
    assertEquals(lines.length, 25);
    assertEquals(log.suppressed, 90);
    const shown = records().reduce((sum, { suppressed = 0 }) => sum + suppressed, 0);
    assertEquals(shown + log.suppressed + lines.length, 300);
  });

  it("lets errors use the budget up and go beyond it", async () => {
    const { clock, put, records } = setUp({ sample: { perSecond: 2 } });
    for (let i = 0; i < 5; i++) put({ status: 503 });
    put();
    await clock.advance(500);
    put();
    put();
    assertEquals(records().map(({ status }) => status), [503, 503, 503, 503, 503, 200]);
  });

  it("refuses options that can't be used", () => {
    const bad: unknown[] = [-0.1, 1.1, NaN, "some", null, true, {}, { perSecond: -1 }, { perSecond: Infinity }, []];
    for (const sample of bad) {
      assertThrows(() => new AccessLog({ sample } as AccessLogOptions), OptionError, "sample");
    }
    assertThrows(() => new AccessLog({ write: 1 } as unknown as AccessLogOptions), OptionError, "write");
    for (const slow of [-1, NaN, "1000"]) {
      assertThrows(() => new AccessLog({ slow } as AccessLogOptions), OptionError, "slow");
    }
    assertThrows(() => new AccessLog({ logger: {} } as unknown as AccessLogOptions), OptionError, "logger");
    const both = { write: () => {}, logger: true };
    assertThrows(() => new AccessLog(both), OptionError, "write excludes logger");
  });
});

describe("accessLogFrom()", () => {
  it("makes a log of true or of options, and none of false", () => {
    const clock = new VirtualClock();
    assertEquals(accessLogFrom(undefined, clock, silentLogger), null);
    assertEquals(accessLogFrom(false, clock, silentLogger), null);
    assertInstanceOf(accessLogFrom(true, clock, silentLogger), AccessLog);
    assertInstanceOf(accessLogFrom({ sample: 0.5 }, clock, silentLogger), AccessLog);
    const error = assertThrows(() => accessLogFrom("yes" as never, clock, silentLogger), OptionError);
    assertStringIncludes(error.message, "accessLog");
  });
});

describe("Sampler", () => {
  it("writes a first line even where the budget is less than one per second", async () => {
    const clock = new VirtualClock();
    const sampler = new Sampler({ perSecond: 0.1 }, clock);
    assertEquals([sampler.pass(false), sampler.pass(false)], [true, false]);
    await clock.advance(9_000);
    assertEquals(sampler.pass(false), false);
    await clock.advance(1_000);
    assertEquals(sampler.pass(false), true);
  });

  it("passes nothing but errors with a budget of 0", async () => {
    const clock = new VirtualClock();
    const sampler = new Sampler({ perSecond: 0 }, clock);
    await clock.advance(10_000);
    assertEquals([sampler.pass(false), sampler.pass(true), sampler.suppressed], [false, true, 1]);
  });
});

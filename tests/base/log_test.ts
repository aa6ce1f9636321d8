import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import {
  jsonLogger,
  LOG_LEVELS,
  type Logger,
  type LogLevel,
  prettyLogger,
  safeLogger,
  silentLogger,
} from "../../src/log.ts";

// The published shape of `@std/log`'s `Logger`, restated: it must be usable as a `Logger` as it is.
// deno-lint-ignore no-explicit-any -- as published
type GenericFunction = (...args: any[]) => any;
interface LogMethod {
  <T>(msg: () => T, ...args: unknown[]): T | undefined;
  <T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
}
declare class StdLogger {
  handlers: unknown[];
  get level(): number;
  set level(level: number);
  get loggerName(): string;
  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  debug<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  info<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  warn<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  error<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
  critical<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
}
type Fits<T extends Logger> = T;
type _Class = Fits<StdLogger>;
type _Methods = Fits<Record<LogLevel, LogMethod>>;
type _Console = Fits<typeof console>;
type _WithoutCritical = Fits<Omit<StdLogger, "critical">>;
// @ts-expect-error a logger without `error` is none
type _WithoutError = Fits<Omit<StdLogger, "error">>;

const now = () => new Date(Date.UTC(2030, 0, 2, 3, 4, 5, 6));

function json(
  options: { level?: LogLevel } = {},
): { logger: Required<Logger>; records: () => Record<string, unknown>[] } {
  const lines: string[] = [];
  const logger = jsonLogger({ ...options, now, write: (line) => lines.push(line) });
  return { logger, records: () => lines.map((line) => JSON.parse(line)) };
}

function pretty(color = false): { logger: Required<Logger>; lines: string[] } {
  const lines: string[] = [];
  return { logger: prettyLogger({ level: "debug", color, now, write: (line) => lines.push(line) }), lines };
}

describe("jsonLogger", () => {
  it("writes one line per record: time, level, message, then the fields of plain objects", () => {
    const lines: string[] = [];
    jsonLogger({ now, write: (line) => lines.push(line) }).info("hello\nworld", { a: 1 }, { b: "two" }, 3, "four");
    assertEquals(lines, [
      '{"time":"2030-01-02T03:04:05.006Z","level":"info","msg":"hello\\nworld","a":1,"b":"two","args":[3,"four"]}',
    ]);
  });

  it("writes its level and what is more severe, by default from info on", () => {
    for (const [index, level] of LOG_LEVELS.entries()) {
      const { logger, records } = json({ level });
      for (const name of LOG_LEVELS) logger[name]("m");
      assertEquals(records().map((record) => record.level), LOG_LEVELS.slice(index));
    }
    const { logger, records } = json();
    logger.debug("m");
    logger.info("m");
    assertEquals(records().length, 1);
  });

  it("writes an error with name, message, code, stack and cause, alone or inside a field", () => {
    const { logger, records } = json();
    const error = new OptionError("port", "bad port", { cause: new TypeError("inner") });
    logger.error("failed", error, { also: error });
    const [record] = records();
    const shown = record.error as Record<string, unknown>;
    assertEquals([shown.name, shown.message, shown.code], ["OptionError", "bad port", "ERR_OPTION"]);
    assertMatch(shown.stack as string, /log_test/);
    assertEquals((shown.cause as Record<string, unknown>).name, "TypeError");
    assertEquals(record.also, shown);
  });

  it("keeps every one of several errors", () => {
    const { logger, records } = json();
    logger.error("failed", new Error("one"), new Error("two"));
    const [{ error, error_ }] = records();
    assertEquals([error, error_].map((value) => (value as Error).message), ["one", "two"]);
  });

  it("does not let a field hide time, level, message or another field", () => {
    const { logger, records } = json();
    logger.info("real", { msg: "fake", level: "fake", time: "fake" });
    assertEquals(records()[0], {
      time: "2030-01-02T03:04:05.006Z",
      level: "info",
      msg: "real",
      msg_: "fake",
      level_: "fake",
      time_: "fake",
    });
    logger.info("m", { a: 1, constructor: 2 }, { a: 3 }, JSON.parse('{"__proto__":4}'));
    const own = Object.entries(records()[1]).slice(3);
    assertEquals(own, [["a", 1], ["constructor", 2], ["a_", 3], ["__proto__", 4]]);
  });

  it("writes whatever it is given: cycles, bigints, bytes, maps, getters that throw", () => {
    const { logger, records } = json();
    const cycle: Record<string, unknown> = { n: 1n, bytes: new Uint8Array(3), map: new Map([["k", 1]]), nan: NaN };
    cycle.self = cycle;
    const hostile = {
      get bad(): never {
        throw new Error("no");
      },
    };
    logger.info(
      "m",
      cycle,
      hostile,
      new Proxy({}, {
        ownKeys: () => {
          throw new Error("no");
        },
      }),
      () => {},
      Symbol("s"),
    );
    logger.info("m", { date: new Date(0), proto: JSON.parse('{"__proto__":{"x":1}}'), deep: nest(10) });
    const [first, second] = records();
    assertEquals([first.n, first.bytes, first.map, first.nan, first.self], [
      "1",
      "[3 bytes]",
      [["k", 1]],
      "NaN",
      "[circular]",
    ]);
    assertEquals(first.args, ["[unreadable]", "[unreadable]", "[function ]", "Symbol(s)"]);
    assertEquals(second.date, "1970-01-01T00:00:00.000Z");
    assert(JSON.stringify(second.deep).includes("[too deep]"));
  });

  it("refuses an unknown level, naming it", () => {
    assertThrows(() => jsonLogger({ level: "loud" as LogLevel }), OptionError, '"loud"');
  });

  it("writes to standard error by default", () => {
    const { error } = console;
    const lines: unknown[] = [];
    console.error = (line: unknown) => lines.push(line);
    try {
      jsonLogger({ now }).info("m");
    } finally {
      console.error = error;
    }
    assertEquals(lines.length, 1);
  });
});

describe("prettyLogger", () => {
  it("aligns levels and shows fields as pairs, quoted where needed", () => {
    const { logger, lines } = pretty();
    logger.info("listening", { host: "127.0.0.1", port: 9000 });
    logger.critical("drain", { why: "two words", empty: "", list: [1, 2] }, 7);
    assertEquals(lines, [
      "03:04:05.006 INFO  listening host=127.0.0.1 port=9000",
      '03:04:05.006 CRIT  drain why="two words" empty="" list=[1,2] args=[7]',
    ]);
  });

  it("shows an error in the line and its frames below", () => {
    const { logger, lines } = pretty();
    logger.error("failed", new OptionError("port", "bad port"));
    const [head, ...frames] = lines[0].split("\n");
    assertEquals(head, '03:04:05.006 ERROR failed error="OptionError: bad port (ERR_OPTION)"');
    assert(frames.length > 0 && frames.every((frame) => frame.startsWith("    ")));
  });

  it("lets no control character through, from message, name or value", () => {
    const { logger, lines } = pretty();
    logger.warn("a\x1b[2Jb\nc", { "k\x07": "v\r\n", c1: "\x9b31m", e: new Error("x\x1b]0;y") });
    // deno-lint-ignore no-control-regex -- the point of the test
    assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(lines[0]), lines[0]);
    assertEquals(lines[0].split("\n")[0].includes("a\\u001b[2Jb\\u000ac"), true);
  });

  it("colours the level only when asked", () => {
    const { logger, lines } = pretty(true);
    logger.warn("m");
    assertEquals(lines, ["03:04:05.006 \x1b[33mWARN \x1b[0m m"]);
  });
});

describe("silentLogger", () => {
  it("has every method and writes nothing", () => {
    for (const level of LOG_LEVELS) assertEquals(silentLogger[level]("m", {}), undefined);
  });
});

function nest(depth: number): unknown {
  return depth === 0 ? 0 : { inner: nest(depth - 1) };
}

describe("safeLogger", () => {
  /** Keeps what its methods are called with, as most loggers do: they need their `this`. */
  class Keeper {
    readonly calls: unknown[][] = [];
    debug(...args: unknown[]): void {
      this.calls.push(["debug", ...args]);
    }
    info(...args: unknown[]): void {
      this.calls.push(["info", ...args]);
    }
    warn(...args: unknown[]): void {
      this.calls.push(["warn", ...args]);
    }
    error(...args: unknown[]): void {
      this.calls.push(["error", ...args]);
    }
  }

  class Pino extends Keeper {
    constructor() {
      super();
      // As pino has it, on the prototype of its loggers or on themselves.
      Object.assign(this, { [Symbol.for("pino.serializers")]: {} });
    }
    fatal(...args: unknown[]): void {
      this.calls.push(["fatal", ...args]);
    }
  }

  it("takes a logger without critical, whose error() or fatal() it calls instead", () => {
    const [plain, pino] = [new Keeper(), new Pino()];
    safeLogger(plain).critical("m");
    safeLogger(pino).critical("m", { a: 1 });
    assertEquals(plain.calls, [["error", "m"]]);
    assertEquals(pino.calls, [["fatal", { a: 1 }, "m"]]);
  });

  it("gives pino the fields first, everybody else the message", () => {
    const [plain, pino] = [new Keeper(), new Pino()];
    for (const logger of [plain, pino]) safeLogger(logger).info("m", { a: 1 });
    safeLogger(pino).warn("alone");
    assertEquals(plain.calls, [["info", "m", { a: 1 }]]);
    assertEquals(pino.calls, [["info", { a: 1 }, "m"], ["warn", "alone"]]);
  });

  it("tells an error under error as name, message, code, stack and cause, whatever the logger", () => {
    const error = new OptionError("port", "bad port", { cause: new TypeError("inner") });
    for (const logger of [new Keeper(), new Pino()]) {
      for (const args of [{ error }, error]) safeLogger(logger).error("failed", args);
      for (const call of logger.calls) {
        const fields = call.find((arg) => typeof arg === "object") as { error: Record<string, unknown> };
        const written = JSON.parse(JSON.stringify(fields)).error;
        assertEquals([written.name, written.message, written.code], ["OptionError", "bad port", "ERR_OPTION"]);
        assertEquals([written.stack, written.cause.message], [error.stack, "inner"]);
      }
    }
    // Ours read it by themselves, and only what they write.
    let read = 0;
    const costly = Object.defineProperty(new Error("m"), "stack", { get: () => `${++read}` });
    safeLogger(jsonLogger({ level: "warn", write() {} })).debug("m", { error: costly });
    assertEquals(read, 0);
  });

  it("keeps to itself what a logger throws, and what its promises reject with", async () => {
    const failing = () => Promise.reject(new Error("disk full"));
    safeLogger({ debug: failing, info: failing, warn: failing, error: failing }).info("m");
    const throwing = (): never => {
      throw new Error("disk full");
    };
    safeLogger({ debug: throwing, info: throwing, warn: throwing, error: throwing }).critical("m");
    await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

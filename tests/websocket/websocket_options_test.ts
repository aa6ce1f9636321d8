import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import {
  clientHandshakeOptions,
  farewellOptions,
  handshakeOptions,
  webSocketLimits,
} from "../../src/websocket/websocket_options.ts";
import type { WebSocketOptions } from "../../src/websocket/websocket_api.ts";

function checkAll(options: WebSocketOptions): void {
  webSocketLimits(options, "server");
  handshakeOptions(options);
  farewellOptions(options);
}

describe("the options of a WebSocket", () => {
  it("have the documented defaults", () => {
    assertEquals(webSocketLimits({}, "server"), {
      maxMessageBytes: 1_048_576,
      maxFragments: 16_384,
      readHighWaterMark: 65_536,
      maxBufferedAmount: 1_048_576,
      slowConsumer: "wait",
      closeTimeout: 5000,
      answers: true,
      heartbeat: { interval: 30_000, timeout: 10_000, misses: 1 },
      compression: null,
    });
    assertEquals(webSocketLimits({ compression: true }, "client").compression, {
      threshold: 1024,
      level: 3,
      memLevel: 8,
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 15,
      clientMaxWindowBits: 15,
    });
    assertEquals(farewellOptions({}), { lastMessage: null, goingAway: "going away", retryAfter: 1000 });
  });

  it("are taken as given", () => {
    const limits = webSocketLimits({
      maxMessageBytes: 1,
      maxFragments: Infinity,
      slowConsumer: "close",
      closeTimeout: 0,
      heartbeat: false,
      compression: { threshold: 0, clientMaxWindowBits: 9 },
    }, "server");
    assertEquals([limits.maxMessageBytes, limits.maxFragments, limits.slowConsumer], [1, Infinity, "close"]);
    assertEquals([limits.closeTimeout, limits.heartbeat], [0, null]);
    assertEquals([limits.compression?.threshold, limits.compression?.clientMaxWindowBits], [0, 9]);
    assertEquals(webSocketLimits({ heartbeat: { misses: 0 } }, "server").heartbeat?.misses, 0);
    assertEquals(farewellOptions({ goingAway: "", retryAfter: 0 }).goingAway, "");
  });

  it("can't be changed when they are checked", () => {
    const limits = webSocketLimits({ compression: true }, "server");
    assert([limits, limits.heartbeat, limits.compression].every(Object.isFrozen));
  });

  it("let a server's compressor forget, and demand it of no server", () => {
    assertEquals(webSocketLimits({ compression: true }, "server").compression?.serverNoContextTakeover, true);
    assertEquals(webSocketLimits({ compression: true }, "client").compression?.serverNoContextTakeover, false);
  });

  const wrong: readonly (readonly [options: unknown, message: RegExp])[] = [
    [null, /^options must be an object such as \{ compression: true \}, got null$/],
    [() => {}, /^options must be an object .*, got a function$/],
    [{ maxMessageBytes: 0 }, /^maxMessageBytes must be a whole number from 1 to 536870888, got 0$/],
    [{ maxMessageBytes: Infinity }, /^maxMessageBytes .*, got Infinity$/],
    [{ maxFragments: 1.5 }, /^maxFragments .*, got 1.5$/],
    [{ readHighWaterMark: "64k" }, /^readHighWaterMark .*, got "64k"$/],
    [{ maxBufferedAmount: -1 }, /^maxBufferedAmount .*, got -1$/],
    [{ slowConsumer: "queue" }, /^slowConsumer must be one of "wait", "drop", "close", got "queue"$/],
    [{ closeTimeout: -1 }, /^closeTimeout must be from 0/],
    [{ closeTimeout: 1_000_000_000 }, /^closeTimeout must be from 0 to 999999999 milliseconds, got 1000000000$/],
    [{ heartbeat: true }, /^heartbeat must be an object such as \{ interval: 30000 \}, or false for none, got true$/],
    [{ heartbeat: { interval: 0 } }, /^heartbeat.interval must be at least 1 millisecond, got 0$/],
    [{ heartbeat: { timeout: "1s" } }, /^heartbeat.timeout .*, got "1s"$/],
    [{ heartbeat: { misses: -1 } }, /^heartbeat.misses .*, got -1$/],
    [{ compression: "yes" }, /^compression must be an object .*, or true or false, got "yes"$/],
    [{ compression: { threshold: -1 } }, /^compression.threshold .*, got -1$/],
    [{ compression: { level: 10 } }, /^compression.level must be a whole number from 0 to 9, got 10$/],
    [{ compression: { memLevel: 0 } }, /^compression.memLevel .* from 1 to 9, got 0$/],
    [{ compression: { serverMaxWindowBits: 8 } }, /^compression.serverMaxWindowBits .* from 9 to 15, got 8$/],
    [{ compression: { clientMaxWindowBits: 16 } }, /^compression.clientMaxWindowBits .* from 9 to 15, got 16$/],
    [
      { compression: { serverNoContextTakeover: 1 } },
      /^compression.serverNoContextTakeover must be true or false, got 1$/,
    ],
    [{ protocols: "chat" }, /^protocols must be a list such as \["chat"\], got "chat"$/],
    [{ protocols: ["a b"] }, /^protocols has "a b", which is not a token: use letters/],
    [{ protocols: ["a", "a"] }, /^protocols has "a" twice: name it once$/],
    [{ protocols: [1] }, /^protocols has 1, which is not a token/],
    [{ allowedOrigins: "https://a.example" }, /^allowedOrigins must be a list .*, got "https:\/\/a.example"$/],
    [{ allowedOrigins: ["*"] }, /^allowedOrigins has "\*" in its list: give "\*" alone to let all in$/],
    [
      { allowedOrigins: ["a.example"] },
      /^allowedOrigins has "a.example", which is no origin: give scheme, host and port/,
    ],
    [{ allowedOrigins: ["https://a.example/"] }, /^allowedOrigins has "https:\/\/a.example\/", which is no origin/],
    [{ allowedOrigins: ["https://*.example"] }, /^allowedOrigins has "https:\/\/\*.example", which is no origin/],
    [{ allowedOrigins: ["wss://a.example"] }, /^allowedOrigins .* the address of a WebSocket, not of a page: give/],
    [{ allowedOrigins: ["https://a.example:99999"] }, /^allowedOrigins .*, which is no origin/],
    [{ allowedOrigins: [/a/] }, /^allowedOrigins has an object, which is no origin/],
    [{ headers: [["a", "b"]] }, /^headers must be an object of names and values, got a list$/],
    [{ headers: new Headers({ a: "b" }) }, /^headers must be .*, got Headers: use Object.fromEntries\(\)$/],
    [{ headers: { "a b": "c" } }, /^headers has the name "a b", which is not a token/],
    [{ headers: { a: "b\r\nc: d" } }, /^headers\["a"\] must be one line of ASCII text, got "b\\r\\nc: d"$/],
    [{ headers: { a: "\u00e9" } }, /^headers\["a"\] must be one line of ASCII text/],
    [{ headers: { a: 1 } }, /^headers\["a"\] must be one line of ASCII text, got 1$/],
    [{ headers: { Upgrade: "h2c" } }, /^headers has "Upgrade", which is the handshake's to write: leave it out$/],
    [{ headers: { "SEC-WebSocket-Accept": "x" } }, /^headers has "SEC-WebSocket-Accept", which is the handshake's/],
    [{ headers: { "content-length": "0" } }, /^headers has "content-length"/],
    [{ lastMessage: "bye" }, /^lastMessage must be a function, got "bye"$/],
    [{ goingAway: "é".repeat(62) }, /^goingAway must be 123 bytes of UTF-8 at most, got/],
    [{ goingAway: 1001 }, /^goingAway must be .*, got 1001$/],
    [{ retryAfter: 1e10 }, /^retryAfter must be from 0 to/],
  ];
  for (const [options, message] of wrong) {
    const shown = options instanceof Object
      ? Object.entries(options)[0]?.flat().map(String).join(" ")
      : String(options);
    it(`are refused with ${shown || "a function"}: ${String(message).slice(2, 50)}`, () => {
      const error = assertThrows(() => checkAll(options as WebSocketOptions), OptionError);
      assert(message.test(error.message), error.message);
      assert(error.message.startsWith(error.option), error.option);
    });
  }
});

describe("the options of a client's handshake", () => {
  const wrong: readonly (readonly [options: unknown, message: RegExp])[] = [
    [{ protocols: () => "a" }, /^protocols must be a list such as \["chat"\], got a function$/],
    [{ origin: "app.example" }, /^origin is "app.example", which is no origin: give scheme/],
    [{ origin: "http://a\u00e9.example" }, /^origin is .*, which is no origin/],
    [{ headers: { Origin: "http://a.example" } }, /^headers has "Origin": use the option origin for that$/],
    [{ headers: { host: "a.example" } }, /^headers has "host": use the option url for that$/],
    [{ headers: { "sec-websocket-key": "x" } }, /^headers has "sec-websocket-key", which is the handshake's/],
  ];
  for (const [options, message] of wrong) {
    it(`are refused: ${String(message).slice(2, 50)}`, () => {
      const error = assertThrows(() => clientHandshakeOptions(options as { origin: string }), OptionError);
      assert(message.test(error.message), error.message);
    });
  }

  it("take null for an origin, as a sandboxed page's", () => {
    assertEquals(clientHandshakeOptions({ origin: "null" }).origin, "null");
  });
});

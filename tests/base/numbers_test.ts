/** Numbers that are none, wherever a number is an option: from the environment they come as NaN or as text. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  background,
  connect,
  createServer,
  delimiterDecoder,
  fixedDecoder,
  frames,
  gotNumber,
  heartbeat,
  lengthPrefixDecoder,
  lineDecoder,
  lines,
  listen,
  OptionError,
  run,
  Semaphore,
  serve,
  withDeadline,
  withTimeout,
} from "../../mod.ts";
import { createHttpServer, eventStream, readyz, reply, ResponseParser, serveHttp } from "../../src/http/mod.ts";
import { memoryAdapter, VirtualClock } from "../../src/testing/mod.ts";
import { type FaultProxyOptions, startFaultProxy } from "../../src/tools/faults/mod.ts";
import { runLoad } from "../../src/tools/load/mod.ts";
import { pool, upstream } from "../../src/upstream/mod.ts";
import { watchResources } from "../../src/watch/mod.ts";
import { connectWebSocket } from "../../src/websocket/mod.ts";
import { ReconnectingWebSocket } from "../../src/websocket/reconnect/mod.ts";
import { fieldsOf, numbersOf } from "../docs/declarations.ts";
import { FakeConn } from "../fixtures/framing_tools.ts";

type Take = (options: never) => unknown;

const adapter = memoryAdapter();
const answer = (): Response => new Response();
const nobody = "ws://127.0.0.1:1/";
const faults = (fault: object): unknown =>
  startFaultProxy({ upstream: { port: 1 }, faults: [fault] } as unknown as FaultProxyOptions);

/** Who takes the numbers of an interface. */
const TAKERS: readonly (readonly [path: string, name: string, take: Take])[] = [
  [
    "src/server/serve_options.ts",
    "ListenOptions",
    (o: object) => listen({ adapter, ...("mode" in o ? { path: "/s" } : {}), ...o }),
  ],
  ["src/server/serve_options.ts", "ConnOptions", (o: object) => serve({ adapter, ...o }, () => {})],
  ["src/server/serve_options.ts", "ConnOptions", (o: object) => createServer({ adapter }, () => {}).configure(o)],
  ["src/server/serve_options.ts", "AdmissionOptions", (o: object) => serve({ adapter, ...o }, () => {})],
  ["src/server/serve_options.ts", "DrainOptions", (o: object) => serve({ adapter, ...o }, () => {})],
  ["src/server/serve_options.ts", "DrainOptions", (o: object) => createServer({ adapter }, () => {}).shutdown(o)],
  ["src/server/serve_options.ts", "DrainOptions", (o: object) => run([], { adapter, exit: false, ...o })],
  ["src/server/connect.ts", "ConnectOptions", (o: object) => connect({ adapter, port: 1, ...o })],
  ["src/framing/intake.ts", "FrameStreamOptions", (o) => frames(new FakeConn(), lineDecoder(), o)],
  ["src/framing/intake.ts", "FrameStreamOptions", (o) => lines(new FakeConn(), o)],
  ["src/framing/delimiter.ts", "DelimiterOptions", (o) => delimiterDecoder(";", o)],
  ["src/framing/length_prefix.ts", "LengthPrefixOptions", (o) => lengthPrefixDecoder(o)],
  [
    "src/framing/heartbeat.ts",
    "HeartbeatOptions",
    (o: object) => heartbeat(lines(new FakeConn()), { ping: "x", interval: 1000, clock: new VirtualClock(), ...o }),
  ],
  ["src/http/http_api.ts", "HttpLimitOptions", (o: object) => serveHttp({ adapter, ...o }, answer)],
  ["src/http/http_api.ts", "HttpLimitOptions", (o: object) => createHttpServer({ adapter }, answer).configure(o)],
  ["src/http/http_api.ts", "HttpOptions", (o: object) => serveHttp({ adapter, ...o }, answer)],
  ["src/http/extras/health.ts", "HealthOptions", (o) => readyz(o)],
  ["src/http/client/response_parser.ts", "ResponseParserOptions", (o) => new ResponseParser(o)],
  [
    "src/websocket/websocket_api.ts",
    "HeartbeatOptions",
    (heartbeat) => connectWebSocket(nobody, { heartbeat, adapter }),
  ],
  [
    "src/websocket/websocket_api.ts",
    "CompressionOptions",
    (compression) => connectWebSocket(nobody, { compression, adapter }),
  ],
  [
    "src/websocket/websocket_api.ts",
    "WebSocketLimitOptions",
    (o: object) => connectWebSocket(nobody, { ...o, adapter }),
  ],
  [
    "src/websocket/reconnect/reconnect_api.ts",
    "ReconnectHeartbeat",
    (heartbeat) => new ReconnectingWebSocket(nobody, { heartbeat }),
  ],
  ["src/websocket/reconnect/reconnect_api.ts", "ReconnectOptions", (o) => new ReconnectingWebSocket(nobody, o)],
  ["src/upstream/pool/pool_api.ts", "PoolOptions", (o: object) => pool(() => ({ close() {} }), o)],
  [
    "src/upstream/http/upstream_api.ts",
    "UpstreamOptions",
    (o: object) => upstream("http://127.0.0.1:1", { adapter, ...o }),
  ],
  ["src/watch/watch_api.ts", "ResourceLimit", (heap) => watchResources({ adapter, limits: { heap } })],
  ["src/watch/watch_api.ts", "WatchOptions", (o: object) => watchResources({ adapter, ...o })],
  ["src/tools/load/load_api.ts", "LoadOptions", (o) => runLoad("tcp://127.0.0.1:1", o)],
];

/** The same, where the number has no interface of options, or one with others beside it. */
const OTHERS: readonly (readonly [name: string, take: (value: never) => unknown])[] = [
  ["size", (size) => new Semaphore(size)],
  ["permits", (permits) => new Semaphore(2).tryAcquire(permits)],
  ["size", (size) => fixedDecoder(size)],
  ["ms", (ms) => withTimeout(background(), ms)],
  ["at", (at) => withDeadline(background(), at)],
  ["Status", (status) => reply("x", { status })],
  ["interval", (interval) => heartbeat(lines(new FakeConn()), { ping: "x", interval, clock: new VirtualClock() })],
  ["handshakeTimeout", (handshakeTimeout) => connectWebSocket(nobody, { handshakeTimeout, adapter })],
  ["sample.perSecond", (perSecond) => createHttpServer({ adapter, accessLog: { sample: { perSecond } } }, answer)],
  ["heartbeat", (heartbeat) => eventStream({} as never, (async function* () {})(), { heartbeat })],
  ["seed", (seed) => startFaultProxy({ upstream: { port: 1 }, seed })],
  ["ms", (ms) => faults({ kind: "latency", ms })],
  ["jitter", (jitter) => faults({ kind: "latency", ms: 1, jitter })],
];

/** What it throws or rejects with. */
async function failureOf(take: () => unknown): Promise<Error | null> {
  try {
    await take();
  } catch (error) {
    return error as Error;
  }
  return null;
}

async function assertNamed(name: string, take: (value: never) => unknown): Promise<void> {
  for (const value of [NaN, "8080", "", "soon", -1, -Infinity]) {
    // A time that has passed ends a context at once, as in Go.
    if ((name === "ms" || name === "at") && typeof value === "number" && !Number.isNaN(value)) continue;
    const error = await failureOf(() => take(value as never));
    assert(error instanceof OptionError || error instanceof RangeError, `${name} took ${value}: ${error}`);
    assertStringIncludes(error.message, name);
    assertStringIncludes(error.message, `got ${gotNumber(value)}`);
  }
}

describe("a number that is none", () => {
  for (const [path, name, take] of TAKERS) {
    it(`is refused by name and value in ${name}, ${take.toString().replace(/\s+/g, " ").slice(0, 60)}`, async () => {
      const numbers = numbersOf(path, name);
      assert(numbers.length > 0, `${name} has no numbers`);
      for (const option of numbers) await assertNamed(option, (value) => take({ [option]: value } as never));
    });
  }

  for (const [name, take] of OTHERS) {
    it(`is refused by name and value as ${name}, ${take.toString().replace(/\s+/g, " ").slice(0, 60)}`, async () => {
      await assertNamed(name, take);
    });
  }

  it("is told what has become of it on its way", async () => {
    const { PORT }: { PORT?: string } = {};
    const unset = await failureOf(() => listen({ port: Number(PORT) }));
    assertEquals(
      unset?.message,
      "port must be a whole number from 0 to 65535, got NaN, as Number() makes of what is not set or no number: " +
        "check what it was given",
    );
    const text = await failureOf(() => listen({ port: "8080" as never }));
    assertEquals(text?.message, 'port must be a whole number from 0 to 65535, got "8080": pass Number("8080")');
  });

  it("is a fraction where whole ones are counted", async () => {
    for (const option of ["port", "backlog", "maxConnections", "readHighWaterMark", "ipv6Prefix", "maxQueue"]) {
      const error = await failureOf(() => serve({ adapter, [option]: 1.5 }, () => {}));
      assertStringIncludes(`${error?.message}`, `${option} must be a whole number`);
      assertStringIncludes(`${error?.message}`, "got 1.5");
    }
  });
});

describe("the interfaces of options", () => {
  it("are read with their numbers", () => {
    assertEquals(numbersOf("src/server/serve_options.ts", "ListenOptions"), ["port", "mode", "backlog"]);
    assert(fieldsOf("src/server/serve_options.ts", "ListenOptions").length > 3);
  });
});

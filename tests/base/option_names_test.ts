/** Options that nobody knows are refused wherever options are taken, and what was meant is guessed. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  checkNames,
  connect,
  createServer,
  delimiterCodec,
  delimiterDecoder,
  Dialer,
  didYouMean,
  framed,
  frames,
  heartbeat,
  jsonLogger,
  lengthPrefixCodec,
  lengthPrefixDecoder,
  lengthPrefixEncoder,
  lineCodec,
  lineDecoder,
  lineEncoder,
  lines,
  listen,
  OptionError,
  prettyLogger,
  run,
  serve,
  textDecoder,
  Utf8Decoder,
} from "../../mod.ts";
import { createHttpServer, eventStream, healthHandler, livez, readyz, serveHttp } from "../../src/http/mod.ts";
import { runLoad } from "../../src/tools/load/mod.ts";
import { memoryAdapter, VirtualClock } from "../../src/testing/mod.ts";
import { startFaultProxy } from "../../src/tools/faults/mod.ts";
import { pool, upstream } from "../../src/upstream/mod.ts";
import { watchResources } from "../../src/watch/mod.ts";
import { connectWebSocket, Hub, upgradeWebSocket } from "../../src/websocket/mod.ts";
import { ReconnectingWebSocket } from "../../src/websocket/reconnect/mod.ts";

type Take = (options: never) => unknown;
type Row = readonly [where: string, take: Take, misspelt: string, meant: string];

const handler = (): void => {};
const answer = (): Response => new Response();
const adapter = memoryAdapter();
const tcp = createServer({ adapter }, handler);
const http = createHttpServer({ adapter }, answer);
const context = { signal: new AbortController().signal, draining: new AbortController().signal };
const conn = {} as Parameters<typeof lines>[0];
const frame = lengthPrefixDecoder();

/** Every public function that takes options: a name that is nearly right, and the right one. */
const TAKERS: readonly Row[] = [
  ["serve()", (options) => serve(options, handler), "hostnme", "hostname"],
  ["createServer()", (options) => createServer(options, handler), "maxConections", "maxConnections"],
  ["listen()", (options) => listen(options), "prot", "port"],
  ["connect()", (options) => connect(options), "conectTimeout", "connectTimeout"],
  ["Dialer()", (options) => new Dialer(options), "noDelaj", "noDelay"],
  ["connect() of a dialer", (options) => new Dialer().connect(options), "prot", "port"],
  ["run()", (options) => run([], options), "grase", "grace"],
  ["hooks of run()", (hook) => run([], { adapter, exit: false, hooks: [hook] }), "timout", "timeout"],
  ["configure()", (options) => tcp.configure(options), "idleTimout", "idleTimeout"],
  ["shutdown()", (options) => tcp.shutdown(options), "lameDuk", "lameDuck"],
  ["checkShutdown()", (options) => tcp.checkShutdown(options), "reserv", "reserve"],
  ["onShutdown()", (options) => tcp.onShutdown("x", handler, options), "timout", "timeout"],
  ["tls of serve()", (tls) => serve({ tls }, handler), "crt", "cert"],
  ["tls of connect()", (tls) => connect({ port: 1, tls }), "server_name", "serverName"],
  ["jsonLogger()", (options) => jsonLogger(options), "lvel", "level"],
  ["prettyLogger()", (options) => prettyLogger(options), "colour", "color"],
  ["lines()", (options) => lines(conn, options), "maxlength", "maxLength"],
  ["lineCodec()", (options) => lineCodec(options), "eoll", "eol"],
  ["lineDecoder()", (options) => lineDecoder(options), "fatl", "fatal"],
  ["lineEncoder()", (options) => lineEncoder(options), "eoll", "eol"],
  ["frames()", (options) => frames(conn, frame, options), "highwaterMark", "highWaterMark"],
  ["framed()", (options) => framed(conn, lengthPrefixCodec(), options), "goodby", "goodbye"],
  ["delimiterCodec()", (options) => delimiterCodec(";", options), "keepempty", "keepEmpty"],
  ["delimiterDecoder()", (options) => delimiterDecoder(";", options), "untermnated", "unterminated"],
  ["lengthPrefixCodec()", (options) => lengthPrefixCodec(options), "endain", "endian"],
  ["lengthPrefixEncoder()", (options) => lengthPrefixEncoder(options), "sizes", "size"],
  ["textDecoder()", (options) => textDecoder(frame, options), "fatel", "fatal"],
  ["Utf8Decoder()", (options) => new Utf8Decoder(options), "fatel", "fatal"],
  ["heartbeat()", (options) => heartbeat(null as never, options), "intervall", "interval"],
  ["serveHttp()", (options) => serveHttp(options, answer), "maxBodySize", ""],
  ["createHttpServer()", (options) => createHttpServer(options, answer), "trustproxy", "trustProxy"],
  ["configure() of HTTP", (options) => http.configure(options), "maxHeader", "maxHeaders"],
  ["accessLog", (accessLog) => createHttpServer({ adapter, accessLog }, answer), "sampel", "sample"],
  ["sample", (sample) => createHttpServer({ adapter, accessLog: { sample } }, answer), "persecond", "perSecond"],
  ["pool()", (options) => pool(() => ({}), options), "maxLifetme", "maxLifetime"],
  ["upstream()", (options) => upstream("http://127.0.0.1:1", options), "headTimout", "headTimeout"],
  ["request() of an upstream", (options) => upstream("http://127.0.0.1:1").request("/", options), "methd", "method"],
  ["livez()", (options) => livez(options), "timeot", "timeout"],
  ["readyz()", (options) => readyz(options), "check", "checks"],
  ["healthHandler()", (options) => healthHandler(options), "server", "servers"],
  ["eventStream()", (options) => eventStream(context, nothing(), options), "ondrain", "onDrain"],
  ["connectWebSocket()", (options) => connectWebSocket("ws://127.0.0.1:1/", options), "protocol", "protocols"],
  ["heartbeat", (heartbeat) => connectWebSocket("ws://127.0.0.1:1/", { heartbeat }), "intervall", "interval"],
  ["compression", (compression) => connectWebSocket("ws://127.0.0.1:1/", { compression }), "treshold", "threshold"],
  ["publish()", (options) => new Hub().publish("t", "m", options), "exept", "except"],
  ["ReconnectingWebSocket()", (options) => new ReconnectingWebSocket("ws://h/", [], options), "maxDelai", "maxDelay"],
  ["in the web's place", (options) => new ReconnectingWebSocket("ws://h/", options, {}), "hallo", "hello"],
  ["heartbeat", (heartbeat) => new ReconnectingWebSocket("ws://h/", { heartbeat }), "intervall", "interval"],
  ["runLoad()", (options) => runLoad("tcp://127.0.0.1:1", options), "client", "clients"],
  ["size", (size) => runLoad("tcp://127.0.0.1:1", { size }), "mox", "max"],
  ["ramp", (ramp) => runLoad("tcp://127.0.0.1:1", { ramp }), "step", "steps"],
  ["watchResources()", (options) => watchResources(options), "intervall", "interval"],
  ["limits.heap", (heap) => watchResources({ limits: { heap } }), "warnat", "warnAt"],
  ["startFaultProxy()", (options) => startFaultProxy(options), "upsteram", "upstream"],
  ["memoryAdapter()", (options) => memoryAdapter(options), "sead", "seed"],
  ["VirtualClock()", (options) => new VirtualClock(options), "turn", "turns"],
];

async function* nothing(): AsyncGenerator<never> {}

/** What it throws or rejects with. */
async function failureOf(take: Take, options: unknown): Promise<unknown> {
  try {
    await take(options as never);
  } catch (error) {
    return error;
  }
  return null;
}

describe("options", () => {
  it("with an unknown name are refused everywhere, and the message says what was meant", async () => {
    for (const [where, take, misspelt, meant] of TAKERS) {
      const error = await failureOf(take, { [misspelt]: 1 });
      assert(error instanceof OptionError, `${where} took ${misspelt}: ${error}`);
      assertStringIncludes(error.message, ` has no option ${misspelt}, ${meant === "" ? "it has" : "did you mean"}`);
      if (meant !== "") assertStringIncludes(error.message, `did you mean ${meant}?`);
      assert(error.option.endsWith(misspelt), `${where} names ${error.option}`);
    }
  });

  it("that are no object are refused", async () => {
    for (const [where, take] of TAKERS) {
      // There a string is a subprotocol.
      if (where === "in the web's place") continue;
      if (where === "heartbeat" || where === "sample" || where === "tls of connect()") continue;
      for (const options of [null, "grace"]) {
        const error = await failureOf(take, options);
        assert(error instanceof OptionError, `${where} took ${options}: ${error}`);
      }
    }
  });

  it("may inherit what they have, and an unknown name is found there too", () => {
    checkNames("f()", Object.create({ port: 1 }), { port: true });
    const error = failureSync(() => checkNames("f()", Object.create({ prot: 1 }), { port: true }));
    assertEquals(error.message, "f() has no option prot, did you mean port?");
  });

  it("of a send() are checked as well", async () => {
    const server = await serveHttp({ adapter }, (request) =>
      upgradeWebSocket(request, async (ws) => {
        const error = failureSync(() => void ws.send("x", { compres: false } as never));
        await ws.send(error.message);
      }));
    const { port } = server.address as { port: number };
    const ws = await connectWebSocket(`ws://127.0.0.1:${port}/`, { adapter });
    assertEquals((await ws.next()).value, "send() has no option compres, did you mean compress?");
    await ws.close();
    await server.shutdown({ quiet: 1, idleGrace: 1 });
  });
});

describe("host", () => {
  it("is another name of hostname, for servers and for clients", async () => {
    const server = await serve({ host: "127.0.0.1" }, (conn) => conn.write("hello"));
    assertEquals((server.address as { hostname: string }).hostname, "127.0.0.1");
    const { port } = server.address as { port: number };
    const conn = await connect({ host: "127.0.0.1", port });
    assertEquals(new TextDecoder().decode((await conn.read())!), "hello");
    await conn.close();
    // An address is taken as it is.
    await (await connect(server.address)).close();
    await server.close();
  });

  it("is refused beside a hostname that differs, and beside a path", async () => {
    const both = { host: "127.0.0.1", hostname: "0.0.0.0" };
    const error = await failureOf((options) => listen(options), both);
    assertEquals((error as OptionError).option, "host");
    assert(await failureOf((options) => connect(options), { ...both, port: 1 }) instanceof OptionError);
    assert(await failureOf((options) => listen(options), { host: "h", path: "/tmp/x" }) instanceof OptionError);
  });
});

describe("didYouMean()", () => {
  it("knows a word by its beginning and with two wrong letters, and says nothing of others", () => {
    assertEquals(didYouMean("idle", ["readTimeout", "idleTimeout"]), ", did you mean idleTimeout?");
    assertEquals(didYouMean("gracee", ["grace"]), ", did you mean grace?");
    assertEquals(didYouMean("zzz", ["grace"]), "");
  });
});

function failureSync(call: () => void): OptionError {
  try {
    call();
  } catch (error) {
    assert(error instanceof OptionError, String(error));
    return error;
  }
  throw new Error("Nothing was thrown");
}

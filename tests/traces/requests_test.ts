/** Spans of requests, upgrades and drains, by the real SDK. */
import { describe, it } from "node:test";
import * as api from "@opentelemetry/api";
import { AlwaysOffSampler } from "@opentelemetry/sdk-trace-base";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { jsonLogger, OptionError } from "../../mod.ts";
import { eventStream, type HttpContext, reply, traceHeaders } from "../../src/http/mod.ts";
import { defaultAdapter } from "../../src/runtime.ts";
import { Traces, type TracesOptions } from "../../src/traces/mod.ts";
import { chunked, httpWorld, pathOf, request } from "../support/http_world.ts";
import { idOf, inSpan, parentOf, Spans } from "../support/spans.ts";
import { wsWorld } from "../support/websocket_world.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`;
const { ERROR, UNSET } = api.SpanStatusCode;

describe("the span of a request", () => {
  it("is a child of the caller's, has the conventions' attributes, and is named by its route", async () => {
    using spans = new Spans();
    await using w = await httpWorld((_req, ctx) => {
      ctx.route = "/users/:id";
      return reply("ok", { status: 201 });
    });
    using _traces = new Traces({ api, servers: [w.server] });
    const headers = { host: "api.example:8443", traceparent: TRACEPARENT, tracestate: "a=1,b=2", "user-agent": "me/1" };
    await w.ask(request("/users/7?name=ada&sig=secret", { headers }));
    const span = spans.named("GET /users/:id");
    assertEquals([span.kind, span.status.code, span.ended], [api.SpanKind.SERVER, UNSET, true]);
    assertEquals([span.spanContext().traceId, parentOf(span), span.parentSpanContext?.isRemote], [TRACE, CALLER, true]);
    assertEquals(span.spanContext().traceState?.serialize(), "a=1,b=2");
    const { "network.peer.address": peer, "network.peer.port": port, "client.address": client, ...rest } =
      span.attributes;
    assertEquals([typeof peer, typeof port, client], ["string", "number", peer]);
    assertEquals(rest, {
      "http.request.method": "GET",
      "http.response.status_code": 201,
      "http.route": "/users/:id",
      "network.protocol.version": "1.1",
      "server.address": "api.example",
      "server.port": 8443,
      "sluice.server": "http",
      "url.path": "/users/7",
      "url.query": "name=ada&sig=REDACTED",
      "url.scheme": "http",
      "user_agent.original": "me/1",
    });
  });

  it("is the current one in its handler, across what that waits for, and never another request's", async () => {
    using spans = new Spans();
    await using w = await httpWorld(async (req, ctx) => {
      const name = pathOf(req);
      ctx.route = name;
      await w.sleep(name === "/a" ? 20 : 10);
      await inSpan(`child ${name}`, () => w.sleep(20));
      return reply("ok");
    });
    using _traces = new Traces({ api, servers: [w.server] });
    await w.ask(request("/a"), 5);
    await w.ask(request("/b"), 60);
    for (const name of ["/a", "/b"]) {
      const [span, child] = [spans.named(`GET ${name}`), spans.named(`child ${name}`)];
      assertEquals([parentOf(child), child.spanContext().traceId], [idOf(span), span.spanContext().traceId]);
      assertEquals(parentOf(span), undefined);
    }
    assertEquals(new Set(spans.all.map((span) => span.spanContext().traceId)).size, 2);
  });

  it("is what calls out and log lines say", async () => {
    using spans = new Spans();
    const lines: Record<string, unknown>[] = [];
    const logger = jsonLogger({ write: (line) => lines.push(JSON.parse(line)) });
    let passed: Record<string, string> = {};
    let fields: unknown;
    await using w = await httpWorld((_req, ctx) => {
      passed = traceHeaders(ctx);
      fields = traces.fields();
      ctx.log.info("inside");
      return reply("ok");
    }, { logger, accessLog: { logger: true } });
    using traces = new Traces({ api, servers: [w.server] });
    await w.ask(request("/", { headers: { traceparent: TRACEPARENT, tracestate: "a=1" } }));
    const id = idOf(spans.named("GET"));
    assertEquals(passed, { traceparent: `00-${TRACE}-${id}-01`, tracestate: "a=1" });
    assertEquals(fields, { trace_id: TRACE, span_id: id, trace_flags: "01" });
    const told = lines.filter(({ msg }) => msg === "inside" || msg === "Request");
    assertEquals(told.map(({ trace_id, span_id }) => [trace_id, span_id]), [[TRACE, id], [TRACE, id]]);
    assertEquals(traces.fields(), {});
  });

  it("is recorded only if the caller records, and says so to whom is called", async () => {
    using spans = new Spans();
    const passed: string[] = [];
    await using w = await httpWorld((_req, ctx) => {
      passed.push(ctx.traceparent);
      return reply("ok");
    });
    using _traces = new Traces({ api, servers: [w.server] });
    await w.ask(request("/", { headers: { traceparent: `00-${TRACE}-${CALLER}-00` } }));
    assertEquals(spans.all, []);
    assertMatch(passed[0], new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    assert(!passed[0].includes(CALLER));
  });

  it("is not there where nothing is sampled, and requests begin traces that say so", async () => {
    using spans = new Spans(new AlwaysOffSampler());
    let passed = "";
    await using w = await httpWorld((_req, ctx) => {
      passed = ctx.traceparent;
      return reply("ok");
    });
    using _traces = new Traces({ api, servers: [w.server] });
    await w.ask(request("/"));
    assertEquals([spans.all.length, passed.slice(-3)], [0, "-00"]);
  });

  it("costs no trace where nobody has set OpenTelemetry up", async () => {
    let passed = "";
    await using w = await httpWorld((_req, ctx) => {
      passed = ctx.traceparent;
      return reply("ok");
    });
    using traces = new Traces({ api, servers: [w.server] });
    await w.ask(request("/", { headers: { traceparent: TRACEPARENT } }));
    assertMatch(passed, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    assert(!passed.includes(CALLER));
    assertEquals(traces.fields(), {});
  });

  it("says what went wrong: a handler that throws, an answer of 5xx, and not what the client did", async () => {
    using spans = new Spans();
    await using w = await httpWorld(async (req, ctx) => {
      const path = pathOf(req);
      ctx.route = path;
      if (path === "/throws") throw new TypeError("boom");
      if (path === "/large") await req.text();
      return reply("", { status: Number(path.slice(1)) || 200 });
    }, { maxBodyBytes: 4 });
    using _traces = new Traces({ api, servers: [w.server] });
    await w.ask([request("/throws"), request("/503"), request("/404")]);
    const body = chunked(["too large"]);
    await w.ask(request("/large", { body, headers: { "transfer-encoding": "chunked" } }));
    const [thrown, unavailable, missing, large] = ["GET /throws", "GET /503", "GET /404", "POST /large"].map((name) =>
      spans.named(name)
    );
    const told = [thrown, unavailable, missing, large].map(({ status, attributes, events }) => [
      status.code,
      attributes["http.response.status_code"],
      attributes["error.type"],
      events.map(({ name, attributes }) => `${name}: ${attributes?.["exception.message"]}`),
    ]);
    assertEquals(told, [
      [ERROR, 500, "TypeError", ["exception: boom"]],
      [ERROR, 503, "503", []],
      [UNSET, 404, undefined, []],
      [UNSET, 413, undefined, []],
    ]);
  });

  it("ends with the client: one that goes away, before and in the middle of its answer", async () => {
    using spans = new Spans();
    const events = async function* () {
      yield { data: "first" };
      await w.sleep(1000);
    };
    await using w = await httpWorld(async (req, ctx) => {
      ctx.route = pathOf(req);
      if (ctx.route === "/stream") return eventStream(ctx, events);
      await w.sleep(1000);
      return reply("late");
    });
    using _traces = new Traces({ api, servers: [w.server] });
    for (const path of ["/gone", "/stream"]) {
      const peer = await w.ask(request(path), 20);
      peer.conn.abort();
      await w.pass(20);
    }
    await w.pass(2000);
    const [gone, stream] = [spans.named("GET /gone"), spans.named("GET /stream")];
    assertEquals([gone.status.code, stream.status.code], [ERROR, ERROR]);
    assertEquals([gone, stream].map(({ attributes }) => attributes["http.response.status_code"]), [undefined, 200]);
    for (const { attributes } of [gone, stream]) assertMatch(`${attributes["error.type"]}`, /^ERR_[A-Z_]+$/);
    assertEquals(spans.all.length, 2);
  });

  it("is made of what was no request as well, without a word of its own", async () => {
    using spans = new Spans();
    await using w = await httpWorld(() => reply("ok"));
    using _traces = new Traces({ api, servers: [w.server] });
    await w.ask("nonsense\r\n\r\n");
    const { attributes, status, kind } = spans.named("HTTP");
    assertEquals([kind, status.code, attributes["http.response.status_code"]], [api.SpanKind.SERVER, UNSET, 400]);
    assertEquals([attributes["http.request.method"], typeof attributes["error.type"]], ["_OTHER", "string"]);
  });

  it("knows other methods, targets and hosts by what the conventions say", async () => {
    using spans = new Spans();
    await using w = await httpWorld((_req, ctx) => reply(ctx.target));
    using _traces = new Traces({ api, servers: [w.server] });
    await w.ask([
      request("/a", { method: "BREW", headers: { host: "[2001:db8::1]:8080" } }),
      request("http://other.example?x", { headers: { host: "other.example" } }),
      request("*", { method: "OPTIONS" }),
    ]);
    const seen = spans.all.map(({ name, attributes: a }) => [
      name,
      a["http.request.method_original"],
      a["url.path"],
      a["url.query"],
      a["server.address"],
      a["server.port"],
    ]);
    assertEquals(seen, [
      ["HTTP", "BREW", "/a", undefined, "2001:db8::1", 8080],
      ["GET", undefined, "/", "x", "other.example", undefined],
      ["OPTIONS", undefined, "*", undefined, "test", undefined],
    ]);
  });

  it("has the parent that the program's own propagator finds", async () => {
    using spans = new Spans();
    api.propagation.setGlobalPropagator({
      fields: () => ["x-trace"],
      inject() {},
      extract(context, carrier, getter) {
        const [traceId, spanId] = String(getter.get(carrier, "X-Trace")).split(":");
        assertEquals([getter.keys(carrier), getter.get(carrier, "none")], [[], undefined]);
        return api.trace.setSpanContext(context, { traceId, spanId, traceFlags: 1, isRemote: true });
      },
    });
    await using w = await httpWorld(() => reply("ok"));
    using _traces = new Traces({ api, servers: [w.server] });
    await w.ask(request("/", { headers: { "x-trace": `${TRACE}:${CALLER}`, traceparent: `00-${"1".repeat(32)}` } }));
    assertEquals([parentOf(spans.named("GET")), spans.named("GET").spanContext().traceId], [CALLER, TRACE]);
  });

  it("is made for nobody whom the program ignores, and for nobody once it is closed", async () => {
    using spans = new Spans();
    const contexts: HttpContext[] = [];
    await using w = await httpWorld((_req, ctx) => {
      contexts.push(ctx);
      return reply("ok");
    });
    const traces = new Traces({ api, servers: [w.server], ignore: ({ target }) => target.startsWith("/livez") });
    await w.ask([request("/livez"), request("/")]);
    assertEquals([spans.names, contexts[0].traceparent.slice(-3)], [["GET"], "-00"]);
    traces.close();
    traces.close();
    await w.ask(request("/"));
    assertEquals([spans.names, contexts.length], [["GET"], 3]);
  });
});

describe("the span of a WebSocket", () => {
  it("is a child of its request's, as long as it, and says how it ended", async () => {
    using spans = new Spans();
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) await inSpan(`on ${message}`, () => ws.send(message));
    });
    using _traces = new Traces({ api, servers: [w.server] });
    // A network in memory carries no async context by itself.
    Object.assign(w.adapter, { isolate: (await defaultAdapter()).isolate });
    const [first, second] = [await w.connect(), await w.connect()];
    assertEquals(spans.names, ["GET", "GET"]);
    await w.until(first.send("hello"));
    await w.pass(1000);
    await w.until(first.close(3001, "enough"));
    second.abort();
    await w.pass(100);
    const [one, two, work, well, badly] = spans.all;
    assertEquals(spans.names.slice(2), ["on hello", "websocket", "websocket"]);
    assertEquals([parentOf(well), parentOf(badly), parentOf(work)], [idOf(one), idOf(two), idOf(one)]);
    assertEquals([one.attributes["http.response.status_code"], well.kind], [101, api.SpanKind.INTERNAL]);
    assertEquals([well, badly].map(({ attributes }) => attributes["websocket.close.code"]), [3001, 1006]);
    assertEquals([well.status.code, badly.status.code, badly.events.length], [UNSET, ERROR, 1]);
    assertEquals(well.attributes["network.protocol.name"], "websocket");
  });
});

describe("the span of a drain", () => {
  it("has its phases as events, and says what it cost", async () => {
    using spans = new Spans();
    await using w = await httpWorld(async () => {
      await w.sleep(60_000);
      return reply("late");
    }, { name: "shop" });
    using _traces = new Traces({ api, servers: [w.server] });
    await w.ask(request("/"));
    const report = await w.until(w.server.shutdown({ grace: 1000, cause: "a test" }), 10_000);
    assertEquals(report.cut.length, 1);
    await w.pass(60_000);
    const drain = spans.named("drain");
    assertEquals(drain.attributes, {
      "sluice.server": "shop",
      "sluice.drain.cause": "a test",
      "sluice.drain.outcome": "unclean",
      "sluice.drain.forced": false,
      "sluice.drain.connections": 1,
      "sluice.drain.cut_connections": 1,
    });
    const phases = drain.events.map(({ name }) => name);
    assertEquals([phases.includes("drain"), phases.includes("cut"), drain.status.code], [true, true, ERROR]);
    assertEquals(spans.names, ["GET", "drain"]);
  });
});

describe("Traces", () => {
  it("refuses what it can't record, and an OpenTelemetry that is none", async () => {
    await using w = await httpWorld(() => reply("ok"));
    const wrong: [options: unknown, option: string][] = [
      [{}, "api"],
      [{ api: {} }, "api"],
      [{ api: api.trace }, "api"],
      [{ api, servers: w.server }, "servers"],
      [{ api, servers: [{}] }, "servers"],
      [{ api, servers: [Promise.resolve(w.server)] }, "await it before"],
      [{ api, channels: [] }, "channels"],
      [{ api, channels: w.server }, "channels"],
      [{ api, channels: { chat: {} } }, "channels.chat"],
      [{ api, ignore: "/livez" }, "ignore"],
      [{ api, server: w.server }, "did you mean servers?"],
    ];
    for (const [options, part] of wrong) {
      assertThrows(() => new Traces(options as TracesOptions), OptionError, part);
    }
    assertThrows(() => new Traces({ api }).process([], 1 as unknown as () => void), OptionError, "process()");
  });
});

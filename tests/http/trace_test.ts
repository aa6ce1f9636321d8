/** A request's trace: what is kept of the caller's, what goes on with calls out, and what stands in log lines. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { jsonLogger, OptionError, withCancel, withValue } from "../../mod.ts";
import { type HttpContext, reply, traceHeaders } from "../../src/http/mod.ts";
import { readTracestate } from "../../src/tracestate.ts";
import { httpWorld, request } from "../support/http_world.ts";
import { echo } from "../support/websocket_world.ts";
import { upgradeWebSocket } from "../../src/websocket/mod.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`;
const OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const VALID: readonly (readonly [header: string, kept: string])[] = [
  ["rojo=00f067aa0ba902b7", "rojo=00f067aa0ba902b7"],
  ["rojo=1,congo=t61rcWkgMzE", "rojo=1,congo=t61rcWkgMzE"],
  [" rojo=1 ,\t congo=2\t, ,,", "rojo=1,congo=2"],
  ["fw529a3039@dt=a b,0af@x=!#~", "fw529a3039@dt=a b,0af@x=!#~"],
  [`a_-*/9=${"v".repeat(256)}`, `a_-*/9=${"v".repeat(256)}`],
  [`${"k".repeat(250)}=v`, `${"k".repeat(250)}=v`],
  ["a=1,a=2", "a=1,a=2"],
  ["a= 1", "a= 1"],
  ["", ""],
];

const INVALID: readonly (readonly [why: string, header: string])[] = [
  ["no value", "a="],
  ["no equals sign", "a"],
  ["an equals sign in the value", "a=b=c"],
  ["an upper-case key", "Rojo=1"],
  ["a key that begins with a sign", "@a=1"],
  ["a space in the key", "a b=1"],
  ["a key that is too long", `${"k".repeat(257)}=v`],
  ["a value that is too long", `a=${"v".repeat(257)}`],
  ["a control character", "a=\x01"],
  ["a character beyond ASCII", "a=\xe9"],
  ["one bad member among good ones", "a=1,b,c=3"],
  ["33 members", Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(",")],
];

describe("readTracestate()", () => {
  it("keeps what is valid, in order, without what is between its members", () => {
    for (const [header, kept] of VALID) assertEquals(readTracestate(header), kept);
    assertEquals(readTracestate(null), "");
    const most = Array.from({ length: 32 }, (_, i) => `k${i}=v`).join(",");
    assertEquals(readTracestate(most), most);
  });

  for (const [why, header] of INVALID) {
    it(`keeps nothing of a field that is invalid: ${why}`, () => assertEquals(readTracestate(header), ""));
  }

  it("passes 512 characters on, and leaves out whole members beyond: large ones first, then the last ones", () => {
    const large = `large=${"v".repeat(200)}`;
    const small = Array.from({ length: 8 }, (_, i) => `k${i}=${"v".repeat(48)}`);
    const all = [small[0], large, ...small.slice(1), large.replace("large", "huge")];
    assertEquals(readTracestate(all.join(",")), small.join(","));
    const many = Array.from({ length: 20 }, (_, i) => `k${i}=${"v".repeat(60)}`);
    assertEquals(readTracestate(many.join(",")), many.slice(0, 8).join(","));
    const full = [`a=${"v".repeat(100)}`, `b=${"v".repeat(100)}`, `c=${"v".repeat(100)}`, `d=${"v".repeat(100)}`, ""];
    full[4] = `e=${"v".repeat(512 - full.join(",").length - 2)}`;
    assertEquals(readTracestate(full.join(",")), full.join(","));
    assertEquals(readTracestate(`${full.join(",")}x`), full.slice(0, 4).join(","));
  });
});

describe("ctx.tracestate", () => {
  async function seen(headers: Record<string, string>, look: (ctx: HttpContext) => unknown): Promise<unknown> {
    let found: unknown;
    await using w = await httpWorld((_req, ctx) => {
      found = look(ctx);
      return reply("ok");
    });
    await w.ask(request("/", { headers }));
    return found;
  }

  it("is the caller's, beside a traceparent that continues the caller's", async () => {
    const headers = { traceparent: TRACEPARENT, tracestate: "a=1, b=2" };
    assertEquals(await seen(headers, (ctx) => [ctx.traceparent.slice(3, 35), ctx.tracestate]), [TRACE, "a=1,b=2"]);
    const fields = "traceparent: " + TRACEPARENT + "\r\ntracestate: a=1\r\ntracestate: b=2";
    let found = "";
    await using w = await httpWorld((_req, ctx) => {
      found = ctx.tracestate;
      return reply("ok");
    });
    await w.ask(`GET / HTTP/1.1\r\nhost: test\r\n${fields}\r\n\r\n`);
    assertEquals(found, "a=1,b=2");
  });

  it("is empty without a valid traceparent, and where it is invalid itself", async () => {
    for (
      const headers of [
        { tracestate: "a=1" },
        { traceparent: "00-nonsense", tracestate: "a=1" },
        { traceparent: TRACEPARENT, tracestate: "A=1" },
        { traceparent: TRACEPARENT },
      ]
    ) assertEquals(await seen(headers as Record<string, string>, (ctx) => ctx.tracestate), "");
  });

  it("goes with the trace that an observer says, and with no other", async () => {
    const found: unknown[] = [];
    await using w = await httpWorld((_req, ctx) => {
      found.push(ctx.tracestate);
      return reply("ok");
    });
    const ask = () => w.ask(request("/", { headers: { traceparent: TRACEPARENT, tracestate: "a=1" } }));
    const end = w.server.observe({
      began(request) {
        assertEquals(request.tracestate, "a=1");
        request.traceparent = OTHER;
      },
    });
    await ask();
    end();
    w.server.observe({ began: (request) => void (request.tracestate = "b=2,a=1") });
    await ask();
    assertEquals(found, ["", "b=2,a=1"]);
  });
});

describe("traceHeaders()", () => {
  it("gives the fields for a call out, of derived contexts too, and none where there is no trace", async () => {
    const found: Record<string, string>[] = [];
    await using w = await httpWorld((_req, ctx) => {
      const [derived, cancel] = withCancel(withValue(ctx, "key", 1));
      for (const context of [ctx, derived, new AbortController().signal]) found.push(traceHeaders(context));
      assertEquals(found[0].traceparent, ctx.traceparent);
      cancel();
      return reply("ok");
    });
    await w.ask(request("/", { headers: { traceparent: TRACEPARENT, tracestate: "a=1" } }));
    const [own, derived, none] = found;
    assertMatch(own.traceparent, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    assertNotEquals(own.traceparent, TRACEPARENT);
    assertEquals([own.tracestate, derived, none], ["a=1", own, {}]);
    await w.ask(request("/"));
    assertEquals(Object.keys(found[3]), ["traceparent"]);
  });
});

describe("ctx.log", () => {
  it("writes by the server's logger, with the request's id and its trace", async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = jsonLogger({ level: "debug", write: (line) => lines.push(JSON.parse(line)) });
    await using w = await httpWorld((_req, ctx) => {
      ctx.log.debug("nothing more");
      ctx.log.info("with fields", { user: "ada", request: "mine" });
      ctx.log.warn("with an error", new Error("boom"), { more: 1 });
      ctx.log.error("with text", "behind");
      ctx.log.critical("the last", { error: new Error("worse") });
      ctx.waitUntil(Promise.reject(new Error("left behind")));
      throw new Error("failed");
    }, { logger });
    await w.ask(request("/", { headers: { traceparent: TRACEPARENT } }));
    const own = lines.filter((line) => line.trace_id !== undefined);
    assertEquals(own.map(({ level, msg }) => `${level} ${msg}`), [
      "debug nothing more",
      "info with fields",
      "warn with an error",
      "error with text",
      "critical the last",
      "error Request failed",
      "error Work left behind by a handler failed",
    ]);
    assertEquals(own.map(({ trace_id }) => trace_id), own.map(() => TRACE));
    assertEquals([new Set(own.map(({ span_id }) => span_id)).size, `${own[0].span_id}`.length], [1, 16]);
    assertEquals(own.map(({ request }) => request), ["1-1", "mine", "1-1", "1-1", "1-1", "1-1", "1-1"]);
    const [, fields, error, text, worst] = own;
    assertEquals([fields.user, error.more, text.args], ["ada", 1, ["behind"]]);
    assertEquals([error.error, worst.error].map((found) => (found as Error).message), ["boom", "worse"]);
  });

  it("is what says that a WebSocket's origin is not let in", async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = jsonLogger({ write: (line) => lines.push(JSON.parse(line)) });
    await using w = await httpWorld((req) => upgradeWebSocket(req, echo), { logger });
    const headers = {
      connection: "upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      origin: "http://elsewhere.example",
      traceparent: TRACEPARENT,
    };
    const peer = await w.ask(request("/", { headers }));
    assertEquals(peer.statuses, [403]);
    const refused = lines.find(({ msg }) => msg === "Refused a WebSocket for its origin");
    assertEquals([refused?.trace_id, refused?.request], [TRACE, "1-1"]);
  });

  it("has no nonsense of an observer in its trace", async () => {
    await using w = await httpWorld(() => reply("ok"));
    w.server.observe({
      began: (request) => {
        assertThrows(() => request.traceparent = "nonsense", OptionError);
        request.tracestate = "NONSENSE";
        assertEquals(request.tracestate, "");
      },
    });
    const peer = await w.ask(request("/"));
    assertEquals(peer.statuses, [200]);
  });
});

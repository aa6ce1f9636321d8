/** Spans of channels' messages, by the real SDK. */
import { describe, it } from "node:test";
import * as api from "@opentelemetry/api";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { AcceptOptions, ChannelMessage } from "../../src/channels/mod.ts";
import { ChannelError } from "../../src/channels/mod.ts";
import { Traces } from "../../src/traces/mod.ts";
import { channelsWorld } from "../support/channels_world.ts";
import { idOf, inSpan, parentOf, Spans } from "../support/spans.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE}-${CALLER}-01`;
const { ERROR, UNSET } = api.SpanStatusCode;

/** A world whose channels are traced as "chat". */
async function traced(accept: AcceptOptions = {}) {
  const w = await channelsWorld({}, accept);
  return { w, traces: new Traces({ api, channels: { chat: w.channels } }) };
}

describe("the span of a published message", () => {
  it("is the child of what publishes, goes along with the message, and is linked by all who process it", async () => {
    using spans = new Spans();
    const { w: world, traces } = await traced();
    await using w = world;
    const readers = [w.channels.subscribe("room:1"), w.channels.subscribe("room:1")];
    for (const reader of readers) await reader.opened;
    const published = inSpan("work", () => w.channels.publish("room:1", { x: 1 }, { headers: { mine: "1" } }));
    const { offset } = await published;
    const send = spans.named("publish chat");
    assertEquals([send.kind, parentOf(send)], [api.SpanKind.PRODUCER, idOf(spans.named("work"))]);
    assertEquals(send.attributes, {
      "messaging.system": "sluice",
      "messaging.operation.type": "send",
      "messaging.operation.name": "publish",
      "messaging.destination.name": "room:1",
      "messaging.message.body.size": 7,
      "sluice.channels": "chat",
      "sluice.channels.offset": offset,
      "sluice.channels.duplicate": false,
    });
    for (const reader of readers) {
      const { value } = await reader.next();
      const message = value as ChannelMessage;
      const { traceId, spanId } = send.spanContext();
      assertEquals(message.headers, { mine: "1", traceparent: `00-${traceId}-${spanId}-01` });
      assertEquals(await traces.process(message, () => inSpan("save", () => "saved")), "saved");
    }
    const processed = spans.all.filter(({ name }) => name === "process");
    const saved = spans.all.filter(({ name }) => name === "save");
    assertEquals(processed.length, 2);
    for (const [i, span] of processed.entries()) {
      assertEquals([span.kind, parentOf(span)], [api.SpanKind.CONSUMER, undefined]);
      assertEquals(span.links.map(({ context }) => context.spanId), [idOf(send)]);
      assertEquals(span.attributes["messaging.destination.name"], "room:1");
      assertEquals(parentOf(saved[i]), idOf(span));
    }
    traces.close();
  });

  it("is the child of the client's, when a client publishes, and of what its headers say", async () => {
    using spans = new Spans();
    const { w: world } = await traced({ authorize: () => true });
    await using w = world;
    const [writer, reader] = [await w.client(), await w.client({ subs: [["a"]] })];
    await reader.next("live");
    writer.say(["pub", 1, "a", "hello", { traceparent: TRACEPARENT, tracestate: "x=1" }]);
    await reader.next("m");
    const send = spans.named("publish chat");
    assertEquals([parentOf(send), send.spanContext().traceId], [CALLER, TRACE]);
    const [[, , , , headers]] = reader.of("m");
    assertEquals(headers, { traceparent: `00-${TRACE}-${idOf(send)}-01`, tracestate: "x=1" });
    await w.channels.publish("b", 1, { headers: { traceparent: TRACEPARENT } });
    assertEquals(parentOf(spans.all[1]), CALLER);
    await inSpan("nearer", () => {
      const { traceId, spanId } = api.trace.getActiveSpan()!.spanContext();
      return w.channels.publish("b", 1, { headers: { traceparent: `00-${traceId}-${"1".repeat(16)}-01` } })
        .then(() => spanId);
    });
    assertEquals(parentOf(spans.all[2]), idOf(spans.named("nearer")));
  });

  it("has direct messages too, without their receivers' names, and what failed", async () => {
    using spans = new Spans();
    const { w: world } = await traced();
    await using w = world;
    await w.channels.sendTo("ada", "hi");
    const direct = spans.named("sendTo chat");
    assertEquals(Object.values(direct.attributes).includes("ada"), false);
    const most = Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`h${i}`, ""]));
    await w.channels.publish("a", 1, { headers: most });
    assertEquals(spans.all.length, 2);
    assertEquals(w.instances[0].failures.map(({ what }) => what), ["An observer failed"]);
    w.instances[0].failures.length = 0;
    assertThrows(() => w.channels.publish("", 1));
    assertEquals(spans.all.length, 2);
    await w.channels.close();
    await assertRejects(() => w.channels.publish("a", 1), ChannelError);
    const failed = spans.all[2];
    assertEquals([failed.status.code, typeof failed.attributes["error.type"]], [ERROR, "string"]);
  });

  it("is none that goes along where nobody has set OpenTelemetry up", async () => {
    const { w: world, traces } = await traced();
    await using w = world;
    const reader = w.channels.subscribe("a");
    await reader.opened;
    await w.channels.publish("a", 1);
    const { value } = await reader.next();
    assertEquals([value.headers, traces.process(value, () => 7)], [{}, 7]);
  });
});

describe("the span of a client's message", () => {
  it("is the client's child and the current one in onMessage(), whose messages are its children", async () => {
    using spans = new Spans();
    const { w: world } = await traced({
      onMessage: async ({ data }, ctx) => {
        if (data === "bad") throw new Error("boom");
        if (data === "no") throw new ChannelError("forbidden", "not you");
        await ctx.publish("a", data);
      },
    });
    await using w = world;
    const client = await w.client();
    client.say(["msg", 1, null, "hello", { traceparent: TRACEPARENT }], ["msg", 2, null, "bad"], [
      "msg",
      3,
      null,
      "no",
    ]);
    await client.next("no", 2);
    const [handled, failed, refused] = spans.all.filter(({ name }) => name === "process chat");
    assertEquals([handled.kind, parentOf(handled), handled.status.code], [api.SpanKind.CONSUMER, CALLER, UNSET]);
    assertEquals(parentOf(spans.named("publish chat")), idOf(handled));
    assertEquals([parentOf(failed), failed.status.code, failed.events.length], [undefined, ERROR, 1]);
    assertEquals([refused.status.code, typeof refused.attributes["error.type"]], [UNSET, "string"]);
    w.instances[0].failures.length = 0;
  });

  it("of a call is a server's, and ends with the call", async () => {
    using spans = new Spans();
    const { w: world } = await traced({ onCall: ({ method }) => inSpan("look up", () => `${method} done`) });
    await using w = world;
    const client = await w.client();
    client.say(["call", 1, ["price", 0], {}, { traceparent: TRACEPARENT }]);
    await client.next("answer");
    const call = spans.named("call chat");
    assertEquals([call.kind, parentOf(call), call.attributes["rpc.method"]], [api.SpanKind.SERVER, CALLER, "price"]);
    assertEquals(parentOf(spans.named("look up")), idOf(call));
  });
});

describe("process()", () => {
  it("deals with several messages at once, is a child of what is under way, and tells what was thrown", async () => {
    using spans = new Spans();
    const traces = new Traces({ api });
    const message = (span: string) => ({ channel: span, headers: { traceparent: `00-${TRACE}-${span}-01` } });
    const [one, two] = ["1".repeat(16), "2".repeat(16)];
    await inSpan("batch", () => traces.process([message(one), message(two), { headers: {} }], () => {}));
    const span = spans.named("process");
    assertEquals(span.links.map(({ context }) => [context.spanId, context.isRemote]), [[one, true], [two, true]]);
    assertEquals([parentOf(span), span.attributes["messaging.batch.message_count"]], [idOf(spans.named("batch")), 3]);
    assertEquals(span.attributes["messaging.destination.name"], undefined);
    assertThrows(() =>
      traces.process(message(one), () => {
        throw new Error("at once");
      })
    );
    await assertRejects(() => traces.process(message(one), () => Promise.reject(new Error("later"))));
    const failed = spans.all.slice(2);
    assertEquals(failed.map(({ status }) => status.code), [ERROR, ERROR]);
    assertEquals(failed.map(({ events }) => events[0].attributes!["exception.message"]), ["at once", "later"]);
  });
});

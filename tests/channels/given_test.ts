import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { OptionError } from "../../mod.ts";
import type { ChannelData, ChannelHeaders, Recipient } from "../../src/channels/channels_api.ts";
import { ChannelError, Channels } from "../../src/channels/mod.ts";
import { channelsWorld } from "../support/channels_world.ts";

/** Everything of which JSON says something else, or nothing. */
const UNSAYABLE: readonly (readonly [string, ChannelData, got: string])[] = [
  ["a Map", new Map([[1, 2]]), "Map"],
  ["a Set", new Set([1]), "Set"],
  ["NaN", NaN, "NaN"],
  ["Infinity", -Infinity, "-Infinity"],
  ["an invalid date", new Date(NaN), "Date"],
  ["a promise", Promise.resolve(1), "a Promise: await it"],
  ["an Error", new Error("x"), "Error"],
  ["a RegExp", /x/, "RegExp"],
  ["nothing", undefined, "undefined"],
  ["a function", () => {}, "function"],
];

/** What is kept as it is. */
const SAYABLE: readonly (readonly [ChannelData, kept: unknown])[] = [
  [{}, {}],
  [Object.create(null), {}],
  [null, null],
  [0, 0],
  ["", ""],
  [[], []],
  [new Date(0), "1970-01-01T00:00:00.000Z"],
  [new Uint16Array([258]), Uint8Array.of(2, 1)],
  [new DataView(Uint8Array.of(7, 8, 9).buffer, 1), Uint8Array.of(8, 9)],
  [Uint8Array.of(1, 2).buffer, Uint8Array.of(1, 2)],
  [new Float64Array(1), new Uint8Array(8)],
];

describe("what is published", () => {
  for (const [name, data, got] of UNSAYABLE) {
    it(`${name} is refused by its name, as JSON would change it without a word`, async () => {
      await using w = await channelsWorld();
      for (const act of [() => w.channels.publish("a", data), () => w.channels.sendTo("ada", data)]) {
        const error = assertThrows(act, OptionError, "data must be what JSON can say, or bytes");
        assertStringIncludes(error.message, `got ${got}`);
      }
    });
  }

  for (const [data, kept] of SAYABLE) {
    it(`${Object.prototype.toString.call(data)} is kept as ${JSON.stringify(kept)}`, async () => {
      await using w = await channelsWorld();
      await w.channels.publish("a", data);
      const reader = w.channels.subscribe("a", { since: "oldest" });
      assertEquals((await reader.next()).value.data, kept);
      await reader.return();
    });
  }

  it("a call's answer that JSON would change fails, and is logged", async () => {
    for (const answer of [new Map(), NaN]) {
      await using w = await channelsWorld({}, { onCall: () => answer });
      const client = await w.client();
      client.say(["call", 1, ["x", 0], null]);
      assertEquals((await client.next("failed"))[2], "handler-failed");
      assertStringIncludes(String((w.instances[0].failures[0].error as Error).message), "what JSON can say");
    }
  });

  it("headers may be Headers; what has none as an object is refused", async () => {
    await using w = await channelsWorld();
    await w.channels.publish("a", 1, { headers: new Headers({ traceparent: "00" }) });
    const reader = w.channels.subscribe("a", { since: "oldest" });
    assertEquals((await reader.next()).value.headers, { traceparent: "00" });
    await reader.return();
    for (const headers of [new Map([["a", "b"]]), [["a", "b"]], "x", null]) {
      const given = headers as unknown as ChannelHeaders;
      assertThrows(
        () => w.channels.publish("a", 1, { headers: given }),
        OptionError,
        "headers must be an object of texts",
      );
    }
  });
});

describe("what is asked of channels", () => {
  const WRONG: readonly (readonly [string, (channels: Channels) => unknown, words: string])[] = [
    ["an empty id", (c) => c.publish("a", 1, { id: "" }), "got one of 0"],
    ["a long id", (c) => c.publish("a", 1, { id: "x".repeat(256) }), "got one of 256"],
    ["an empty recipient", (c) => c.sendTo("", 1), "got an empty text"],
    ["an empty user", (c) => c.sendTo({ user: "" }, 1), "got an empty text"],
    ["a user and a session", (c) => c.sendTo({ user: "a", session: "b" } as Recipient, 1), "got both"],
    ["a user and a session to revoke", (c) => c.revoke({ user: "a", session: "b" } as { user: string }), "got both"],
    [
      "ack that is no yes or no",
      (c) => c.sendTo("a", 1, { ack: "yes" as never }),
      'ack must be true or false, got "yes"',
    ],
    ["an offset without its epoch", (c) => c.subscribe("a", { since: { offset: 1 } as never }), "{ epoch, offset }"],
    ["a name that is too long", (c) => c.publish("x".repeat(256), 1), "… (256 characters)"],
    ["a name that is none", (c) => c.publish({} as string, 1), "got Object"],
  ];

  for (const [name, act, words] of WRONG) {
    it(`${name} is refused in words that say what is wrong`, async () => {
      await using w = await channelsWorld();
      const error = assertThrows(() => act(w.channels), OptionError);
      assertStringIncludes(error.message, words);
    });
  }

  const OPTIONS: readonly (readonly [unknown, words: string])[] = [
    [[], "options must be an object, such as { log }, got a list"],
    [{ logger: {} }, "logger must be an object with the function debug()"],
    [{ instance: "a\nb" }, "instance must have 1 to 200 characters, none of them a control character"],
    [{ instance: "x".repeat(201) }, "instance must have 1 to 200 characters"],
    [{ dedupe: 1n }, "got 1n, a bigint: pass Number(1n)"],
  ];

  for (const [options, words] of OPTIONS) {
    it(`new Channels() says ${words}`, () => {
      const error = assertThrows(() => new Channels(options as never), OptionError);
      assertStringIncludes(error.message, words);
    });
  }

  it("a history() that gives nothing is named, with its channel", async () => {
    await using w = await channelsWorld({ history: () => undefined as never });
    await assertRejects(() => w.channels.publish("a", 1), OptionError, 'history("a") must be an object');
  });

  it("behind close() everything says so, as an error of channels", async () => {
    const w = await channelsWorld();
    const { channels } = w;
    await w[Symbol.asyncDispose]();
    for (
      const act of [
        () => channels.publish("a", 1),
        () => channels.sendTo("ada", 1),
        () => channels.members("a"),
        () => channels.subscribe("a").opened,
        () => channels.subscribe("a").next(),
        () => channels.instances(),
      ]
    ) {
      const error = await assertRejects(act, ChannelError, "close() was called");
      assertEquals([error.reason, error.code], ["unavailable", "ERR_CHANNEL_UNAVAILABLE"]);
    }
  });

  it("accept() of a request that has no connection names itself", async () => {
    await using w = await channelsWorld();
    const error = assertThrows(() => w.channels.accept(new Request("http://localhost/")), TypeError);
    assertStringIncludes(error.message, "accept() needs the request that the handler of serveHttp() was given");
    assertInstanceOf(error, TypeError);
    assert(!error.message.includes("upgradeWebSocket()"));
  });
});

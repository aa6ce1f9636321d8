/** What a server would not take costs itself: neither the client, nor what is behind it, nor the client's next life. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../../src/errors.ts";
import {
  ChannelClient,
  type ChannelClientOptions,
  ChannelError,
  type ClientEnd,
  memoryOutbox,
  type Outbox,
} from "../../../src/channels/client/mod.ts";
import { Channels } from "../../../src/channels/mod.ts";
import { fileOutbox } from "../../../src/channels/outbox/file/mod.ts";
import { encodeFrame, type Frame } from "../../../src/channels/wire/frames.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import type { Server } from "../../../src/server/server_api.ts";
import { webSocketTransport } from "../../../src/websocket/mod.ts";
import { collect, fateOf, meet } from "../../fixtures/channel_world.ts";
import { leakCheck } from "../../support/leaks.ts";
import { within } from "../../support/processes.ts";

const LIMIT = 20_000;

/** An outbox that has kept these. */
function keptOutbox(kept: readonly (readonly [number, string | Uint8Array])[], removed: number[] = []): Outbox {
  return {
    ...memoryOutbox(),
    load: () => Promise.resolve(kept),
    remove: (n) => Promise.resolve(void removed.push(n)),
  };
}

describe("what the server would refuse for its shape is refused at once, and named", () => {
  const { client, server } = meet();
  const wrong: readonly (readonly [what: string, act: () => unknown, words: string])[] = [
    ["headers of 4,097 characters", () => client.publish("a", 1, { headers: { a: "x".repeat(4096) } }), "got a,xxx"],
    [
      "33 headers",
      () =>
        client.publish("a", 1, { headers: Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`h${n}`, ""])) }),
      "at most 32 names",
    ],
    ["a header that is a number", () => client.send(1, { headers: { n: 5 } as never }), "got n,5"],
    ["a Map for headers", () => client.publish("a", 1, { headers: new Map([["a", "b"]]) as never }), "headers must be"],
    ["the web's Headers", () => client.call("x", 1, { headers: new Headers({ a: "b" }) as never }), "headers must be"],
    ["a channel of 256 characters", () => client.publish("x".repeat(256), 1), "channel must be"],
    ["a channel of the library's own", () => client.publish("$x", 1), "got $x"],
    ["a pattern to publish to", () => client.publish("a*", 1), "got a*"],
    ["a control character", () => client.subscribe("a\nb"), "name must be"],
    ["half a character", () => client.subscribe("a\ud800"), "name must be"],
    ["everything", () => client.subscribe("*"), "got *"],
    ["a member that says too much", () => client.subscribe("a", { member: "x".repeat(65_535) }), "got 65537"],
    ["data that is too large", () => client.publish("a", "x".repeat(65_535)), "got 65537"],
    ["a method that is none", () => client.call(5 as never), "method must be"],
    ["an outbox that is none", () => meet({ outbox: {} as never }), "outbox must be"],
    ["a page that is none", () => meet({ page: 5 as never }), "page must be"],
    ["a transport that is none", () => meet({ transport: "ws" as never }), "transport must be"],
    ["delays upside down", () => meet({ minDelay: 100, maxDelay: 50 }), "got 50"],
    [
      "a position that was not parsed",
      () => meet({ position: JSON.stringify({ a: { a: "1.g" } }) as never }),
      'got {"a"',
    ],
    ["a position that is a text", () => meet({ position: "x" as never }), "got x"],
    ["a position of a number", () => meet({ position: { p: 5 } as never }), "position must be"],
  ];
  for (const [what, act, words] of wrong) {
    it(what, () => {
      const error = assertThrows(act, OptionError);
      assert(error.message.includes(words), error.message);
      assert(error.message.length < 300, error.message);
    });
  }

  it("and leaves nothing in the outbox", async () => {
    assertEquals(client.unacknowledged, 0);
    await server.settle();
    assertEquals(server.last.heard.map(([word]) => word), ["hello"]);
  });
});

describe("what this server does not take, and another would", () => {
  const told = (most: number, options: ChannelClientOptions = {}) => {
    const world = meet(options);
    world.server.intercept = (link, [word]) => {
      if (word !== "hello") return false;
      link.say("welcome", link.session = "s1", false, "ada", "i1", most);
      return true;
    };
    return world;
  };

  it("is dropped from the outbox with `too-large`, and what is behind it goes on", async () => {
    const { server, client, errors } = told(1000);
    const fates = [client.publish("a", 1), client.publish("a", "x".repeat(40_000)), client.publish("a", 3)].map(fateOf);
    const asked = fateOf(client.call("x", "x".repeat(40_000)));
    const member = collect(client.subscribe("a", { member: "x".repeat(40_000) }), () => {});
    await server.settle();
    const refused = "ERR_CHANNEL_TOO_LARGE";
    assertEquals([fates[1].now, asked.now, member.end], [refused, refused, refused]);
    assertEquals(server.log("a").entries.map(({ data }) => data), [1, 3]);
    assertEquals([client.state, client.unacknowledged, errors], ["live", 0, []]);
  });

  it("is thrown once the server has said what it takes", async () => {
    const { server, client } = told(1000);
    await server.settle();
    assertThrows(() => client.publish("a", "x".repeat(999)), OptionError, "at most 1000 bytes");
    void client.publish("a", "x".repeat(998));
    await server.settle();
    assertEquals(client.unacknowledged, 0);
  });

  it("is told by an error where another life left it, and so is what nobody can read", async () => {
    const removed: number[] = [];
    const frame = (data: unknown): string => encodeFrame(["pub", 0, "a", data]) as string;
    const outbox = keptOutbox([[1, "no frame"], [2, frame("x".repeat(40_000))], [3, frame("good")]], removed);
    const { server, client, errors } = told(1000, { outbox });
    await server.settle();
    assertEquals(errors.map((error) => (error as ChannelError).reason), ["too-large"]);
    assertEquals([client.state, removed, server.log("a").entries.length], ["live", [1, 2, 3], 1]);
  });

  it("has a frame for itself where it is large: many wishes are no frame too large", async () => {
    const { server, client } = meet();
    for (let n = 0; n < 20; n++) client.subscribe(`room:${n}`, { member: "x".repeat(5000) });
    client.subscribe("large", { member: "x".repeat(20_000) });
    await server.settle();
    const sizes = server.last.heard.map((frame: Frame) => JSON.stringify(frame).length);
    assert(sizes.every((size) => size < 21_000), `${sizes}`);
    assertEquals([server.last.subscribed.size, client.state], [21, "live"]);
  });
});

describe("the end of a connection", () => {
  it("is told with its reason, for an attempt as well, and of a token that can't be had", async () => {
    let tokens = 0;
    const { server, client } = meet({
      token: () => {
        if (tokens++ === 0) throw new Error("No token here");
        return tokens === 2 ? 5 as never : "t";
      },
    });
    const ends: ClientEnd[] = [];
    client.on("end", (end) => ends.push(end));
    await server.pass(3000);
    server.last.end(1011, "gone");
    server.isUp = false;
    await server.pass(1000);
    assertEquals(ends.map(({ opened, willReconnect }) => [opened, willReconnect]).slice(0, 4), [
      [true, true],
      [true, true],
      [true, true],
      [false, true],
    ]);
    assertEquals((ends[0].error?.cause as Error).message, "No token here");
    assertInstanceOf(ends[1].error?.cause, OptionError);
    assertEquals([ends[2].code, ends[2].reason], [1011, "gone"]);
  });

  it("for good is no other state before `closed`", async () => {
    const left = meet();
    await left.server.settle();
    void left.client.close();
    await left.server.settle();
    assertEquals(left.states, ["live", "closed"]);
    const ended = meet();
    await ended.server.settle();
    ended.server.last.end(4403, "revoked");
    await ended.server.settle();
    assertEquals(ended.states, ["live", "closed"]);
    const large = meet();
    await large.server.settle();
    large.server.last.end(1009);
    await large.server.settle();
    assertEquals([large.states, (large.errors[0] as ChannelError).reason], [["live", "closed"], "too-large"]);
  });
});

describe("a file outbox with what the server refuses", () => {
  const leaks = leakCheck();
  const folder = mkdtempSync(join(tmpdir(), "sluice-refusals-"));
  const channels = new Channels({ limits: { maxMessageBytes: 2000 } });
  let server: Server;

  before(async () => {
    leaks.before();
    server = await serveHttp(
      { port: 0, hostname: "127.0.0.1" },
      (request) => channels.accept(request, { authorize: () => true, onCall: ({ data }) => data }),
    );
  });
  after(async () => {
    await server.shutdown();
    await channels.close();
    rmSync(folder, { recursive: true });
    await leaks.after();
  });

  const live = (outbox: Outbox): ChannelClient => {
    const { port } = server.address as { port: number };
    return new ChannelClient(`ws://127.0.0.1:${port}/`, { outbox, transport: webSocketTransport() });
  };

  it("goes on behind it, in this life and in the next", async () => {
    const path = join(folder, "large");
    const client = live(fileOutbox(path));
    // Before the server has said what it takes.
    const large = client.publish("a", "x".repeat(60_000));
    const middling = client.publish("a", "x".repeat(5000));
    const good = client.publish("a", 1);
    assertEquals(
      (await within(assertRejects(() => large, ChannelError), LIMIT, () => "no answer")).reason,
      "too-large",
    );
    assertEquals(
      (await within(assertRejects(() => middling, ChannelError), LIMIT, () => "no answer")).reason,
      "too-large",
    );
    assertEquals((await within(good, LIMIT, () => "no answer")).offset, 1);
    await client.close();
    const next = live(fileOutbox(path));
    assertEquals((await within(next.publish("a", 2), LIMIT, () => "no answer")).offset, 2);
    assertEquals(next.unacknowledged, 0);
    await next.close();
  });

  it("goes on behind headers that a client of before has let in", async () => {
    const path = join(folder, "headers");
    const before = fileOutbox(path);
    await before.load();
    await before.save(1, encodeFrame(["pub", 0, "b", 1, { a: "x".repeat(4097) }]));
    await before.save(2, encodeFrame(["pub", 0, "b", 2]));
    await before.close();
    const client = live(fileOutbox(path));
    const errors: Error[] = [];
    client.on("error", (error) => errors.push(error));
    assertEquals((await within(client.publish("b", 3), LIMIT, () => "no answer")).offset, 2);
    assertEquals(errors.map((error) => (error as ChannelError).reason), ["bad-frame"]);
    assertEquals([client.state, client.unacknowledged], ["live", 0]);
    await client.close();
  });

  it("takes what is inside of every limit, however its headers are written", async () => {
    const client = live(memoryOutbox());
    const headers = { a: "\u0001".repeat(4095) };
    assertEquals(
      (await within(client.publish("é".repeat(255), new Uint8Array(2000), { headers }), LIMIT, () => "no answer"))
        .offset,
      1,
    );
    assertEquals(await within(client.call("x", 1, { timeout: 1e12 }), LIMIT, () => "no answer"), 1);
    await client.close();
  });
});

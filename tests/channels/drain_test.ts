import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { AcceptOptions } from "../../src/channels/channels_api.ts";
import { memoryLog } from "../../src/channels/mod.ts";
import { ChannelsWorld, channelsWorld, type Talker } from "../support/channels_world.ts";
import { SharedLog } from "../support/shared_log.ts";

/** Both kinds of connections. */
const WAYS = ["a WebSocket", "TCP"] as const;

function dial(w: ChannelsWorld, way: typeof WAYS[number]): Promise<Talker> {
  return way === "TCP" ? w.dialTcp() : w.dial();
}

async function shutdown(w: ChannelsWorld): Promise<boolean[]> {
  const { http, tcp } = w.instances[0];
  const reports = await w.finish(Promise.all([http.shutdown(), tcp.shutdown()]));
  return reports.map(({ clean }) => clean);
}

for (const way of WAYS) {
  describe(`a drain, on ${way}`, () => {
    it("says goodbye with the places up to which all was sent, then closes, and nothing comes behind", async () => {
      await using w = await channelsWorld();
      const client = await dial(w, way);
      await client.hello({ subs: [["a"], ["b", null, { since: "oldest" }], ["r:*"]] });
      await client.next("live", 2);
      for (let i = 1; i <= 3; i++) await w.channels.publish("a", i);
      await w.channels.publish("r:1", 1);
      await client.next("m", 4);
      const clean = await shutdown(w);
      await w.channels.publish("a", "late");
      await w.quiet();
      assertEquals(clean, [true, true]);
      assertEquals(client.heard.at(-1), ["bye", { a: 3, b: 0, "r:1": 1 }]);
      assertEquals([await client.ended(), client.messages("a")], [way === "TCP" ? 1006 : 1001, [1, 2, 3]]);
    });

    it("waits for handlers: what they answer comes before the goodbye", async () => {
      let finish = (): void => {};
      const slow = new Promise<void>((resolve) => finish = resolve);
      const accept: AcceptOptions = {
        authorize: () => true,
        onMessage: () => slow,
        onCall: async () => {
          await slow;
          return "answer";
        },
      };
      await using w = await channelsWorld({}, accept);
      const client = await dial(w, way);
      await client.hello({ subs: [["a"]] });
      client.say(["msg", 1, null, 1], ["pub", 2, "a", "behind it"], ["call", 1, ["x", 0], 1]);
      await w.quiet();
      const down = shutdown(w);
      await w.quiet();
      w.clock.setTimer(finish, 2000);
      assertEquals(await down, [true, true]);
      const words = client.heard.map(([word]) => word).filter((word) =>
        ["ok", "answer", "m", "bye"].includes(word as string)
      );
      assertEquals(words.at(-1), "bye");
      assertEquals(words.slice(0, -1).sort(), ["answer", "m", "ok", "ok"]);
      assertEquals(client.heard.at(-1), ["bye", { a: 1 }]);
    });

    it("what its client says behind the goodbye is not handled: it is said again elsewhere", async () => {
      const seen: unknown[] = [];
      await using w = new ChannelsWorld();
      const log = new SharedLog(w.clock);
      const accept: AcceptOptions = { onMessage: ({ data }) => void seen.push(data) };
      await w.start({ log: log.open() }, accept);
      const next = await w.start({ log: log.open() }, accept);
      const client = await dial(w, way);
      await client.hello();
      let isSaid = false;
      const down = shutdown(w);
      const watch = (): void => {
        if (client.of("bye").length > 0 && !isSaid) {
          isSaid = true;
          client.say(["msg", 1, null, "late"]);
        } else if (!isSaid) w.clock.setTimer(watch, 1);
      };
      watch();
      await down;
      assertEquals([isSaid, seen], [true, []]);
      const again = await w.client({ ticket: client.ticket }, next);
      again.say(["msg", 1, null, "late"]);
      await again.next("ok");
      assertEquals(seen, ["late"]);
    });
  });
}

describe("a drain", () => {
  it("tells the others that this instance is about to leave, and a client goes on where it was", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const options = { lease: 900 };
    const [one, two] = [
      await w.start({ log: log.open(), instance: "i1", ...options }),
      await w.start({ log: log.open(), instance: "i2", ...options }),
    ];
    const heard: string[] = [];
    two.channels.onInstance(({ instance, state }) => heard.push(`${instance} ${state}`));
    const client = await w.client({ subs: [["a"]] }, one);
    await two.channels.publish("a", 1);
    await client.next("m");
    await w.finish(one.http.shutdown());
    await two.channels.publish("a", 2);
    const again = await w.client({ ticket: client.ticket, subs: [["a", { a: client.position("a") }]] }, two);
    await again.next("live");
    assertEquals([again.messages("a"), again.of("gap")], [[2], []]);
    await w.finish(one.tcp.shutdown());
    await w.finish(one.channels.close());
    await w.quiet();
    assert(heard.includes("i1 draining") && heard.at(-1) === "i1 down", `${heard}`);
  });

  it("leaves a place out that its client does not know", async () => {
    const release: (() => void)[] = [];
    await using w = await channelsWorld({}, {
      authorize: ({ channel }) =>
        channel === "a" || new Promise<boolean>((resolve) => release.push(() => resolve(true))),
    });
    const client = await w.dial();
    client.say(["hello", 1, null, null, [["a"], ["b"]]]);
    await client.next("live");
    await shutdown(w);
    assertEquals(client.of("bye"), [["bye", { a: 0 }]]);
    for (const one of release) one();
    await w.quiet();
  });

  it("leaves a place out that is still being found, or that its client has not been told", async () => {
    const log = memoryLog();
    const read = log.read.bind(log);
    let isHeld = false;
    let free = (): void => {};
    const held = new Promise<void>((resolve) => free = resolve);
    log.read = async (...args) => {
      if (isHeld) await held;
      return await read(...args);
    };
    await using w = await channelsWorld({ log });
    for (let i = 1; i <= 3; i++) await w.channels.publish("a", i);
    const client = await w.client({ subs: [["b"]] });
    await client.next("live");
    isHeld = true;
    client.say(["sub", [["a", null, { since: "oldest" }]]]);
    await w.quiet();
    await shutdown(w);
    assertEquals([client.of("bye"), client.of("subbed").length], [[["bye", { b: 0 }]], 1]);
    free();
    await w.quiet();
  });

  it("a client that has said nothing yet is closed as well", async () => {
    await using w = await channelsWorld({}, { authenticate: () => new Promise(() => {}) });
    const [silent, asking] = [await w.dial(), await w.dial()];
    asking.say(["hello", 1, null, null, []]);
    await w.quiet();
    await shutdown(w);
    assertEquals([await silent.ended(), await asking.ended()], [1001, 1001]);
    assertEquals(silent.heard, []);
  });

  it("a slow client gets all that was sent before, and a place that is true", async () => {
    await using w = await channelsWorld();
    const client = await w.client({ subs: [["a"]] });
    await client.next("live");
    client.socket.stall(true);
    for (let i = 1; i <= 60; i++) await w.channels.publish("a", `${i} ${"x".repeat(16_000)}`);
    w.clock.setTimer(() => client.socket.stall(false), 500);
    await shutdown(w);
    await client.ended();
    const [bye] = client.of("bye");
    assertEquals((bye[1] as Record<string, number>).a, client.offsets("a").at(-1)!);
  });

  it("the channels that are closed take nobody, and publish nothing", async () => {
    await using w = await channelsWorld();
    await w.finish(w.channels.close());
    const client = await w.dial();
    client.say(["hello", 1, null, null, []]);
    assertEquals([await client.ended(), client.of("error")[0][1]], [1013, "unavailable"]);
    const failed = await w.channels.publish("a", 1).then(() => "", (error) => error.reason);
    assertEquals(failed, "unavailable");
  });
});

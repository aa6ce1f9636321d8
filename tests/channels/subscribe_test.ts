import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import type { ChannelsOptions } from "../../src/channels/channels_api.ts";
import { type ChannelLog, memoryLog, type ReadLimit } from "../../src/channels/mod.ts";
import { ChannelsWorld, channelsWorld, type WsTalker } from "../support/channels_world.ts";
import { SharedLog } from "../support/shared_log.ts";
import { Feed, type FeedWorld } from "../../src/channels/server/feed.ts";
import { Semaphore } from "../../mod.ts";
import { ChannelCounts } from "../../src/channels/server/counts.ts";
import { Pace } from "../../src/channels/server/pace.ts";
import type { Peer } from "../../src/channels/server/peer.ts";
import { Subscription } from "../../src/channels/server/subscription.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

async function publishAll(w: ChannelsWorld, channel: string, from: number, to: number): Promise<void> {
  for (let i = from; i <= to; i++) await w.channels.publish(channel, i);
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

/** The frames of a channel's subscription in short. */
function told(client: WsTalker, channel: string): string[] {
  return client.heard.flatMap(([word, a, b, c, d, e]) => {
    if (word === "subbed" && b === channel) return [`subbed ${a} ${d}${e === null ? "" : ` ${e}`}`];
    if (word === "gap" && a === channel) return [`gap ${c} ${d}`];
    if (word === "m" && a === channel) return [`m ${b}`];
    if (word === "live" && a === channel) return ["live"];
    if (word === "refused") return [`refused ${a} ${b}`];
    return [];
  });
}

/** A log whose `read` waits until it is let go. */
function gated(log: ChannelLog): { log: ChannelLog; hold: () => void; free: () => void; waiting: () => number } {
  let waiters: (() => void)[] | null = null;
  const read: ChannelLog["read"] = async (...args) => {
    if (waiters !== null) await new Promise<void>((resolve) => waiters!.push(resolve));
    return await log.read(...args);
  };
  return {
    log: new Proxy(log, {
      get(target, name) {
        if (name === "read") return read;
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
    hold: () => void (waiters = []),
    free: () => {
      const all = waiters ?? [];
      waiters = null;
      for (const resolve of all) resolve();
    },
    waiting: () => waiters?.length ?? 0,
  };
}

describe("a subscription", () => {
  it("begins with the next message, and has each once, in order", async () => {
    await using w = await channelsWorld();
    await publishAll(w, "a", 1, 3);
    const client = await w.client({ subs: [["a"]] });
    await client.next("live");
    await publishAll(w, "a", 4, 6);
    await client.next("m", 3);
    assertEquals(told(client, "a"), ["subbed a 3", "live", "m 4", "m 5", "m 6"]);
    assertEquals(client.messages("a"), [4, 5, 6]);
  });

  it("begins with the oldest that is kept", async () => {
    await using w = await channelsWorld({ history: { size: 2 } });
    await publishAll(w, "a", 1, 5);
    const client = await w.client({ subs: [["a", null, { since: "oldest" }]] });
    await client.next("live");
    assertEquals(told(client, "a"), ["subbed a 3", "m 4", "m 5", "live"]);
  });

  it("goes on behind a position, then live, each message once", async () => {
    await using w = await channelsWorld();
    const client = await w.client({ subs: [["a"]] });
    await publishAll(w, "a", 1, 3);
    await client.next("m", 3);
    const position = client.position("a");
    client.cut();
    await publishAll(w, "a", 4, 300);
    const again = await w.client({ ticket: client.ticket, subs: [["a", { a: position }]] });
    await again.next("live");
    await publishAll(w, "a", 301, 310);
    await again.next("m", 307);
    assertEquals(again.offsets("a"), numbers(4, 310));
    assertEquals(again.of("gap"), []);
  });

  it("joins replay and what is published meanwhile without a hole, wherever the publishing falls", async () => {
    for (let at = 0; at < 12; at++) {
      await using w = await channelsWorld();
      await publishAll(w, "a", 1, 20);
      const client = await w.dial();
      client.say(["hello", 1, null, null, [["a", null, { since: "oldest" }]]]);
      for (let turns = 0; turns < at; turns++) await w.clock.settle();
      for (let i = 21; i <= 40; i++) {
        void w.channels.publish("a", i);
        for (let ticks = 0; ticks < i % 4; ticks++) await Promise.resolve();
      }
      await client.next("m", 40);
      await w.quiet();
      assertEquals(client.offsets("a"), numbers(1, 40));
    }
  });

  it("hears what is published while the channel is being opened", async () => {
    for (let ticks = 0; ticks < 40; ticks++) {
      const log = memoryLog();
      let opened = () => {};
      const opening = new Promise<void>((resolve) => opened = resolve);
      const tops = log.tops.bind(log);
      log.tops = (streams) => {
        if (streams[0] === "a") opened();
        return tops(streams);
      };
      await using w = await channelsWorld({ log });
      const client = await w.dial();
      client.say(["hello", 1, null, null, [["a"]]]);
      await opening;
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      await w.channels.publish("a", 1);
      await client.next("live");
      await w.quiet();
      const [, , , , offset] = client.of("subbed")[0];
      assertEquals((offset as number) + client.of("m").length, 1, `published ${ticks} microtasks later`);
    }
  });

  it("a message that comes while a page is read is sent once, behind it", async () => {
    const gate = gated(memoryLog());
    await using w = await channelsWorld({ log: gate.log });
    await publishAll(w, "a", 1, 5);
    const client = await w.dial();
    client.say(["hello", 1, null, null, [["a", null, { since: "oldest" }]]]);
    await client.next("welcome");
    gate.hold();
    await w.until(() => gate.waiting() > 0 || client.of("live").length > 0);
    await publishAll(w, "a", 6, 8);
    gate.free();
    await client.next("m", 8);
    await w.quiet();
    assertEquals(client.offsets("a"), numbers(1, 8));
  });

  it("has several names for one channel: each is told where it is, messages come once", async () => {
    await using w = await channelsWorld();
    await publishAll(w, "room:1", 1, 2);
    const client = await w.client({ subs: [["room:1"], ["room:*"], ["room:1"]] });
    await w.quiet();
    await publishAll(w, "room:1", 3, 3);
    await client.next("m");
    client.say(["sub", [["r*"]]]);
    await client.next("subbed", 3);
    await publishAll(w, "room:1", 4, 4);
    await client.next("m", 2);
    const subbed = client.of("subbed").map(([, name, channel, , offset]) => `${name} ${channel} ${offset}`);
    assertEquals(subbed.sort(), ["r* room:1 3", "room:* room:1 2", "room:1 room:1 2"]);
    assertEquals(client.messages("room:1"), [3, 4]);
    client.say(["unsub", ["room:1", "room:*"]]);
    await client.next("unsubbed");
    await publishAll(w, "room:1", 5, 5);
    await client.next("m", 3);
    client.say(["unsub", ["r*"]]);
    await client.next("unsubbed", 2);
    await publishAll(w, "room:1", 6, 6);
    await w.quiet();
    assertEquals(client.messages("room:1"), [3, 4, 5]);
  });

  it("each of its names is live when it has all", async () => {
    await using w = await channelsWorld();
    await publishAll(w, "a", 1, 1);
    const client = await w.client({ subs: [["a"]] });
    await client.next("live");
    client.say(["sub", [["a*"]]]);
    await client.next("live", 2);
    await publishAll(w, "a", 2, 2);
    await client.next("m");
    assertEquals(told(client, "a"), ["subbed a 1", "live", "subbed a* 1", "live", "m 2"]);
  });

  it("of a name that is unsubscribed nothing comes behind the answer", async () => {
    await using w = await channelsWorld();
    const client = await w.client({ subs: [["a"], ["b"]] });
    await client.next("live", 2);
    client.say(["unsub", ["a", "never there"]]);
    assertEquals(await client.next("unsubbed"), ["unsubbed", ["a", "never there"]]);
    await publishAll(w, "a", 1, 2);
    await publishAll(w, "b", 1, 1);
    await client.next("m");
    assertEquals([client.messages("a"), client.messages("b")], [[], [1]]);
    client.say(["sub", [["a"]]]);
    await client.next("subbed", 3);
    assertEquals(client.of("subbed")[2][4], 2);
  });

  it("is refused by name where it can't be, and the others are there", async () => {
    await using w = await channelsWorld({ limits: { maxSubscriptions: 3 } });
    const subs = [["$own"], [""], ["a\nb"], ["*"], ["x".repeat(256)], ["a"], ["b"], ["c"], ["d"]];
    const client = await w.client({ subs });
    await w.quiet();
    const refused = client.of("refused").map(([, name, code]) => `${(name as string).slice(0, 4)} ${code}`);
    assertEquals(refused.sort(), [
      " bad-channel",
      "$own bad-channel",
      "* bad-channel",
      "a\nb bad-channel",
      "d too-many",
      "xxxx bad-channel",
    ]);
    assertEquals(client.of("subbed").map(([, name]) => name).sort(), ["a", "b", "c"]);
    assertEquals(client.closed, null);
  });
});

describe("positions", () => {
  for (
    const [name, position] of [
      ["no text", 7],
      ["nothing", ""],
      ["no signature", "1.abc"],
      ["made up", "1.abc.0123456789012345678901"],
      ["an offset that is no number", "x.abc.0123456789012345678901"],
      ["an offset with a zero first", "01.abc.0123456789012345678901"],
      ["an offset beyond what is exact", "9999999999999999.abc.0123456789012345678901"],
    ] as const
  ) {
    it(`is refused: ${name}`, async () => {
      await using w = await channelsWorld();
      const client = await w.client({ subs: [["a", { a: position }], ["b"]] });
      await client.next("subbed");
      await w.quiet();
      assertEquals(told(client, "a"), ["refused a bad-position"]);
      assertEquals(client.closed, null);
    });
  }

  it("is refused where it is another channel's, or has its signature changed", async () => {
    await using w = await channelsWorld();
    const client = await w.client({ subs: [["a"], ["b"]] });
    await client.next("live", 2);
    const position = client.position("b");
    const changed = position.slice(0, -1) + (position.endsWith("A") ? "B" : "A");
    const epoch = position.replace(/\.[^.]+\./, ".another.");
    for (const wrong of [position, changed.replace("b", "b"), epoch]) {
      const thief = await w.client({ subs: [["a", { a: wrong }]] });
      await thief.next("refused");
      assertEquals(told(thief, "a"), ["refused a bad-position"]);
    }
  });

  it("beyond the end, what is there comes again behind a gap", async () => {
    await using w = await channelsWorld();
    const client = await w.client({ subs: [["a"]] });
    await publishAll(w, "a", 1, 3);
    await client.next("m", 3);
    const position = client.position("a").replace(/^3/, "99");
    const again = await w.client({ subs: [["a", { a: position }]] });
    await again.next("live");
    assertEquals(told(again, "a"), ["subbed a 0 epoch", "m 1", "m 2", "m 3", "live"]);
  });

  it("of another life of the log: a gap, and what is kept of this one", async () => {
    await using w = await channelsWorld();
    const client = await w.client({ subs: [["a"]] });
    await publishAll(w, "a", 1, 5);
    await client.next("m", 5);
    const other = await w.start();
    for (let i = 1; i <= 3; i++) await other.channels.publish("a", i);
    const again = await w.client({ subs: [["a", { a: client.position("a") }]] }, other);
    await again.next("live");
    assertEquals(told(again, "a"), ["subbed a 0 epoch", "m 1", "m 2", "m 3", "live"]);
  });

  for (
    const [reason, history] of [["trimmed", { size: 3 }], ["expired", { age: 1000 }]] as const satisfies readonly [
      string,
      ChannelsOptions["history"],
    ][]
  ) {
    it(`whose messages are gone: a gap that says ${reason}`, async () => {
      await using w = await channelsWorld({ history });
      const client = await w.client({ subs: [["a"]] });
      await client.next("live");
      const position = client.position("a");
      client.cut();
      await w.pass(5);
      await publishAll(w, "a", 1, 7);
      await w.pass(1001);
      await publishAll(w, "a", 8, 10);
      const again = await w.client({ subs: [["a", { a: position }]] });
      await again.next("live");
      assertEquals(told(again, "a"), ["subbed a 0", `gap 7 ${reason}`, "m 8", "m 9", "m 10", "live"]);
    });
  }

  it("further behind than is sent again: a gap that says so", async () => {
    await using w = await channelsWorld({ limits: { maxReplay: 2 } });
    const client = await w.client({ subs: [["a"]] });
    await client.next("live");
    await publishAll(w, "a", 1, 5);
    const again = await w.client({ subs: [["a", { a: client.position("a").replace(/^\d+/, "0") }]] });
    await again.next("live");
    assertEquals(told(again, "a"), ["subbed a 3 limit", "m 4", "m 5", "live"]);
  });
});

describe("a pattern", () => {
  it("gets what its channels have, those included that come later", async () => {
    await using w = await channelsWorld();
    await publishAll(w, "r:1", 1, 2);
    await publishAll(w, "other", 1, 1);
    const client = await w.client({ subs: [["r:*"]] });
    await client.next("live");
    await publishAll(w, "r:1", 3, 3);
    await publishAll(w, "r:2", 1, 2);
    await publishAll(w, "other", 2, 2);
    await client.next("m", 3);
    await w.quiet();
    assertEquals([client.messages("r:1"), client.messages("r:2"), client.messages("other")], [[3], [1, 2], []]);
    assertEquals(client.of("watch"), [["watch", "r:*"]]);
  });

  it("begins with the oldest of each if it is asked to", async () => {
    await using w = await channelsWorld();
    await publishAll(w, "r:1", 1, 2);
    await publishAll(w, "r:2", 1, 1);
    const client = await w.client({ subs: [["r:*", null, { since: "oldest" }]] });
    await client.next("m", 3);
    assertEquals([client.messages("r:1"), client.messages("r:2")], [[1, 2], [1]]);
  });

  it("goes on with its channels' positions; one without a position is new", async () => {
    await using w = await channelsWorld();
    await publishAll(w, "r:1", 1, 2);
    const client = await w.client({ subs: [["r:*"]] });
    await client.next("live");
    await publishAll(w, "r:1", 3, 3);
    await client.next("m");
    const positions = { "r:1": client.position("r:1") };
    client.cut();
    await publishAll(w, "r:1", 4, 4);
    await publishAll(w, "r:2", 1, 2);
    const again = await w.client({ ticket: client.ticket, subs: [["r:*", positions]] });
    await again.next("m", 3);
    await w.quiet();
    assertEquals([again.messages("r:1"), again.messages("r:2")], [[4], [1, 2]]);
  });

  it("a channel whose log was lost, and that is written again, is behind a gap", async () => {
    await using w = await channelsWorld();
    await publishAll(w, "r:1", 1, 2);
    const client = await w.client({ subs: [["r:*"]] });
    await client.next("live");
    const positions = { "r:1": client.position("r:1") };
    const other = await w.start();
    const again = await w.client({ subs: [["r:*", positions]] }, other);
    await again.next("watch");
    await other.channels.publish("r:1", "new");
    await again.next("m");
    assertEquals(told(again, "r:1"), ["subbed r:* 0 epoch", "m 1", "live"]);
  });

  it("that is refused ends what it alone had: who asks for that without a place begins anew, who has one is told of a gap", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const end = log.open();
    const one = await w.start({ log: end });
    const publish = (channel: string, data: number): Promise<unknown> => one.channels.publish(channel, data);
    await publish("r:1", 1);
    await publish("r:1", 2);
    await publish("r:2", 1);
    end.faults.call = (name, what) => name === "follow" && what === "r:2" ? "before" : null;
    const client = await w.client({ subs: [["r:*", null, { since: "oldest" }]] }, one);
    await client.next("refused");
    const had = ["subbed r:* 0", "m 1", "m 2", "refused r:* unavailable"];
    await publish("r:1", 3);
    await w.quiet();
    assertEquals(told(client, "r:1"), had);
    const positions = { "r:1": client.position("r:1") };
    log.restart();
    await publish("r:1", 4);
    client.say(["sub", [["r:1", null, { since: "oldest" }]]]);
    await client.next("live");
    assertEquals(told(client, "r:1"), [...had, "subbed r:1 0", "m 1", "live"]);
    const other = await w.client({ subs: [["r:1", positions]] }, one);
    await other.next("live");
    assertEquals(told(other, "r:1"), ["subbed r:1 0 epoch", "m 1", "live"]);
  });

  it("that matches too many channels is refused, and one that comes to match too many leaves the last out", async () => {
    await using w = await channelsWorld({ limits: { maxMatches: 2 } });
    await publishAll(w, "r:1", 1, 1);
    const client = await w.client({ subs: [["r:*"]] });
    await client.next("live");
    await publishAll(w, "r:2", 1, 1);
    for (const name of ["r:3", "r:4", "r:5"]) await publishAll(w, name, 1, 1);
    await client.next("m");
    await w.quiet();
    const refused = client.of("refused").map(([, name, code, , channel]) => [name, code, channel]);
    assertEquals(refused, [["r:*", "too-many", "r:3"]]);
    const late = await w.client({ subs: [["r:*"]] });
    await late.next("refused");
    assertEquals(late.of("refused")[0].slice(1, 3), ["r:*", "too-many"]);
    assertEquals([late.of("watch"), late.closed], [[], null]);
    await publishAll(w, "r:1", 2, 2);
    await client.next("m", 2);
    assertEquals(late.of("m"), []);
  });

  it("counts as a subscription, though it matches nothing", async () => {
    await using w = await channelsWorld({ limits: { maxSubscriptions: 2 } });
    const client = await w.client({ subs: [["x*"], ["y*"], ["z*"]] });
    await client.next("refused");
    assertEquals(client.of("refused")[0].slice(1, 3), ["z*", "too-many"]);
  });

  it("ends with all its channels, and nothing appears any more", async () => {
    await using w = await channelsWorld();
    await publishAll(w, "r:1", 1, 1);
    const client = await w.client({ subs: [["r:*"]] });
    await client.next("live");
    client.say(["unsub", ["r:*"]]);
    await client.next("unsubbed");
    await publishAll(w, "r:1", 2, 2);
    await publishAll(w, "r:2", 1, 1);
    await w.quiet();
    assertEquals([client.of("m"), client.of("subbed").length], [[], 1]);
  });
});

describe("an instance that has not heard of messages until they are gone", () => {
  it("tells those who were live of a gap", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const history = { size: 3 };
    const deaf = await w.start({ log: log.open({ notice: () => "lost" }), history });
    const other = await w.start({ log: log.open(), history });
    const client = await w.client({ subs: [["a"]] }, deaf);
    await client.next("live");
    for (let i = 1; i <= 10; i++) await other.channels.publish("a", i);
    await w.within(3000, () => client.of("m").length > 0);
    await w.quiet();
    assertEquals(told(client, "a"), ["subbed a 0", "live", "gap 7 trimmed", "m 8", "m 9", "m 10"]);
  });
});

describe("a slow subscriber", () => {
  const DATA = "x".repeat(16_000);

  /** Publishes to somebody who does not read, and says how many bytes wait for it. */
  async function flooded(
    history: number,
    messages: number,
  ): Promise<{ w: ChannelsWorld; client: WsTalker; unsent: number }> {
    const w = await channelsWorld({ history: { size: history } });
    const client = await w.client({ subs: [["a"]] });
    await client.next("live");
    client.socket.stall(true);
    for (let i = 1; i <= messages; i++) await w.channels.publish("a", `${i} ${DATA}`);
    await w.quiet();
    const { unsent } = client.socket.peer;
    client.socket.stall(false);
    return { w, client, unsent };
  }

  it("does not make memory grow: what it misses is read for it from the log, each message once", async () => {
    const { w, client, unsent } = await flooded(1000, 200);
    await using _ = w;
    await w.within(5000, () => client.of("m").length >= 200, () => `${client.of("m").length} messages`);
    assertLess(unsent, 600_000);
    assertEquals([client.offsets("a"), client.of("gap")], [numbers(1, 200), []]);
    await w.channels.publish("a", "live again");
    await client.next("m", 201);
    await client.next("live", 2);
  });

  it("is told of a gap where the log has not kept what it missed", async () => {
    const { w, client } = await flooded(10, 200);
    await using _ = w;
    await w.within(5000, () => client.offsets("a").at(-1) === 200, () => `${client.offsets("a")}`);
    const gaps = client.of("gap").map(([, , , offset, reason]) => [offset, reason]);
    assertEquals(gaps, [[190, "slow"]]);
    const offsets = client.offsets("a");
    const before = offsets.filter((offset) => offset < 190);
    assertGreater(before.length, 5);
    assertEquals(offsets, [...before.map((_, i) => i + 1), ...numbers(191, 200)]);
  });

  it("does not keep others waiting", async () => {
    await using w = await channelsWorld();
    const [slow, quick] = [await w.client({ subs: [["a"]] }), await w.client({ subs: [["a"]] })];
    await slow.next("live");
    await quick.next("live");
    slow.socket.stall(true);
    for (let i = 1; i <= 100; i++) {
      await w.channels.publish("a", `${i} ${DATA}`);
      await w.quiet();
    }
    assertEquals(quick.offsets("a"), numbers(1, 100));
    assertLess(slow.offsets("a").length, 100);
  });

  it("that leaves while it is behind leaves nothing behind", async () => {
    const w = await channelsWorld();
    {
      await using _ = w;
      const client = await w.client({ subs: [["a"]] });
      await client.next("live");
      client.socket.stall(true);
      for (let i = 1; i <= 100; i++) await w.channels.publish("a", DATA);
      client.cut();
      await w.pass(200_000, 50_000);
      assertEquals([w.channels.size, w.instances[0].failures], [0, []]);
    }
    assert(w.instances.length === 1);
  });
});

describe("a subscription by itself", () => {
  it("holds few pages for who takes nothing, of however many channels", async () => {
    const [channels, each] = [40, 20];
    const log = memoryLog();
    let pages = 0;
    const counted: ChannelLog = Object.assign(Object.create(log), {
      name: "counted",
      shared: false,
      read: (stream: string, after: number, limit: ReadLimit) => {
        if (limit.count > 1) pages++;
        return log.read(stream, after, limit);
      },
    });
    for (
      const name of ["append", "tops", "follow", "streams", "take", "renew", "release", "leases", "remove", "close"]
    ) {
      Object.assign(counted, { [name]: (log as unknown as Record<string, () => unknown>)[name].bind(log) });
    }
    await using w = await channelsWorld({ log: counted });
    const names = Array.from({ length: channels }, (_, i) => `c${i}`);
    for (const name of names) {
      for (let i = 1; i <= each; i++) await w.channels.publish(name, `${i} ${"x".repeat(16_000)}`);
    }
    const client = await w.client();
    client.socket.stall(true);
    pages = 0;
    client.say(["sub", names.map((name) => [name, null, { since: "oldest" }])]);
    await w.quiet();
    assertLess(pages, 12);
    client.socket.stall(false);
    await w.within(20_000, () => client.of("live").length === channels);
    for (const name of names) assertEquals(client.offsets(name), numbers(1, each));
  });

  /** One whose peer and signatures are a test's. */
  async function alone() {
    const clock = new VirtualClock({ turns: 1 });
    const log = memoryLog({ clock });
    const keep = { size: 100, bytes: 1e6, age: 1e6 };
    for (const data of ["1", "2"]) {
      await log.append("a", { kind: "message", data, headers: null }, { keep, dedupeAge: 0 });
    }
    const said: unknown[][] = [];
    const made = {
      clock,
      log,
      said,
      takes: [] as boolean[],
      heard: (_word: unknown): void => {},
      signing: Promise.resolve(),
    };
    const peer: Peer = {
      say: (message) => {
        const frame = JSON.parse(message as string);
        said.push(frame);
        made.heard(frame[0]);
      },
      give: (frame) => {
        const isTaken = made.takes.shift() ?? true;
        if (isTaken) said.push(JSON.parse(frame.message as string));
        return isTaken;
      },
      drained: () => Promise.resolve(),
      close: () => {},
      hold: () => {},
      isDue: false,
    };
    const signer = { sign: () => made.signing.then(() => "signed") } as unknown as FeedWorld["signer"];
    const failed = (what: string): void => void said.push([what]);
    const counts = new ChannelCounts();
    const reads = new Semaphore(1);
    const world = { log, signer, pace: new Pace(clock), reads, clock, counts, maxReplay: 100, failed };
    const feed = new Feed("a", world, { unused: () => {} });
    const owner = { gapped: () => {}, pages: new Semaphore(1) };
    return Object.assign(made, { feed, subscription: new Subscription(feed, peer, owner) });
  }

  async function turns(clock: VirtualClock): Promise<void> {
    for (let i = 0; i < 20; i++) await clock.settle();
  }

  it("sends each message once, though it misses some in the very moment in which it has all", async () => {
    const one = await alone();
    one.heard = (word) => {
      if (word !== "live") return;
      one.heard = () => {};
      one.takes = [false, false, true, false];
      one.subscription.missed(0);
    };
    await one.subscription.open("a", "now");
    await turns(one.clock);
    for (let i = 0; i < 10; i++) {
      await one.clock.advance(10);
      await turns(one.clock);
    }
    assertEquals(one.said.map(([word, , offset]) => word === "m" ? offset : word), ["subbed", "live", 1, 2, "live"]);
    one.subscription.end();
  });

  it("has told no place before it has: neither its first, nor one that a gap leads to", async () => {
    const one = await alone();
    let sign = (): void => {};
    const hold = (): void => void (one.signing = new Promise((resolve) => sign = resolve));
    hold();
    await one.subscription.open("a", "now");
    await turns(one.clock);
    assertEquals([one.said.length, one.subscription.told], [0, null]);
    sign();
    await turns(one.clock);
    assertEquals([one.said.map(([word]) => word), one.subscription.told], [["subbed", "live"], 2]);
    hold();
    const read = one.log.read.bind(one.log);
    one.log.read = async (...args) => ({ ...await read(...args), epoch: "another" });
    one.feed.heard({ epoch: "another", top: 2, entry: null });
    await turns(one.clock);
    assertEquals([one.said.length, one.subscription.told], [2, null]);
    sign();
    await turns(one.clock);
    assertEquals([one.said[2].slice(0, 5), one.subscription.told], [["gap", "a", "another.signed", 0, "epoch"], 2]);
    one.subscription.end();
  });
});

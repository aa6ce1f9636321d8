import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { AcceptOptions, ChannelsOptions, InstanceState, Member } from "../../src/channels/channels_api.ts";
import { type ChannelLog, memoryLog } from "../../src/channels/mod.ts";
import { ChannelsWorld, channelsWorld, type Instance, type Talker } from "../support/channels_world.ts";
import { type LogEnd, SharedLog } from "../support/shared_log.ts";

const BY_TOKEN: AcceptOptions = { authenticate: ({ token }) => ({ user: token ?? "nobody" }) };

async function shared(count: number, options: ChannelsOptions = {}): Promise<{
  w: ChannelsWorld;
  log: SharedLog;
  ends: LogEnd[];
  all: Instance[];
}> {
  const w = new ChannelsWorld();
  const log = new SharedLog(w.clock);
  const ends: LogEnd[] = [];
  const all: Instance[] = [];
  for (let i = 0; i < count; i++) {
    ends.push(log.open());
    all.push(
      await w.start(
        { log: ends[i], instance: `i${i + 1}`, lease: 900, session: { expiry: 2000 }, ...options },
        BY_TOKEN,
      ),
    );
  }
  return { w, log, ends, all };
}

/** A log that outlives who closes it, as a folder does. */
function outliving(log: ChannelLog): ChannelLog {
  return new Proxy(log, {
    get: (target, name) => {
      if (name === "close") return () => Promise.resolve();
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A wish to be a member. */
function member(channel: string, data: unknown = null): unknown[] {
  return [channel, null, { member: data }];
}

/** Changes as `join ada i1`. */
function changes(client: Talker, channel: string): string[] {
  return client.of("p").filter((frame) => frame[1] === channel).map((frame) => {
    const { type, user, instance, data } = frame[3] as Record<string, unknown>;
    return [type, user, instance, data].filter((part) => part !== undefined && part !== null).join(" ");
  });
}

/** Who is there for a client: what it was told first, and what it heard since. */
function seenBy(client: Talker, channel: string): string[] {
  const [, , at, list] = client.of("members").findLast((frame) => frame[1] === channel)! as [
    string,
    string,
    number,
    Member[],
  ];
  const members = new Map(list.map((one) => [one.member, one]));
  for (const [, name, offset, change] of client.of("p")) {
    if (name !== channel || (offset as number) <= at) continue;
    const { type, ...one } = change as Member & { type: string };
    if (type === "join") members.set(one.member, one);
    else if (type === "leave") members.delete(one.member);
    else for (const [id, { instance }] of members) if (instance === one.instance) members.delete(id);
  }
  return [...members.values()].map(({ user, instance }) => `${user} ${instance}`).sort();
}

async function there(instance: Instance, channel: string): Promise<string[]> {
  return (await instance.channels.members(channel)).map(({ user, instance }) => `${user} ${instance}`).sort();
}

describe("a member", () => {
  for (const words of ["what it is", "whether it is one"]) {
    it(`that changes ${words} all the time keeps no other waiting`, async () => {
      const { w, ends, all: [one] } = await shared(1);
      await using _ = w;
      const ada = await w.client({ token: "ada", subs: [["a"]] }, one);
      const bob = await w.client({ token: "bob" }, one);
      ends[0].faults.call = (name) => name === "take" || name === "append" ? 20 : null;
      for (let i = 1; i <= 500; i++) {
        ada.say(["sub", [member("a", i)]]);
        if (words === "whether it is one") ada.say(["unsub", ["a"]]);
      }
      await w.quiet();
      bob.say(["sub", [member("b")]]);
      await w.within(3000, () => bob.of("members").length > 0);
      await w.within(
        120_000,
        () => changes(ada, "a").at(-1) === "join ada i1 500" || ada.of("unsubbed").length === 500,
      );
    });
  }

  it("is told who is there, and others are told that it came and went", async () => {
    await using w = await channelsWorld({ instance: "i1", session: { expiry: 1000 } }, BY_TOKEN);
    const ada = await w.client({ token: "ada", subs: [member("a", { x: 1 })] });
    await ada.next("members");
    const bob = await w.client({ token: "bob", subs: [member("a")] });
    await bob.next("members");
    await ada.next("p", 2);
    assertEquals(seenBy(bob, "a"), ["ada i1", "bob i1"]);
    const [one] = (bob.of("members")[0][3] as Member[]).filter(({ user }) => user === "ada");
    assertEquals(one, { member: ada.ticket!.split(".")[0], user: "ada", instance: "i1", data: { x: 1 } });
    bob.say(["unsub", ["a"]]);
    await ada.next("p", 3);
    assertEquals(changes(ada, "a").slice(1), ["join bob i1", "leave bob i1"]);
    assertEquals([seenBy(ada, "a"), await there(w.instances[0], "a")], [["ada i1"], ["ada i1"]]);
  });

  it("is told who is there when it knows the channel, and not before: a list of nothing would be lost", async () => {
    await using w = await channelsWorld({ instance: "i1" }, BY_TOKEN);
    const names = Array.from({ length: 8 }, (_, i) => `a${i}`);
    const ada = await w.client({ token: "ada", subs: names.map((name) => member(name)) });
    await ada.next("members", names.length);
    for (const name of names) {
      const words = ada.heard.filter((frame) => frame[1] === name).map(([word]) => word);
      assertEquals(words.filter((word) => word === "subbed" || word === "members"), ["subbed", "members"]);
    }
  });

  for (const [first, second] of [["i1", "i2"], ["i2", "i1"]]) {
    it(`is there once, and at ${second}, when the only process that has the log has left in order and is back`, async () => {
      const log = memoryLog();
      // As one in files is: it outlives its process.
      log.close = () => Promise.resolve();
      const options = { log, session: { expiry: 1000 } };
      await using w = await channelsWorld({ ...options, instance: first }, BY_TOKEN);
      const [one] = w.instances;
      const before = await w.client({ token: "ada", subs: [member("a")] }, one);
      await before.next("members");
      await w.finish(one.http.shutdown());
      await w.finish(one.channels.close());
      const two = await w.start({ ...options, instance: second }, BY_TOKEN);
      const ada = await w.client({ token: "ada", ticket: before.ticket, subs: [member("a")] }, two);
      await ada.next("members");
      assertEquals([seenBy(ada, "a"), await there(two, "a")], [[`ada ${second}`], [`ada ${second}`]]);
      await w.pass(6000);
      assertEquals([seenBy(ada, "a"), await there(two, "a")], [[`ada ${second}`], [`ada ${second}`]]);
    });
  }

  it("that is away is held back for as long as its session, and then leaves", async () => {
    await using w = await channelsWorld({ instance: "i1", session: { expiry: 1000 } }, BY_TOKEN);
    const watcher = await w.client({ subs: [["a"]] });
    await watcher.next("live");
    const ada = await w.client({ token: "ada", subs: [member("a")] });
    await ada.next("members");
    ada.cut();
    await w.pass(900);
    const again = await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] });
    await again.next("members");
    await w.pass(2000);
    assertEquals(changes(watcher, "a"), ["join ada i1"]);
    again.cut();
    await w.pass(1100);
    assertEquals([changes(watcher, "a"), await there(w.instances[0], "a")], [["join ada i1", "leave ada i1"], []]);
  });

  it("that comes back and does not say so again has left", async () => {
    for (const how of ["cut", "fenced"]) {
      await using w = await channelsWorld({ instance: "i1" }, BY_TOKEN);
      const ada = await w.client({ token: "ada", subs: [member("a"), member("b")] });
      await ada.next("members", 2);
      if (how === "cut") {
        ada.cut();
        await w.pass(10);
      }
      const again = await w.client({ token: "ada", ticket: ada.ticket, subs: [member("b"), ["a"]] });
      await again.next("members");
      await w.quiet();
      assertEquals([await there(w.instances[0], "a"), await there(w.instances[0], "b")], [[], ["ada i1"]], how);
    }
  });

  it("whose client leaves before its turn came, and comes back as none, is none", async () => {
    const log = memoryLog();
    const take = log.take.bind(log);
    let hold: Promise<void> = Promise.resolve();
    log.take = async (...args) => {
      if (args[0].startsWith("rooms:")) await hold;
      return await take(...args);
    };
    await using w = await channelsWorld({ log, session: { expiry: 10_000 } }, BY_TOKEN);
    let free = (): void => {};
    hold = new Promise((resolve) => free = resolve);
    const ada = await w.client({ token: "ada", subs: [member("b"), member("a")] });
    await ada.next("subbed", 2);
    ada.cut();
    await w.pass(10);
    const again = await w.client({ token: "ada", ticket: ada.ticket });
    await w.quiet();
    free();
    await w.quiet();
    assertEquals([again.closed, await there(w.instances[0], "a"), await there(w.instances[0], "b")], [null, [], []]);
  });

  it("may say something new of itself", async () => {
    await using w = await channelsWorld({ instance: "i1" }, BY_TOKEN);
    const watcher = await w.client({ subs: [["a"]] });
    await watcher.next("live");
    const ada = await w.client({ token: "ada", subs: [member("a", "x")] });
    await ada.next("members");
    ada.say(["sub", [member("a", "y")]]);
    await ada.next("members", 2);
    ada.say(["sub", [member("a", "y")]]);
    await ada.next("members", 3);
    await watcher.next("p", 2);
    await w.quiet();
    assertEquals(changes(watcher, "a"), ["join ada i1 x", "join ada i1 y"]);
  });

  it("by a pattern is one of each channel that it matches; by a name it leaves with that name", async () => {
    await using w = await channelsWorld({ instance: "i1" }, BY_TOKEN);
    await w.channels.publish("r:1", 1);
    const ada = await w.client({ token: "ada", subs: [member("r:*"), ["r:1"]] });
    await ada.next("members");
    await w.channels.publish("r:2", 1);
    await ada.next("members", 2);
    assertEquals([await there(w.instances[0], "r:1"), await there(w.instances[0], "r:2")], [["ada i1"], ["ada i1"]]);
    ada.say(["unsub", ["r:*"]]);
    await w.quiet();
    assertEquals([await there(w.instances[0], "r:1"), await there(w.instances[0], "r:2")], [[], []]);
    await w.channels.publish("r:1", 2);
    await w.until(() => ada.messages("r:1").includes(2));
  });

  it("that says too much of itself is none", async () => {
    await using w = await channelsWorld({ limits: { maxMessageBytes: 10 } }, BY_TOKEN);
    const ada = await w.client({ subs: [member("a", "x".repeat(20))] });
    assertEquals((await ada.next("refused")).slice(1, 3), ["a", "too-large"]);
    assertEquals(await there(w.instances[0], "a"), []);
  });

  it("joins and leaves have their place among the messages", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    const watcher = await w.client({ subs: [["a"]] });
    await watcher.next("live");
    await w.channels.publish("a", 1);
    const ada = await w.client({ token: "ada", subs: [member("a")] });
    await ada.next("members");
    await w.channels.publish("a", 2);
    await watcher.next("m", 2);
    assertEquals(watcher.offsets("a"), [1, 2, 3]);
    const late = await w.client({ subs: [["a", { a: watcher.position("a").replace(/^\d+/, "0") }]] });
    await late.next("live");
    assertEquals([late.offsets("a"), late.of("p").length], [[1, 2, 3], 1]);
  });
});

describe("members at several instances", () => {
  it("one that moves is never away", async () => {
    const { w, all: [one, two] } = await shared(2);
    await using _ = w;
    const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
    await watcher.next("members");
    const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
    await ada.next("members");
    ada.cut();
    const again = await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] }, two);
    await again.next("members");
    await w.pass(5000);
    assertEquals(changes(watcher, "a").slice(1), ["join ada i1", "join ada i2"]);
    assertEquals([seenBy(watcher, "a"), await there(one, "a")], [["ada i2", "eve i2"], ["ada i2", "eve i2"]]);
  });

  it("one that moves and is a member no more leaves, at once if its new instance lives and in time if it dies", async () => {
    for (const dies of [false, true]) {
      const { w, ends, all: [one, two, three] } = await shared(3);
      await using _ = w;
      const watcher = await w.client({ token: "eve", subs: [member("a")] }, three);
      const ada = await w.client({ token: "ada", subs: [member("a"), member("b")] }, one);
      await ada.next("members", 2);
      ends[1].faults = {
        call: (name, stream) => dies && name === "append" && stream === "$instance:i1" ? "before" : null,
      };
      const again = await w.dial(two);
      if (dies) {
        // The word of the fence comes, and no other.
        let first = true;
        ends[1].faults = {
          call: (name, stream) => {
            if (name !== "append" || stream !== "$instance:i1") return null;
            const passes = first;
            first = false;
            return passes ? null : "before";
          },
        };
      }
      await again.hello({ token: "ada", ticket: ada.ticket, subs: [member("b")] });
      await again.next("members");
      if (dies) ends[1].kill();
      await w.pass(dies ? 3000 : 10);
      assertEquals([await there(three, "a"), seenBy(watcher, "a")], [["eve i3"], ["eve i3"]], `${dies}`);
      assertEquals(await there(three, "b"), dies ? [] : ["ada i2"]);
    }
  });

  it("one that was elsewhere and is back stays when its first stay there is over, which was of a life that was lost", async () => {
    const { w, ends, all: [one, two] } = await shared(2);
    await using _ = w;
    const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
    await w.client({ token: "bob" }, one);
    ends[0].kill();
    await w.pass(1910);
    assertEquals((await two.channels.instances()).map(({ instance }) => instance), ["i2"]);
    ends[0].revive();
    // Its instance does not know yet that it was taken for lost.
    const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
    await ada.next("members");
    // The word of the fence comes, and no other.
    let words = 0;
    ends[1].faults = {
      call: (name, stream) => name === "append" && stream === "$instance:i1" && ++words > 1 ? "before" : null,
    };
    await (await w.dial(two)).hello({ token: "ada", ticket: ada.ticket });
    await w.pass(300);
    const again = await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] }, one);
    await again.next("members");
    const said = changes(watcher, "a").filter((what) => what.includes("ada"));
    assertEquals(said, ["join ada i1", "join ada i1"]);
    await w.pass(5000);
    assertEquals(changes(watcher, "a").filter((what) => what.includes("ada")), said);
    assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i1", "eve i2"], ["ada i1", "eve i2"]]);
  });

  for (const what of ["has said so twice", "has a log that fails"]) {
    it(`one that was elsewhere, is back and ${what} stays when its first stay there is over`, async () => {
      const { w, ends, all: [one, two] } = await shared(2);
      await using _ = w;
      const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
      const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
      await ada.next("members");
      // It says nothing of what it is there, so that what it has left behind waits for the end of its time.
      ends[1].faults = {
        call: (name, stream) =>
          name === "append" && stream === "$instance:i1" && ends[1].calls.append > 4 ? "before" : null,
      };
      const elsewhere = await w.dial(two);
      await elsewhere.hello({ token: "ada", ticket: ada.ticket });
      await w.pass(100);
      const again = await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] }, one);
      await again.next("members");
      if (what === "has said so twice") {
        again.say(["unsub", ["a"]], ["sub", [member("a")]]);
        await again.next("members", 2);
      } else {
        let left = 1;
        ends[0].faults = {
          call: (name, group) => name === "release" && group === "members:a" && left-- > 0 ? "before" : null,
        };
      }
      await w.pass(5000);
      assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i1", "eve i2"], ["ada i1", "eve i2"]]);
    });
  }

  it("a lost instance is one event, which removes all its members and no others", async () => {
    const { w, ends, all: [one, two, three] } = await shared(3);
    await using _ = w;
    const heard: string[] = [];
    three.channels.onInstance(({ instance, state }) => heard.push(`${instance} ${state}`));
    const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
    for (const user of ["ada", "bob"]) {
      await (await w.client({ token: user, subs: [member("a")] }, one)).next("members");
    }
    await watcher.next("p", 3);
    ends[0].kill();
    await w.pass(3000);
    assertEquals(changes(watcher, "a").slice(3), ["lost i1"]);
    assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["eve i2"], ["eve i2"]]);
    assertEquals(heard.filter((what) => what === "i1 lost"), ["i1 lost"]);
    assertEquals((await three.channels.instances()).map(({ instance }) => instance), ["i2", "i3"]);
  });

  it("an instance that left in order is never told as lost: who came elsewhere stays, who did not leaves in the end", async () => {
    const { w, all: [one, two, three] } = await shared(3);
    await using _ = w;
    const heard: string[] = [];
    three.channels.onInstance(({ instance, state }) => heard.push(`${instance} ${state}`));
    const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
    const ada = await w.client({ token: "ada", subs: [member("a"), member("b")] }, one);
    const bob = await w.client({ token: "bob", subs: [member("a")] }, one);
    await bob.next("members");
    await watcher.next("p", 3);
    await w.finish(one.http.shutdown());
    await w.finish(one.channels.close());
    const moved = await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] }, two);
    await moved.next("members");
    await w.pass(1000);
    assertEquals([seenBy(watcher, "a"), heard.includes("i1 down")], [["ada i2", "bob i1", "eve i2"], true]);
    await w.pass(4000);
    assertEquals(changes(watcher, "a").slice(3), ["join ada i2", "leave bob i1"]);
    assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i2", "eve i2"], ["ada i2", "eve i2"]]);
    assertEquals([await there(two, "b"), heard.includes("i1 lost")], [[], false]);
  });

  it("a process that is started anew on its log after a stop in order loses nobody, and tells of nobody as lost", async () => {
    await using w = new ChannelsWorld();
    const log = memoryLog({ clock: w.clock });
    const options = { lease: 900, session: { expiry: 2000 } };
    const one = await w.start({ log: outliving(log), instance: "i1", ...options }, BY_TOKEN);
    const talkers = [];
    for (const token of ["ada", "bob"]) talkers.push(await w.client({ token, subs: [member("a")] }, one));
    await talkers[1].next("members");
    await w.finish(one.http.shutdown());
    await w.finish(one.channels.close());
    const two = await w.start({ log: outliving(log), instance: "i2", ...options }, BY_TOKEN);
    const ada = await w.client({ token: "ada", ticket: talkers[0].ticket, subs: [member("a")] }, two);
    await ada.next("members");
    assertEquals(seenBy(ada, "a"), ["ada i2", "bob i1"]);
    await w.pass(5000);
    assertEquals(changes(ada, "a").filter((what) => what !== "join ada i2"), ["leave bob i1"]);
    assertEquals([seenBy(ada, "a"), await there(two, "a")], [["ada i2"], ["ada i2"]]);
  });

  it("who comes back while the rest of an instance that left in order is cleared stays a member", async () => {
    for (let ms = 1900; ms < 2700; ms += 25) {
      const { w, all: [one, two] } = await shared(2);
      await using _ = w;
      const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
      const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
      await ada.next("members");
      await w.finish(one.http.shutdown());
      await w.finish(one.channels.close());
      await w.pass(ms, 25);
      await (await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] }, two)).next("members");
      await w.pass(3000);
      assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i2", "eve i2"], ["ada i2", "eve i2"]]);
      assertEquals(changes(watcher, "a").filter((what) => what.startsWith("lost")), []);
    }
  });

  it("one that was only taken for lost has its members again", async () => {
    const { w, ends, all: [one, two] } = await shared(2);
    await using _ = w;
    const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
    const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
    await ada.next("members");
    ends[0].kill();
    await w.pass(2500);
    assertEquals(seenBy(watcher, "a"), ["eve i2"]);
    ends[0].revive();
    await w.pass(1000);
    assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i1", "eve i2"], ["ada i1", "eve i2"]]);
    const bob = await w.client({ token: "bob", subs: [member("a")] }, one);
    await bob.next("members");
    await w.pass(5000);
    assertEquals(seenBy(watcher, "a"), ["ada i1", "bob i1", "eve i2"]);
    assertEquals(seenBy(ada, "a"), ["ada i1", "bob i1", "eve i2"]);
  });

  it("one that was taken for lost has its members again, though the log fails when it comes back", async () => {
    for (const fault of ["before", "after"] as const) {
      const { w, ends, all: [one, two] } = await shared(2);
      await using _ = w;
      const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
      await (await w.client({ token: "ada", subs: [member("a")] }, one)).next("members");
      ends[0].kill();
      await w.pass(2500);
      let left = 1;
      ends[0].faults = {
        call: (name, group) => name === "take" && group === "instances" && left-- > 0 ? fault : null,
      };
      ends[0].revive();
      await w.pass(3000);
      assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i1", "eve i2"], ["ada i1", "eve i2"]], fault);
    }
  });

  for (const dies of [true, false]) {
    const what = dies ? "nobody is left of it if it dies before" : "and is one then";
    it(`of an instance that was taken for lost is none before that is one again, ${what}`, async () => {
      const { w, log, ends, all: [one, two] } = await shared(2);
      await using _ = w;
      const watcher = await w.client({ token: "eve", subs: [["a"]] }, two);
      const bob = await w.client({ token: "bob" }, one);
      // It finds out that the log has forgotten it, and is no other yet.
      let left = 1;
      ends[0].faults = {
        call: (name, group) => name === "take" && group === "instances" && left-- > 0 ? "before" : null,
      };
      log.restart(true);
      await w.within(900, () => left < 1);
      const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
      bob.say(["sub", [member("a")]]);
      await w.quiet();
      assertEquals([await there(two, "a"), changes(watcher, "a")], [[], []]);
      if (dies) ends[0].kill();
      await w.pass(3000);
      assertEquals(await there(two, "a"), dies ? [] : ["ada i1", "bob i1"]);
      if (dies) return;
      await ada.next("members");
      assertEquals(changes(watcher, "a"), ["join ada i1", "join bob i1"]);
      ends[0].kill();
      await w.pass(3000);
      assertEquals([await there(two, "a"), changes(watcher, "a").at(-1)], [[], "lost i1"]);
    });
  }

  for (const wait of [0, 400]) {
    it(`one that comes back elsewhere ${wait} ms after the log forgot who holds what is there, and nobody ends that`, async () => {
      const { w, log, ends, all: [one, two] } = await shared(2, { checkEvery: 100 });
      await using _ = w;
      const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
      const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
      await ada.next("members");
      const id = ada.ticket!.split(".")[0];
      ada.cut();
      await w.pass(20);
      // Its first instance hears of nothing but by its lease.
      ends[0].faults = { notice: () => "lost" };
      log.restart(true);
      await w.pass(wait);
      const again = await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] }, two);
      await again.next("members");
      // Until the time of the one that it had before is over, and what follows is done.
      await w.pass(5000);
      assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i2", "eve i2"], ["ada i2", "eve i2"]]);
      assertEquals((await log.leases.leases(`session:${id}`)).map(({ value }) => value), ["i2"]);
      assertEquals(again.closed, null);
    });
  }

  it("a list of an earlier life of the channel, which was asked for before a gap, is not told behind it", async () => {
    const { w, log, ends, all: [one, two] } = await shared(2, { checkEvery: 100 });
    await using _ = w;
    const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
    await ada.next("members");
    for (let i = 0; i < 5; i++) await two.channels.publish("a", i);
    let isListed = false;
    ends[0].faults = {
      call: (name, what) => {
        if (name === "leases" && what === "members:a") isListed = true;
        if (!isListed || name !== "tops" || what !== "a") return null;
        ends[0].faults = {};
        return 500;
      },
    };
    ada.say(["sub", [member("a", "again")]]);
    await w.quiet();
    log.restart();
    await w.pass(200);
    assertEquals(ada.of("gap").length, 1);
    await w.pass(1000);
    await (await w.client({ token: "bob", subs: [member("a")] }, two)).next("members");
    await ada.next("p", 3);
    assertEquals(seenBy(ada, "a"), ["ada i1", "bob i2"]);
  });

  it("one that was at two others is where it is now, though one of them writes late", async () => {
    for (const isReversed of [false, true]) {
      const { w, log, ends, all: [one, two, three, four] } = await shared(4);
      await using _ = w;
      const leases = log.leases.leases.bind(log.leases);
      // Names of leases are by chance: here each order has its turn.
      log.leases.leases = async (group) => {
        const sorted = [...await leases(group)].sort((a, b) => a.value < b.value ? -1 : 1);
        return isReversed ? sorted.reverse() : sorted;
      };
      const watcher = await w.client({ token: "eve", subs: [member("a")] }, four);
      const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
      await ada.next("members");
      await w.finish(one.http.shutdown());
      await w.finish(one.channels.close());
      ends[0].kill();
      ends[1].faults = { call: (name, stream) => name === "append" && stream === "a" ? "before" : null };
      await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] }, two);
      await w.pass(10);
      const last = await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] }, three);
      await last.next("members");
      ends[1].faults = {};
      for (const ms of [500, 4000]) {
        await w.pass(ms);
        assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i3", "eve i4"], ["ada i3", "eve i4"]]);
      }
    }
  });

  for (const late of ["while it comes to another one", "and the join that it wrote there later still"]) {
    it(`one is where it is, though a call that was given up takes it back to where it was ${late}`, async () => {
      const { w, ends, all: [one, two, three] } = await shared(3);
      await using _ = w;
      const isJoinLate = late.startsWith("and");
      const watcher = await w.client({ token: "eve", subs: [member("a")] }, three);
      await watcher.next("members");
      let givenUp = 0;
      ends[0].faults = {
        call: (name, what) => {
          if (isJoinLate && name === "append" && what === "a") return "before";
          return name === "take" && what.startsWith("session:") && givenUp++ > 0 ? { after: 50, effect: 300 } : null;
        },
      };
      const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
      if (!isJoinLate) await ada.next("members");
      ada.cut();
      const again = await w.dial(one);
      again.say(["hello", 1, "ada", ada.ticket, [member("a")]]);
      await w.pass(200);
      assertEquals([givenUp, again.of("error").length], [2, 1]);
      // Its call is done at once, and answered behind the one that was given up.
      ends[1].faults = {
        call: (name, what) => name === "take" && what.startsWith("session:") && !isJoinLate ? 200 : null,
      };
      const elsewhere = await w.dial(two);
      elsewhere.say(["hello", 1, "ada", ada.ticket, [member("a")]]);
      await w.pass(300);
      await elsewhere.next("members");
      ends[0].faults = {};
      await w.pass(6000);
      assertEquals([seenBy(watcher, "a"), await there(one, "a")], [["ada i2", "eve i3"], ["ada i2", "eve i3"]]);
    });
  }

  it("one that comes back while another takes it for lost keeps its members, wherever the two meet", async () => {
    for (let seed = 0; seed < 24; seed++) {
      const { w, ends, all: [one, two] } = await shared(2);
      await using _ = w;
      const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
      for (const user of ["ada", "bob"]) {
        await (await w.client({ token: user, subs: [member("a")] }, one)).next("members");
      }
      ends[0].kill();
      await w.pass(850);
      ends[1].faults = {
        call: (name) => ["take", "release", "leases", "append"].includes(name) ? seed % 6 * 40 : null,
      };
      await w.pass(100 + (seed * 67) % 500);
      ends[0].revive();
      await w.pass(3000);
      ends[1].faults = {};
      await w.pass(3000);
      const all = ["ada i1", "bob i1", "eve i2"];
      assertEquals([await there(two, "a"), seenBy(watcher, "a")], [all, all], `seed ${seed}`);
    }
  });

  it("a process of the same name that starts anew has none of the old one's members", async () => {
    const { w, log, ends, all: [one, two] } = await shared(2);
    await using _ = w;
    const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
    const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
    await ada.next("members");
    ends[0].kill();
    const again = await w.start({ log: log.open(), instance: "i1", lease: 900, session: { expiry: 2000 } }, BY_TOKEN);
    const bob = await w.client({ token: "bob", subs: [member("a")] }, again);
    await bob.next("members");
    await w.pass(3000);
    assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["bob i1", "eve i2"], ["bob i1", "eve i2"]]);
  });

  it("one that leaves in order holds its members for those who come back elsewhere", async () => {
    const { w, ends, all: [one, two] } = await shared(2);
    await using _ = w;
    const heard: string[] = [];
    two.channels.onInstance(({ instance, state }) => heard.push(`${instance} ${state}`));
    const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
    const ada = await w.client({ token: "ada", subs: [member("a")] }, one);
    const bob = await w.client({ token: "bob", subs: [member("a")] }, one);
    await watcher.next("p", 3);
    await w.finish(one.http.shutdown());
    await w.finish(one.channels.close());
    ends[0].kill();
    await w.pass(500);
    assertEquals(seenBy(watcher, "a"), ["ada i1", "bob i1", "eve i2"]);
    const again = await w.client({ token: "ada", ticket: ada.ticket, subs: [member("a")] }, two);
    await again.next("members");
    await w.pass(4000);
    assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i2", "eve i2"], ["ada i2", "eve i2"]]);
    assertEquals([await bob.ended(), heard], [1001, ["i2 up", "i1 up", "i1 draining", "i1 down"]]);
  });

  it("nothing of who is there is left in the log when nobody is", async () => {
    const { w, log, all } = await shared(2);
    await using _ = w;
    const groups = new Set<string>();
    const take = log.leases.take.bind(log.leases);
    log.leases.take = (group, ...rest) => (groups.add(group), take(group, ...rest));
    for (const [i, { channels: _channels }] of all.entries()) {
      const ada = await w.client({ token: `u${i}`, subs: [member("a"), member("b")] }, all[i]);
      await ada.next("members", 2);
      const again = await w.client({ token: `u${i}`, ticket: ada.ticket, subs: [member("b")] }, all[1 - i]);
      await again.next("members");
      again.cut();
    }
    await w.pass(6000);
    for (const group of groups) {
      if (group !== "instances") assertEquals(await log.leases.leases(group), [], group);
    }
  });
});

describe("presence whose log fails", () => {
  for (const name of ["take", "append", "release", "leases", "renew", "tops"]) {
    for (const fault of ["before", "after"] as const) {
      it(`at ${name}, ${fault} it took effect: what is seen is true when it is there again`, async () => {
        const { w, ends, all: [one, two] } = await shared(2);
        await using _ = w;
        const watcher = await w.client({ token: "eve", subs: [member("a")] }, two);
        await watcher.next("members");
        const bob = await w.client({ token: "bob", subs: [member("a")] }, one);
        await bob.next("members");
        let left = 3;
        ends[0].faults = {
          call: (call, what) => call === name && /^(a|members|rooms)/.test(what) && left-- > 0 ? fault : null,
        };
        const ada = await w.client({ token: "ada", subs: [["b"]] }, one);
        ada.say(["sub", [member("a")]]);
        bob.say(["unsub", ["a"]]);
        // It may be refused for now.
        for (let tries = 0; tries < 4; tries++) {
          await w.pass(10);
          if (ada.of("subbed").some((frame) => frame[1] === "a")) break;
          ada.say(["sub", [member("a")]]);
        }
        await w.pass(5000);
        assertEquals([seenBy(watcher, "a"), await there(two, "a")], [["ada i1", "eve i2"], ["ada i1", "eve i2"]]);
      });
    }
  }
});

describe("instances", () => {
  it("are told of each other: up, draining, down, lost", async () => {
    const { w, log, ends, all: [one] } = await shared(2);
    await using _ = w;
    const heard: InstanceState[] = [];
    one.channels.onInstance(() => {
      throw new Error("a listener of the application's");
    });
    const stop = one.channels.onInstance((state) => heard.push(state));
    await w.quiet();
    const third = await w.start({ log: log.open(), instance: "i3", lease: 900 });
    assertEquals((await third.channels.instances()).map(({ instance, state }) => `${instance} ${state}`), [
      "i1 up",
      "i3 up",
    ]);
    await third.channels.drain();
    await third.channels.drain();
    assertEquals((await one.channels.instances()).at(-1), { instance: "i3", state: "draining" });
    await w.pass(2000);
    assertEquals((await one.channels.instances()).at(-1), { instance: "i3", state: "draining" });
    await w.finish(third.channels.close());
    await w.quiet();
    assertEquals((await one.channels.instances()).at(-1), { instance: "i3", state: "down" });
    await w.client({}, w.instances[1]);
    ends[1].kill();
    await w.pass(3000);
    assertEquals(
      heard.filter(({ instance }) => instance !== "i1").map(({ instance, state }) => `${instance} ${state}`),
      [
        "i3 up",
        "i3 draining",
        "i3 down",
        "i2 up",
        "i2 lost",
      ],
    );
    stop();
    await w.start({ log: log.open(), instance: "i4", lease: 900 }).then(({ channels }) => channels.instances());
    await w.quiet();
    assertEquals(heard.filter(({ instance }) => instance === "i4"), []);
  });

  it("a start that failed is tried again by the next client", async () => {
    const { w, ends, all: [one] } = await shared(1);
    await using _ = w;
    for (const name of ["follow", "tops", "take", "append"]) {
      ends[0].faults = { call: (call) => call === name ? "before" : null };
      const client = await w.dial(one);
      client.say(["hello", 1, "ada", null, []]);
      assertEquals(await client.ended(), 1013);
    }
    ends[0].faults = {};
    await w.client({}, one);
    assertEquals(ends[0].followed <= 4, true);
  });
});

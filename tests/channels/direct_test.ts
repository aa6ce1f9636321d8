import { describe, it } from "node:test";
import { assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../mod.ts";
import type { AcceptOptions, ChannelsOptions } from "../../src/channels/channels_api.ts";
import { ChannelError } from "../../src/channels/mod.ts";
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
    all.push(await w.start({ log: ends[i], ...options }, BY_TOKEN));
  }
  return { w, log, ends, all };
}

/** Direct messages as `data attempt`. */
function given(client: Talker): string[] {
  return client.of("d").map(([, , attempt, data]) => `${data} ${attempt}`);
}

function idOf(client: Talker, data: unknown): string {
  return client.of("d").findLast((frame) => frame[3] === data)![1] as string;
}

function sessionOf(client: Talker): string {
  return client.ticket!.split(".")[0];
}

/** What a promise has come to. */
function followed(promise: Promise<unknown>): { state: string } {
  const seen = { state: "pending" };
  promise.then(() => seen.state = "done", (error) => seen.state = error.reason ?? error.message);
  return seen;
}

describe("a direct message", () => {
  it("is acknowledged in its turn: a flood of acknowledgements waits for the log", async () => {
    const { w, ends, all: [one] } = await shared(1, { session: { window: 10 } });
    await using _ = w;
    const ada = await w.client({ token: "ada" }, one);
    await one.channels.sendTo("ada", "x");
    await ada.next("d");
    await w.quiet();
    let asked = 0;
    ends[0].faults.call = (name) => name === "read" ? (asked++, 20) : null;
    const epoch = idOf(ada, "x").split(".")[1];
    for (let i = 0; i < 4; i++) ada.say(["ack", Array.from({ length: 500 }, (_, at) => `u${at + 2}.${epoch}`)]);
    ada.say(["ack", [idOf(ada, "x")]], ["unsub", []]);
    await w.quiet();
    assertLess(asked, 100);
    await w.within(60_000, () => ada.of("unsubbed").length === 1);
    await w.pass(100);
    const again = await w.client({ ticket: ada.ticket, token: "ada" }, one);
    await w.pass(100);
    assertEquals(given(again), []);
  });

  it("waits for its user, and comes in order, whoever sent it when", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    await w.channels.sendTo("ada", 1);
    await w.channels.sendTo({ user: "ada" }, 2, { headers: { h: "x" } });
    await w.channels.sendTo("bob", 3);
    const ada = await w.client({ token: "ada" });
    await ada.next("d", 2);
    await w.channels.sendTo("ada", Uint8Array.of(4));
    await ada.next("d", 3);
    assertEquals(ada.of("d").map(([, , attempt, data, headers]) => [attempt, data, headers]), [
      [1, 1, {}],
      [1, 2, { h: "x" }],
      [1, Uint8Array.of(4), {}],
    ]);
  });

  it("that is acknowledged comes never again; what is not comes on the next connection, and only then", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    for (const data of [1, 2, 3]) await w.channels.sendTo("ada", data);
    const ada = await w.client({ token: "ada" });
    await ada.next("d", 3);
    ada.say(["ack", [idOf(ada, 2)]]);
    await w.pass(60_000, 10_000);
    assertEquals(given(ada), ["1 1", "2 1", "3 1"]);
    ada.cut();
    const again = await w.client({ token: "ada", ticket: ada.ticket });
    await again.next("d", 2);
    await w.quiet();
    assertEquals(given(again), ["1 2", "3 2"]);
  });

  it("the acknowledgement counts that comes on the next connection, before or behind the message", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    for (const data of [1, 2]) await w.channels.sendTo("ada", data);
    const ada = await w.client({ token: "ada" });
    await ada.next("d", 2);
    ada.cut();
    await w.pass(5);
    const again = await w.dial();
    again.say(["hello", 1, "ada", ada.ticket, []], ["ack", [idOf(ada, 1), idOf(ada, 2)]]);
    await again.next("welcome");
    await w.quiet();
    again.cut();
    await w.pass(5);
    const third = await w.client({ token: "ada", ticket: ada.ticket });
    await w.quiet();
    assertEquals(given(third), []);
  });

  it("more than the window are not under way; each acknowledgement makes room", async () => {
    await using w = await channelsWorld({ session: { window: 3 } }, BY_TOKEN);
    for (let i = 1; i <= 8; i++) await w.channels.sendTo("ada", i);
    const ada = await w.client({ token: "ada" });
    await ada.next("d", 3);
    await w.quiet();
    assertEquals(given(ada).length, 3);
    ada.say(["ack", [idOf(ada, 2)]]);
    await ada.next("d", 4);
    ada.say(["ack", [idOf(ada, 1), idOf(ada, 3)]]);
    await ada.next("d", 6);
    await w.quiet();
    assertEquals(given(ada), [1, 2, 3, 4, 5, 6].map((i) => `${i} 1`));
  });

  it("that is refused comes again in its time, counted, and others pass it", async () => {
    await using w = await channelsWorld({ session: { window: 2 } }, BY_TOKEN);
    for (let i = 1; i <= 3; i++) await w.channels.sendTo("ada", i);
    const ada = await w.client({ token: "ada" });
    await ada.next("d", 2);
    ada.say(["nack", idOf(ada, 1), 1000], ["nack", idOf(ada, 1), 0]);
    await ada.next("d", 3);
    await w.pass(990);
    assertEquals(given(ada), ["1 1", "2 1", "3 1"]);
    ada.say(["ack", [idOf(ada, 3)]]);
    await w.pass(20);
    assertEquals(given(ada), ["1 1", "2 1", "3 1", "1 2"]);
    ada.say(["nack", idOf(ada, 1), -5], ["nack", "nonsense", 1], ["nack", 7, 1], ["nack", idOf(ada, 1), 1]);
    await w.pass(10);
    assertEquals(given(ada).slice(4), ["1 3"]);
    ada.say(["ack", [idOf(ada, 1), idOf(ada, 2)]]);
    await w.pass(5000);
    assertEquals(given(ada).length, 5);
  });

  it("that is refused for a time comes no earlier", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    await w.channels.sendTo("ada", 1);
    const ada = await w.client({ token: "ada" });
    await ada.next("d");
    ada.say(["nack", idOf(ada, 1), 1000]);
    await w.pass(950);
    assertEquals(given(ada), ["1 1"]);
    await w.pass(100);
    assertEquals(given(ada), ["1 1", "1 2"]);
  });

  it("that is given too often is a dead letter, and told to whoever waits", async () => {
    const { w, log, all } = await shared(1, { queue: { attempts: 3 } });
    await using _ = w;
    const sent = followed(all[0].channels.sendTo("ada", "x", { ack: true, headers: { h: "1" } }));
    const ada = await w.client({ token: "ada" });
    for (let attempt = 1; attempt <= 3; attempt++) {
      await w.within(1000, () => given(ada).length === attempt);
      ada.say(["nack", idOf(ada, "x"), 10]);
    }
    await w.pass(50);
    assertEquals([given(ada), sent.state], [["x 1", "x 2", "x 3"], "too-many"]);
    const dead = await log.streams.read("$dead:user:ada", 0, { count: 10, bytes: 1000 });
    assertEquals(dead.entries.map(({ data }) => data), ['"x"']);
    assertEquals((await log.streams.read("$user:ada", 0, { count: 10, bytes: 1000 })).entries, []);
    assertEquals(await log.leases.leases("tries:$user:ada"), []);
  });

  it("to both devices of a user; the first acknowledgement is for both", async () => {
    for (const count of [1, 2]) {
      const { w, log, all } = await shared(count, { session: { window: 1 } });
      await using _ = w;
      const one = await w.client({ token: "ada" }, all[0]);
      const two = await w.client({ token: "ada" }, all[count - 1]);
      await all[0].channels.sendTo("ada", 1);
      await all[0].channels.sendTo("ada", 2);
      await one.next("d");
      await two.next("d");
      one.say(["ack", [idOf(one, 1)]]);
      await one.next("d", 2);
      two.say(["ack", [idOf(two, 1)]]);
      await two.next("d", 2);
      two.say(["ack", [idOf(two, 2)]]);
      await w.quiet();
      one.say(["ack", [idOf(one, 2)]]);
      await w.quiet();
      one.cut();
      await w.pass(5);
      const again = await w.client({ token: "ada" }, all[0]);
      await w.quiet();
      assertEquals(given(again), []);
      assertEquals(await log.leases.leases("tries:$user:ada"), []);
    }
  });

  it("that another device deals with while it is on its way comes to nobody any more", async () => {
    const { w, log, ends, all } = await shared(2);
    await using _ = w;
    const one = await w.client({ token: "ada" }, all[0]);
    const two = await w.client({ token: "ada" }, all[1]);
    await all[0].channels.sendTo("ada", "x");
    await one.next("d");
    await two.next("d");
    one.say(["nack", idOf(one, "x"), 100]);
    await w.quiet();
    // It has been read again, and its delivery is counted when the other one has dealt with it.
    ends[0].faults = { call: (name, what) => name === "take" && what.startsWith("tries:") ? 500 : null };
    await w.pass(200);
    two.say(["ack", [idOf(two, "x")]]);
    await w.pass(1000);
    assertEquals([given(one).length, given(two).length], [1, 1]);
    assertEquals(await log.leases.leases("tries:$user:ada"), []);
  });

  it("to a session is that session's alone, wherever it is", async () => {
    const { w, all: [one, two] } = await shared(2);
    await using _ = w;
    const [ada, other] = [await w.client({ token: "ada" }, one), await w.client({ token: "ada" }, one)];
    await two.channels.sendTo({ session: sessionOf(ada) }, "s");
    await ada.next("d");
    ada.cut();
    await w.pass(5);
    const again = await w.client({ token: "ada", ticket: ada.ticket }, two);
    await again.next("d");
    assertEquals([given(ada), given(again), given(other)], [["s 1"], ["s 2"], []]);
  });

  it("nobody acknowledges what is another's", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    await w.channels.sendTo("ada", 1);
    const [ada, bob] = [await w.client({ token: "ada" }), await w.client({ token: "bob" })];
    await ada.next("d");
    const id = idOf(ada, 1);
    bob.say(["ack", [id, 7, null, "u1", "x1.y", `s1.${id.split(".")[1]}`]], ["ack", "x"], ["nack", id, 0]);
    ada.say(["ack", [id.replace(/\..*/, ".another")]]);
    await w.quiet();
    ada.cut();
    await w.pass(5);
    const again = await w.client({ token: "ada" });
    await again.next("d");
    assertEquals([given(again), bob.closed, bob.of("d")], [["1 2"], null, []]);
  });

  it("the same id is the same message", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    await w.channels.sendTo("ada", 1, { id: "x" });
    await w.channels.sendTo("ada", 2, { id: "x" });
    const ada = await w.client({ token: "ada" });
    await ada.next("d");
    await w.quiet();
    assertEquals(given(ada), ["1 1"]);
  });

  it("of a fenced connection comes again on the one that goes on", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    await w.channels.sendTo("ada", 1);
    const ada = await w.client({ token: "ada" });
    await ada.next("d");
    ada.say(["nack", idOf(ada, 1), 50]);
    await w.quiet();
    const again = await w.client({ token: "ada", ticket: ada.ticket });
    await again.next("d");
    await w.pass(100);
    assertEquals([await ada.ended(), given(again)], [4409, ["1 2"]]);
  });

  it("of another life of the log is another message", async () => {
    const { w, log, all } = await shared(1);
    await using _ = w;
    const ada = await w.client({ token: "ada" });
    await all[0].channels.sendTo("ada", "old");
    await ada.next("d");
    const id = idOf(ada, "old");
    log.restart();
    await all[0].channels.sendTo("ada", "new");
    await w.within(3000, () => given(ada).length === 2);
    ada.say(["ack", [id]]);
    await w.quiet();
    assertEquals((await log.streams.read("$user:ada", 0, { count: 9, bytes: 999 })).entries.map(({ data }) => data), [
      '"new"',
    ]);
    ada.say(["ack", [idOf(ada, "new")]]);
    await w.quiet();
    assertEquals((await log.streams.read("$user:ada", 0, { count: 9, bytes: 999 })).entries, []);
  });

  it("who gets none costs the log one look, and no place", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    const ada = await w.client({ token: "ada" });
    await w.quiet();
    const pending = w.clock.pending;
    await w.channels.sendTo("bob", 1);
    await w.channels.sendTo("ada", 2);
    await ada.next("d");
    assertEquals(w.clock.pending, pending);
  });
});

describe("sendTo() with ack", () => {
  it("fulfils when the application has acknowledged, here or at another instance", async () => {
    for (const at of [0, 1]) {
      const { w, all } = await shared(2);
      await using _ = w;
      const ada = await w.client({ token: "ada" }, all[at]);
      const sent = followed(all[0].channels.sendTo("ada", 1, { ack: true }));
      await ada.next("d");
      await w.quiet();
      assertEquals([sent.state, ada.of("d")[0][4]], ["pending", {}]);
      ada.say(["ack", [idOf(ada, 1)]]);
      await w.until(() => sent.state !== "pending");
      assertEquals(sent.state, "done");
    }
  });

  it("fulfils for all who wait for the same id, and for who comes when it is done", async () => {
    const { w, ends, all } = await shared(3);
    await using _ = w;
    const waiting = [0, 0, 1].map((i) => followed(all[i].channels.sendTo("ada", 1, { id: "x", ack: true })));
    const dead = followed(all[2].channels.sendTo("ada", 1, { id: "x", ack: true }));
    await w.quiet();
    ends[2].kill();
    const ada = await w.client({ token: "ada" }, all[1]);
    await ada.next("d");
    ada.say(["ack", [idOf(ada, 1)]]);
    await w.within(10_000, () => waiting.every(({ state }) => state !== "pending"));
    assertEquals(waiting.map(({ state }) => state), ["done", "done", "done"]);
    await w.soon(all[0].channels.sendTo("ada", 1, { id: "x", ack: true }));
    assertEquals(dead.state, "pending");
    assertEquals(given(ada), ["1 1"]);
  });

  it("rejects where it is a dead letter already, of which word was lost or had come before", async () => {
    for (const isHeard of [true, false]) {
      const { w, ends, all } = await shared(2, { queue: { attempts: 1 } });
      await using _ = w;
      const ada = await w.client({ token: "ada" }, all[1]);
      for (const id of ["other", "x"]) {
        const sent = followed(all[0].channels.sendTo("ada", id, { id, ack: true }));
        await w.within(1000, () => given(ada).includes(`${id} 1`));
        if (!isHeard) ends[0].faults = { notice: () => "lost" };
        ada.say([id === "x" ? "nack" : "ack", id === "x" ? idOf(ada, id) : [idOf(ada, id)]]);
        await w.within(10_000, () => sent.state !== "pending");
        assertEquals(sent.state, id === "x" ? "too-many" : "done");
      }
      for (const { channels } of all) {
        const again = ["x", "other"].map((id) => followed(channels.sendTo("ada", id, { id, ack: true })));
        await w.within(10_000, () => again.every(({ state }) => state !== "pending"));
        assertEquals(again.map(({ state }) => state), ["too-many", "done"]);
      }
      assertEquals(given(ada), ["other 1", "x 1"]);
    }
  });

  it("fulfils though word of the acknowledgement is lost", async () => {
    const { w, ends, all } = await shared(2);
    await using _ = w;
    const ada = await w.client({ token: "ada" }, all[1]);
    const sent = followed(all[0].channels.sendTo("ada", 1, { ack: true }));
    await ada.next("d");
    ends[1].faults = { call: (name, stream) => name === "append" && stream.startsWith("$instance") ? "after" : null };
    ends[0].faults = { notice: () => "lost" };
    ada.say(["ack", [idOf(ada, 1)]]);
    await w.within(10_000, () => sent.state !== "pending");
    assertEquals(sent.state, "done");
  });

  it("rejects when it is given up, when the message is not kept any more, and when the channels are closed", async () => {
    await using w = await channelsWorld({ queue: { size: 1 } }, BY_TOKEN);
    const controller = new AbortController();
    const aborted = followed(w.channels.sendTo("ada", 1, { ack: true, signal: controller.signal }));
    await w.quiet();
    controller.abort(new Error("enough"));
    const already = followed(
      w.channels.sendTo("ada", 2, { ack: true, signal: AbortSignal.abort(new Error("before")) }),
    );
    const trimmed = followed(w.channels.sendTo("ada", 3, { ack: true }));
    await w.quiet();
    const last = followed(w.channels.sendTo("ada", 4, { ack: true }));
    await w.within(10_000, () => trimmed.state !== "pending");
    assertEquals([aborted.state, already.state, trimmed.state, last.state], ["enough", "before", "expired", "pending"]);
    await w.finish(w.channels.close());
    assertEquals(last.state, "unavailable");
  });

  it("refuses at once what can't be sent", async () => {
    await using w = await channelsWorld();
    for (const to of ["", {}, { user: "" }, { session: 1 }, null, 7]) {
      assertThrows(() => w.channels.sendTo(to as never, 1), OptionError);
    }
    assertThrows(() => w.channels.sendTo("ada", undefined), OptionError);
    assertThrows(() => w.channels.sendTo("ada", 1, { acks: true } as never), OptionError);
  });
});

describe("a direct queue whose log fails", () => {
  for (
    const [name, calls] of [["reads", ["read", "tops", "follow"]], ["leases", ["take", "release"]], ["removes", [
      "remove",
    ]]] as const
  ) {
    for (const fault of ["before", "after"] as const) {
      it(`${name}, ${fault} it took effect: the message comes, and its acknowledgement is kept`, async () => {
        const { w, log, ends, all } = await shared(1);
        await using _ = w;
        const ada = await w.client({ token: "ada" });
        await w.quiet();
        let left = 2;
        ends[0].faults = {
          call: (call, what) =>
            (calls as readonly string[]).includes(call) && /\$user/.test(what) && left-- > 0 ? fault : null,
        };
        await all[0].channels.sendTo("ada", 1);
        await w.within(10_000, () => ada.of("d").length > 0);
        ada.say(["ack", [idOf(ada, 1)]]);
        await w.pass(10_000);
        assertEquals((await log.streams.read("$user:ada", 0, { count: 9, bytes: 999 })).entries, []);
        assertLess(left, 2);
        assertEquals(await log.leases.leases("tries:$user:ada"), []);
      });
    }
  }

  it("and who connects while it does gets its messages when it is there again", async () => {
    const { w, ends, all } = await shared(1);
    await using _ = w;
    await all[0].channels.sendTo("ada", 1);
    ends[0].faults = { call: (name, what) => /\$user/.test(what) && name !== "append" ? "before" : null };
    const ada = await w.client({ token: "ada" });
    await w.pass(3000);
    assertEquals(given(ada), []);
    ends[0].faults = {};
    await w.within(10_000, () => ada.of("d").length > 0);
    assertEquals(given(ada), ["1 1"]);
    await all[0].channels.sendTo("ada", 2);
    await w.within(2000, () => ada.of("d").length > 1);
  });

  it("rejects what was not taken", async () => {
    const { w, ends, all } = await shared(1);
    await using _ = w;
    ends[0].faults = { call: (name) => name === "append" ? "before" : null };
    const error = await assertRejects(() => all[0].channels.sendTo("ada", 1), ChannelError);
    assertEquals(error.reason, "unavailable");
  });
});

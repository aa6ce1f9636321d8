import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { ALL } from "../../src/channels/server/control.ts";
import type { AcceptOptions, ChannelsOptions, Identity } from "../../src/channels/channels_api.ts";
import { ChannelsWorld, channelsWorld, type Instance, type WsTalker } from "../support/channels_world.ts";
import { type LogEnd, SharedLog } from "../support/shared_log.ts";

const BY_TOKEN: AcceptOptions = { authenticate: ({ token }) => ({ user: token ?? "nobody" }), authorize: () => true };

/** Instances that share a log. */
async function shared(
  count: number,
  accept: AcceptOptions = BY_TOKEN,
  options: ChannelsOptions = {},
): Promise<{ w: ChannelsWorld; log: SharedLog; ends: LogEnd[]; all: Instance[] }> {
  const w = new ChannelsWorld();
  const log = new SharedLog(w.clock);
  const ends: LogEnd[] = [];
  const all: Instance[] = [];
  for (let i = 0; i < count; i++) {
    const end = log.open();
    ends.push(end);
    all.push(await w.start({ log: end, instance: `i${i + 1}`, ...options }, accept));
  }
  return { w, log, ends, all };
}

function idOf(client: WsTalker): string {
  return client.ticket!.split(".")[0];
}

describe("a session that was asked nothing", () => {
  it("is a user of its own, who has a queue and can be revoked", async () => {
    await using w = await channelsWorld({}, { authorize: () => true });
    const one = await w.client();
    const two = await w.client();
    const user = `anonymous-${idOf(one)}`;
    assertEquals(one.of("welcome")[0][3], user);
    await w.channels.sendTo(user, "for one");
    await one.next("d");
    await w.channels.revoke({ user });
    assertEquals(await one.ended(), 4403);
    await w.quiet();
    assertEquals([two.of("d").length, two.closed, w.channels.size], [0, null, 1]);
  });

  it("is not whoever bears that name", async () => {
    await using w = await channelsWorld({}, { authenticate: ({ token }) => ({ user: token ?? "nobody" }) });
    const ada = await w.client({ token: "ada" });
    const other = await w.client({ token: `anonymous-${idOf(ada)}` });
    await w.channels.revoke({ user: `anonymous-${idOf(ada)}` });
    assertEquals(await other.ended(), 4403);
    await w.quiet();
    assertEquals(ada.closed, null);
  });
});

describe("a session with two connections", () => {
  it("goes on in the later one, and closes the earlier", async () => {
    await using w = await channelsWorld({ session: { expiry: 1000 } }, BY_TOKEN);
    const one = await w.client({ token: "ada", subs: [["a"]] });
    const two = await w.client({ token: "ada", ticket: one.ticket, subs: [["a"]] });
    assertEquals(await one.ended(), 4409);
    await two.next("live");
    await w.channels.publish("a", 1);
    await two.next("m");
    assertEquals([one.of("m"), two.closed, w.channels.size], [[], null, 1]);
    // The end of the earlier one is not the session's: it waits for nobody, and does not expire.
    await w.pass(3000);
    await w.channels.sendTo("ada", "direct");
    await two.next("d");
    assertEquals([two.closed, w.channels.size], [null, 1]);
  });

  it("has one of both, when both say hello at the same time", async () => {
    for (let ticks = 0; ticks < 30; ticks++) {
      await using w = await channelsWorld({ session: { expiry: 1000 } }, BY_TOKEN);
      const first = await w.client({ token: "ada" });
      first.cut();
      const both = [await w.dial(), await w.dial()];
      both[0].say(["hello", 1, "ada", first.ticket, [["a"]]]);
      for (let i = 0; i < ticks; i++) await Promise.resolve();
      both[1].say(["hello", 1, "ada", first.ticket, [["a"]]]);
      await w.until(() => both.some(({ closed }) => closed !== null), () => both[0].story("the end of one"));
      await w.quiet();
      const open = both.filter(({ closed }) => closed === null);
      assertEquals([open.length, both.find(({ closed }) => closed !== null)?.closed], [1, 4409]);
      await w.channels.publish("a", 1);
      await open[0].next("m");
      assertEquals(w.channels.size, 1);
    }
  });

  it("goes on at the instance where it came last", async () => {
    const { w, all: [one, two] } = await shared(2);
    await using _ = w;
    const first = await w.client({ token: "ada", subs: [["a"]] }, one);
    await first.next("live");
    const second = await w.dial(two);
    assertEquals((await second.hello({ token: "ada", ticket: first.ticket, subs: [["a"]] })).slice(1, 3), [
      first.ticket!,
      true,
    ]);
    assertEquals(await first.ended(), 4409);
    assertEquals([one.channels.size, two.channels.size], [0, 1]);
    const third = await w.client({ token: "ada", ticket: first.ticket }, one);
    assertEquals([await second.ended(), third.closed], [4409, null]);
  });

  it("has one of both at two instances, however slow one's log is, and word of it is lost or comes late", async () => {
    for (let seed = 0; seed < 24; seed++) {
      const { w, ends, all } = await shared(2);
      await using _ = w;
      const first = await w.client({ token: "ada" }, all[0]);
      first.cut();
      await w.pass(5);
      const slow = [seed % 4 * 20, (seed >> 2) % 3 * 30];
      ends.forEach((end, i) => {
        end.faults = {
          call: (name, what) => name === "take" && what.startsWith("session:") ? slow[i] : null,
          notice: () => seed % 2 === 0 ? "lost" : { late: 40 },
        };
      });
      const both = [await w.dial(all[0]), await w.dial(all[1])];
      both[0].say(["hello", 1, "ada", first.ticket, []]);
      if (seed >= 12) await w.pass(10);
      both[1].say(["hello", 1, "ada", first.ticket, []]);
      await w.within(10_000, () => both.some(({ closed }) => closed !== null));
      await w.pass(3000);
      const open = both.filter(({ closed }) => closed === null);
      assertEquals([open.length, all[0].channels.size + all[1].channels.size], [1, 1], `seed ${seed}`);
    }
  });

  it("a hello whose log answers after another has the session is told so", async () => {
    const { w, ends, all } = await shared(2);
    await using _ = w;
    const first = await w.client({ token: "ada" }, all[0]);
    first.cut();
    await w.pass(5);
    ends[0].faults = { call: (name, what) => name === "take" && what.startsWith("session:") ? 100 : null };
    const early = await w.dial(all[0]);
    early.say(["hello", 1, "ada", first.ticket, []]);
    await w.quiet();
    const late = await w.client({ token: "ada", ticket: first.ticket }, all[1]);
    await w.pass(200);
    assertEquals([early.closed, early.of("error")[0]?.[1], late.closed], [4409, "fenced", null]);
  });
});

describe("a session whose client is away", () => {
  it("is kept until its time is over", async () => {
    await using w = await channelsWorld({ session: { expiry: 1000 } }, BY_TOKEN);
    const client = await w.client({ token: "ada" });
    client.cut();
    await w.pass(990);
    assertEquals(w.channels.size, 1);
    await w.pass(30);
    assertEquals(w.channels.size, 0);
    const again = await w.dial();
    assertEquals((await again.hello({ token: "ada", ticket: client.ticket })).slice(1, 3), [client.ticket!, false]);
  });

  it("is known as resumed at another instance, and as gone when its time is over", async () => {
    const { w, all: [one, two], log } = await shared(2, BY_TOKEN, { session: { expiry: 1000 } });
    await using _ = w;
    for (const [away, resumed] of [[500, true], [1500, false]] as const) {
      const client = await w.client({ token: "ada" }, one);
      client.cut();
      await w.pass(away);
      const again = await w.dial(two);
      assertEquals((await again.hello({ token: "ada", ticket: client.ticket }))[2], resumed);
      again.cut();
      await w.pass(1500);
      assertEquals(await log.leases.leases(`session:${idOf(client)}`), []);
    }
    assertEquals([one.channels.size, two.channels.size], [0, 0]);
  });

  it("stays resumable though it is connected for days", async () => {
    const { w, all: [one, two] } = await shared(2, BY_TOKEN, { lease: 600_000, checkEvery: 600_000 });
    await using _ = w;
    const client = await w.dialTcp(one);
    await client.hello({ token: "ada" });
    await w.pass(25 * 3_600_000, 3_600_000);
    assertEquals(client.closed, null);
    const again = await w.dial(two);
    assertEquals((await again.hello({ token: "ada", ticket: client.ticket }))[2], true);
  });
});

describe("revoking", () => {
  it("a session closes it, and makes its ticket worthless", async () => {
    await using w = await channelsWorld({}, BY_TOKEN);
    const [one, other] = [await w.client({ token: "ada" }), await w.client({ token: "ada" })];
    await w.channels.revoke({ session: idOf(one) });
    assertEquals([await one.ended(), w.channels.size], [4403, 1]);
    const again = await w.dial();
    again.say(["hello", 1, "ada", one.ticket, []]);
    assertEquals([await again.ended(), again.of("error")[0][1]], [4403, "revoked"]);
    assertEquals(other.closed, null);
    await w.client({ token: "ada" });
  });

  it("a user closes all sessions everywhere, those whose clients are away included", async () => {
    const { w, all: [one, two, three] } = await shared(3);
    await using _ = w;
    const ada = [await w.client({ token: "ada" }, one), await w.client({ token: "ada" }, two)];
    const away = await w.client({ token: "ada" }, two);
    const bob = await w.client({ token: "bob" }, two);
    away.cut();
    await w.pass(10);
    await three.channels.revoke({ user: "ada" });
    for (const client of ada) assertEquals(await client.ended(), 4403);
    assertEquals([one.channels.size, two.channels.size, bob.closed], [0, 1, null]);
    for (const { ticket } of [...ada, away]) {
      const again = await w.dial(three);
      again.say(["hello", 1, "ada", ticket, []]);
      assertEquals(await again.ended(), 4403);
    }
    await w.pass(10);
    const fresh = await w.client({ token: "ada" }, one);
    fresh.cut();
    await w.pass(10);
    const [, , resumed] = await (await w.dial(two)).hello({ token: "ada", ticket: fresh.ticket });
    assertEquals(resumed, true);
  });

  it("a user whose instance died: the ticket is worthless at the others", async () => {
    const { w, ends, all: [one, two] } = await shared(2);
    await using _ = w;
    const client = await w.client({ token: "ada" }, one);
    ends[0].kill();
    client.cut();
    await w.pass(10);
    await two.channels.revoke({ user: "ada" });
    const again = await w.dial(two);
    again.say(["hello", 1, "ada", client.ticket, []]);
    assertEquals(await again.ended(), 4403);
  });

  it("reaches a session that is just being attached", async () => {
    for (const whom of ["session", "user"] as const) {
      for (const at of ["leases", "take"]) {
        const { w, ends, all: [one, two] } = await shared(2);
        await using _ = w;
        const client = await w.client({ token: "ada" }, one);
        client.cut();
        await w.pass(5);
        ends[0].faults = { call: (name, what) => name === at && /^(session|revoked)/.test(what) ? 100 : null };
        const again = await w.dial(one);
        again.say(["hello", 1, "ada", client.ticket, []]);
        await w.quiet();
        await two.channels.revoke(whom === "user" ? { user: "ada" } : { session: idOf(client) });
        await w.pass(1500);
        assertEquals([again.closed, one.channels.size], [4403, 0], `${whom} ${at}`);
      }
    }
  });

  it("is heard though word of it is lost on its way", async () => {
    const { w, ends, all: [one, two] } = await shared(2);
    await using _ = w;
    ends[0].faults = { notice: (stream) => stream === ALL ? "lost" : null };
    const client = await w.client({ token: "ada" }, one);
    await two.channels.revoke({ user: "ada" });
    await w.pass(1100);
    assertEquals(client.closed, 4403);
  });
});

describe("a token", () => {
  const MINUTE = 60_000;

  /** A server whose tokens are a user and the ms that they are good for. */
  function accept(w: { clock?: ChannelsWorld["clock"] }): AcceptOptions {
    return {
      authenticate: ({ token }): Identity | null => {
        const [user, ms] = (token ?? "").split(" ");
        return user === "" ? null : { user, expires: w.clock!.wall() + Number(ms), data: token };
      },
      authorize: ({ session, channel }) => (session.data as string).includes("admin") || !channel.startsWith("admin"),
      webSocket: { heartbeat: false },
    };
  }

  async function tokens(): Promise<ChannelsWorld> {
    const place: { clock?: ChannelsWorld["clock"] } = {};
    const w = new ChannelsWorld();
    place.clock = w.clock;
    await w.start({}, accept(place));
    return w;
  }

  it("is asked for before its time is over, and its end closes the connection", async () => {
    await using w = await tokens();
    const client = await w.client({ token: `ada ${10 * MINUTE}` });
    await w.pass(9.5 * MINUTE - 50, 1000);
    assertEquals(client.of("token"), []);
    await w.pass(100);
    assertEquals(client.of("token"), [["token"]]);
    await w.pass(0.5 * MINUTE - 200, 1000);
    assertEquals(client.closed, null);
    await w.pass(300);
    assertEquals([client.closed, client.of("error")[0][1]], [4402, "expired"]);
  });

  it("that is short-lived is asked for in the last fifth of its life", async () => {
    await using w = await tokens();
    const client = await w.client({ token: "ada 1000" });
    await w.pass(790);
    assertEquals(client.of("token"), []);
    await w.pass(30);
    assertEquals(client.of("token").length, 1);
  });

  it("that is fresh keeps the place, and may allow less", async () => {
    await using w = await tokens();
    const client = await w.client({ token: "ada 1000 admin", subs: [["a"], ["admin:1"], ["admin*"]] });
    await client.next("live", 2);
    await w.pass(900);
    client.say(["token", `ada ${MINUTE}`]);
    await client.next("refused", 2);
    await w.pass(2000);
    assertEquals(client.of("refused").map(([, name, code]) => [name, code]).sort(), [
      ["admin*", "forbidden"],
      ["admin:1", "forbidden"],
    ]);
    await w.channels.publish("admin:1", 1);
    await w.channels.publish("a", 1);
    await client.next("m");
    await w.quiet();
    assertEquals([client.offsets("a"), client.offsets("admin:1"), client.closed], [[1], [], null]);
  });

  it("that is no good, or another user's, ends the connection", async () => {
    for (const token of ["", "bob 1000", null, 7]) {
      await using w = await tokens();
      const client = await w.client({ token: "ada 1000" });
      client.say(["token", token]);
      assertEquals([await client.ended(), client.of("error")[0][1]], [4401, "unauthorized"]);
    }
  });

  it("that is over already is none; one that lasts for months is", async () => {
    await using w = await tokens();
    const over = await w.dial();
    over.say(["hello", 1, "ada -1", null, []]);
    assertEquals([await over.ended(), over.of("welcome")], [4402, []]);
    const long = await w.client({ token: `ada ${60 * 24 * 60 * MINUTE}` });
    await w.pass(26 * 24 * 60 * MINUTE, 24 * 60 * MINUTE);
    assertEquals([long.of("token"), long.closed], [[], null]);
  });

  it("a connection that ends while a fresh one is looked at leaves no timer behind", async () => {
    let answer = (_: Identity): void => {};
    await using w = await channelsWorld({ session: { expiry: 10 } }, {
      authenticate: ({ session }) =>
        session === null ? { user: "ada" } : new Promise<Identity>((resolve) => answer = resolve),
    });
    const client = await w.client({ token: "ada" });
    await w.pass(50);
    client.say(["token", "x"]);
    await w.quiet();
    client.cut();
    await w.pass(100);
    const pending = w.clock.pending;
    answer({ user: "ada", expires: w.clock.wall() + 1000 });
    await w.quiet();
    assertEquals(w.clock.pending, pending);
  });
});

describe("authorize()", () => {
  it("is asked at each action: subscribe, resume, publish", async () => {
    const asked: string[] = [];
    await using w = await channelsWorld({}, {
      authorize: ({ action, channel }) => {
        asked.push(`${action} ${channel}`);
        return channel !== "no";
      },
    });
    const client = await w.client({ subs: [["a"], ["no"], ["r*"]] });
    await client.next("live");
    await client.next("watch");
    client.say(["pub", 1, "a", 1]);
    await client.next("ok");
    const positions = { a: client.position("a") };
    client.cut();
    const again = await w.client({ ticket: client.ticket, subs: [["a", positions], ["r*", {}], ["no", positions]] });
    await again.next("live");
    await again.next("refused");
    await again.next("watch");
    assertEquals(asked, [
      "subscribe a",
      "subscribe no",
      "subscribe r*",
      "publish a",
      "resume a",
      "resume r*",
      "resume no",
    ]);
  });

  it("that takes long, or a client that leaves meanwhile, subscribes to nothing", async () => {
    let answer = (_: boolean): void => {};
    await using w = await channelsWorld({ session: { expiry: 10 } }, {
      authorize: () => new Promise<boolean>((resolve) => answer = resolve),
    });
    const client = await w.client({ subs: [["a"]] });
    await w.quiet();
    client.cut();
    await w.pass(50);
    answer(true);
    await w.quiet();
    assertEquals(w.channels.size, 0);
  });
});

describe("a client that leaves", () => {
  it("at any moment of its hello leaves nothing behind", async () => {
    for (let turns = 0; turns < 14; turns++) {
      await using w = await channelsWorld({ session: { expiry: 10 } }, BY_TOKEN);
      await w.channels.publish("a", 1);
      const client = await w.dial();
      client.say(["hello", 1, "ada", null, [["a", null, { since: "oldest", member: 1 }], ["r*"]]]);
      for (let i = 0; i < turns; i++) await w.clock.settle();
      client.cut();
      await w.pass(50);
      await w.pass(100);
      assertEquals([w.channels.size, await w.channels.members("a"), w.instances[0].failures], [0, [], []]);
    }
  });
});

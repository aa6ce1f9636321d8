import { describe, it } from "node:test";
import { assert, assertEquals, assertLess, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../mod.ts";
import type { AcceptOptions, MessageContext } from "../../src/channels/channels_api.ts";
import { ChannelError, memoryLog } from "../../src/channels/mod.ts";
import { ChannelsWorld, channelsWorld, type Talker } from "../support/channels_world.ts";
import { SharedLog } from "../support/shared_log.ts";

const OPEN: AcceptOptions = { authorize: () => true };

/** What the server has answered, in short. */
function answers(client: Talker): unknown[][] {
  return client.heard.filter(([word]) => ["ok", "no", "answer", "failed"].includes(word as string))
    .map(([word, seq, a, b]) => word === "answer" ? [word, seq, b] : word === "ok" ? [word, seq] : [word, seq, a]);
}

/** A promise that a test fulfils. */
function gate(): { readonly open: () => void; readonly wait: Promise<void> } {
  let open = (): void => {};
  const wait = new Promise<void>((resolve) => open = resolve);
  return { open, wait };
}

describe("publishing on the server", () => {
  it("the same id is the same message", async () => {
    await using w = await channelsWorld();
    const client = await w.client({ subs: [["a"]] });
    await client.next("live");
    const first = await w.channels.publish("a", 1, { id: "x" });
    const again = await w.channels.publish("a", 2, { id: "x" });
    assertEquals([first.duplicate, again], [false, { ...first, duplicate: true }]);
    assertEquals((await w.channels.publish("b", 1, { id: "x" })).duplicate, false);
    await w.pass(300_001, 150_000);
    assertEquals((await w.channels.publish("a", 3, { id: "x" })).duplicate, false);
    const late = await w.client({ subs: [["a", null, { since: "oldest" }]] });
    await late.next("live");
    assertEquals([client.messages("a"), late.messages("a")], [[1], [3]]);
  });

  it("carries bytes and headers, and keeps what it was given", async () => {
    await using w = await channelsWorld();
    const client = await w.client({ subs: [["a"]] });
    await client.next("live");
    const bytes = Uint8Array.of(0, 1, 255);
    const headers: Record<string, string> = { traceparent: "00-1" };
    await w.channels.publish("a", bytes, { headers });
    bytes.fill(7);
    headers.traceparent = "changed";
    await w.channels.publish("a", new Uint16Array([258]));
    await w.channels.publish("a", new Uint8Array([1, 2, 3]).buffer);
    await w.channels.publish("a", null, { headers: { x: "é" } });
    await client.next("m", 4);
    const [first, second, third, fourth] = client.of("m");
    assertEquals(first, ["m", "a", 1, Uint8Array.of(0, 1, 255), { traceparent: "00-1" }]);
    assertEquals([second[3], third[3]], [Uint8Array.of(2, 1), Uint8Array.of(1, 2, 3)]);
    assertEquals(fourth, ["m", "a", 4, null, { x: "é" }]);
  });

  it("refuses at once what can't be a message", async () => {
    await using w = await channelsWorld({ limits: { maxMessageBytes: 8 } });
    const { channels } = w;
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    for (const data of [undefined, () => {}, 1n, cyclic]) {
      assertThrows(() => channels.publish("a", data), OptionError);
    }
    for (const channel of ["", "$x", "a*", "a\n", "x".repeat(256), "\ud800", 1 as never]) {
      assertThrows(() => channels.publish(channel, 1), OptionError);
    }
    for (const headers of [1, null, { x: 1 }, { x: "x".repeat(4096) }, []]) {
      assertThrows(() => channels.publish("a", 1, { headers: headers as never }), OptionError);
    }
    for (const id of ["", "x".repeat(256), 1]) {
      assertThrows(() => channels.publish("a", 1, { id: id as never }), OptionError);
    }
    assertThrows(() => channels.publish("a", 1, { idd: "x" } as never), OptionError, "did you mean id?");
    assertEquals(assertThrows(() => channels.publish("a", "€€€"), ChannelError).reason, "too-large");
    assertEquals(assertThrows(() => channels.publish("a", new Uint8Array(9)), ChannelError).reason, "too-large");
    assertEquals((await channels.publish("a", "123456")).offset, 1);
  });

  it("rejects where the log failed, and may be repeated with its id", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const end = log.open();
    await w.start({ log: end });
    const client = await w.client({ subs: [["a"]] });
    await client.next("live");
    for (const fault of ["before", "after"] as const) {
      end.faults = { call: (name) => name === "append" ? fault : null };
      const error = await assertRejects(() => w.channels.publish("a", fault, { id: fault }), ChannelError);
      assertEquals(error.reason, "unavailable");
      end.faults = {};
      assertEquals((await w.channels.publish("a", fault, { id: fault })).duplicate, fault === "after");
    }
    await client.next("m", 2);
    await w.pass(2000);
    assertEquals(client.messages("a"), ["before", "after"]);
  });
});

describe("a client publishes", () => {
  it("in order, and is told where its messages are", async () => {
    await using w = await channelsWorld({}, OPEN);
    const client = await w.client({ subs: [["a"]] });
    client.say(["pub", 1, "a", "x"], ["pub", 2, "a", Uint8Array.of(1, 2)], ["pub", 3, "b", "z", { h: "1" }]);
    await client.next("ok", 3);
    assertEquals(client.of("ok"), [["ok", 1, 1, false], ["ok", 2, 2, false], ["ok", 3, 1, false]]);
    await client.next("m", 2);
    assertEquals(client.messages("a"), ["x", Uint8Array.of(1, 2)]);
  });

  it("only where it is allowed to, which nobody is without authorize()", async () => {
    await using w = await channelsWorld({}, {
      authorize: ({ action, channel }) => action !== "publish" || channel === "a",
    });
    const closed = await w.start();
    const client = await w.client();
    client.say(["pub", 1, "a", 1], ["pub", 2, "b", 1], ["pub", 3, "$x", 1], ["pub", 4, "a*", 1], ["pub", 5, "a", 1]);
    await client.next("ok", 2);
    assertEquals(answers(client), [["ok", 1], ["no", 2, "forbidden"], ["no", 3, "bad-channel"], [
      "no",
      4,
      "bad-channel",
    ], [
      "ok",
      5,
    ]]);
    const other = await w.client({}, closed);
    other.say(["pub", 1, "a", 1]);
    assertEquals((await other.next("no"))[2], "forbidden");
  });

  it("authorize() that fails, or says something but true, allows nothing", async () => {
    for (const authorize of [() => Promise.reject(new Error("down")), () => 1, () => undefined, () => "yes"]) {
      await using w = await channelsWorld({}, { authorize: authorize as never });
      const client = await w.client({ subs: [["a"]] });
      client.say(["pub", 1, "a", 1]);
      await client.next("no");
      await client.next("refused");
      assertEquals([client.of("subbed"), client.closed], [[], null]);
    }
  });

  it("too much is refused; a frame beyond reason ends the connection", async () => {
    await using w = await channelsWorld({ limits: { maxMessageBytes: 100 } }, OPEN);
    const client = await w.client();
    client.say(["pub", 1, "a", "x".repeat(99)], ["pub", 2, "a", new Uint8Array(101)], ["pub", 3, "a", "x"]);
    await client.next("ok");
    assertEquals(answers(client), [["no", 1, "too-large"], ["no", 2, "too-large"], ["ok", 3]]);
    client.say(["pub", 4, "a", "x".repeat(40_000)]);
    assertEquals(await client.ended(), 1009);
    assertEquals((await w.channels.publish("a", 1)).offset, 2);
  });

  it("what is said again on the next connection is there once", async () => {
    await using w = await channelsWorld({}, OPEN);
    const client = await w.client();
    client.say(["pub", 1, "a", 1], ["pub", 2, "a", 2]);
    await client.next("ok", 2);
    client.cut();
    const again = await w.client({ ticket: client.ticket });
    again.say(["pub", 1, "a", 1], ["pub", 2, "a", 2], ["pub", 3, "a", 3]);
    await again.next("ok", 3);
    assertEquals(again.of("ok"), [["ok", 1, 1, true], ["ok", 2, 2, true], ["ok", 3, 3, false]]);
  });

  it("the same at another instance that shares the log", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const [one, two] = [await w.start({ log: log.open() }, OPEN), await w.start({ log: log.open() }, OPEN)];
    const client = await w.client({}, one);
    client.say(["pub", 1, "a", 1], ["pub", 2, "a", 2]);
    await client.next("ok", 2);
    const again = await w.client({ ticket: client.ticket }, two);
    again.say(["pub", 2, "a", 2], ["pub", 3, "a", 3]);
    await again.next("ok", 2);
    assertEquals(again.of("ok"), [["ok", 2, 2, true], ["ok", 3, 3, false]]);
  });

  it("what the log does not take holds back what is behind it, until it is said again", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const end = log.open();
    await w.start({ log: end }, OPEN);
    const client = await w.client();
    let left = 1;
    end.faults = { call: (name, stream) => name === "append" && stream === "a" && left-- > 0 ? "before" : null };
    client.say(["pub", 1, "a", 1], ["pub", 2, "a", 2], ["pub", 3, "a", 3]);
    await client.next("no", 3);
    assertEquals(answers(client), [1, 2, 3].map((seq) => ["no", seq, "unavailable"]));
    client.say(["pub", 2, "a", 2], ["pub", 1, "a", 1], ["pub", 2, "a", 2], ["pub", 3, "a", 3]);
    await client.next("ok", 3);
    const { entries } = await log.streams.read("a", 0, { count: 10, bytes: 1000 });
    assertEquals(entries.map(({ data }) => data), ["1", "2", "3"]);
  });

  it("what fails here that was dealt with elsewhere meanwhile holds back nothing", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const slow = gate();
    let asked = 0;
    const failing: AcceptOptions = {
      authorize: async () => {
        if (++asked > 1) return true;
        await slow.wait;
        throw new ChannelError("unavailable", "Not now");
      },
    };
    // Word of where the session is does not come.
    const deaf = log.open({ notice: () => "lost" });
    const [one, two] = [await w.start({ log: deaf }, failing), await w.start({ log: log.open() }, OPEN)];
    const client = await w.client({}, one);
    client.say(["pub", 1, "a", 1], ["pub", 2, "a", 2]);
    await w.quiet();
    const there = await w.client({ ticket: client.ticket }, two);
    there.say(["pub", 1, "a", 1], ["pub", 2, "a", 2]);
    await there.next("ok", 2);
    const back = await w.client({ ticket: client.ticket }, one);
    slow.open();
    await w.quiet();
    back.say(["pub", 3, "a", 3]);
    await w.quiet();
    assertEquals(answers(back).at(-1), ["ok", 3]);
  });
});

describe("a session that an instance has taken by a call that failed", () => {
  it("goes on there, holds back nothing that was dealt with elsewhere, and ends where it was", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    // Word of where the session is does not come to the first.
    const deaf = log.open({ notice: () => "lost" });
    const [one, two] = [await w.start({ log: deaf }, OPEN), await w.start({ log: log.open() }, OPEN)];
    let failing = (name: string, what: string): boolean => name === "append" && what === "a";
    deaf.faults.call = (name, what) => failing(name, what) ? name === "take" ? "after" : "before" : null;
    const client = await w.client({}, one);
    client.say(["pub", 1, "a", 1], ["pub", 2, "a", 2]);
    await client.next("no", 2);
    const there = await w.client({ ticket: client.ticket }, two);
    there.say(["pub", 1, "a", 1], ["pub", 2, "a", 2]);
    await there.next("ok", 2);
    failing = (name) => name === "take";
    const refused = await w.dial(one);
    refused.say(["hello", 1, null, client.ticket, []]);
    await refused.ended();
    failing = () => false;
    const back = await w.client({ ticket: client.ticket }, one);
    back.say(["pub", 3, "a", 3]);
    await back.next("ok");
    await w.within(5000, () => two.channels.size === 0);
    assertEquals([answers(back), await there.ended(), back.closed, one.channels.size], [[["ok", 3]], 4409, null, 1]);
  });
});

describe("a message for the application", () => {
  it("comes to onMessage one after the other, and is answered when it is handled", async () => {
    const heard: unknown[] = [];
    const slow = gate();
    await using w = await channelsWorld({}, {
      authenticate: () => ({ user: "ada", data: 7 }),
      onMessage: async ({ data, headers, seq, session }) => {
        heard.push([data, headers, seq, session.user, session.data]);
        if (seq === 1) await slow.wait;
      },
    });
    const client = await w.client();
    client.say(["msg", 1, null, "x", { h: "1" }], ["msg", 2, null, Uint8Array.of(9)]);
    await w.quiet();
    assertEquals([heard.length, answers(client)], [1, []]);
    slow.open();
    await client.next("ok", 2);
    assertEquals(heard, [["x", { h: "1" }, 1, "ada", 7], [Uint8Array.of(9), {}, 2, "ada", 7]]);
  });

  it("is refused where nobody takes it, and where the handler fails; those behind it are handled", async () => {
    await using w = await channelsWorld();
    const client = await w.client();
    client.say(["msg", 1, null, 1]);
    assertEquals((await client.next("no"))[2], "no-handler");
    for (const failing of [() => Promise.reject(new Error("secret")), () => JSON.parse("{")]) {
      await using other = await channelsWorld({}, { onMessage: ({ data }) => data === 1 ? failing() : undefined });
      const client = await other.client();
      client.say(["msg", 1, null, 1], ["msg", 2, null, 2]);
      await client.next("ok");
      assertEquals(client.of("no"), [["no", 1, "handler-failed", "The handler failed"]]);
      assertEquals(other.instances[0].failures.length, 1);
    }
  });

  it("is handled though the one before it failed, and with it the logger: its client is told all the same", async () => {
    const logger = { debug() {}, info() {}, warn() {}, error: () => JSON.parse("{"), critical() {} };
    await using w = await channelsWorld({ logger }, {
      onMessage: ({ data }) => data === 1 ? JSON.parse("{") : undefined,
    });
    const client = await w.client();
    client.say(["msg", 1, null, 1], ["msg", 2, null, 2]);
    await w.quiet();
    client.say(["msg", 3, null, 3]);
    await client.next("ok", 2);
    assertEquals(answers(client), [["no", 1, "handler-failed"], ["ok", 2], ["ok", 3]]);
  });

  it("is told what the handler says with an error of channels", async () => {
    await using w = await channelsWorld({}, {
      onMessage: () => Promise.reject(new ChannelError("forbidden", "Not today")),
    });
    const client = await w.client();
    client.say(["msg", 1, null, 1]);
    assertEquals(await client.next("no"), ["no", 1, "forbidden", "Not today"]);
  });

  it("that was handled is not handled again, and one that was refused is refused again", async () => {
    const seen: number[] = [];
    await using w = await channelsWorld({}, {
      onMessage: ({ seq }) => {
        seen.push(seq);
        if (seq === 2) throw new ChannelError("forbidden", "Not two");
      },
    });
    const client = await w.client();
    client.say(["msg", 1, null, 1], ["msg", 2, null, 1], ["msg", 3, null, 1]);
    await client.next("ok", 2);
    client.cut();
    const again = await w.client({ ticket: client.ticket });
    again.say(["msg", 1, null, 1], ["msg", 2, null, 1], ["msg", 3, null, 1]);
    assertEquals(await again.next("no"), ["no", 2, "forbidden", "Not two"]);
    await again.next("ok", 2);
    assertEquals(seen, [1, 2, 3]);
  });

  it("what its handler could not publish for now is not passed over when it is said again", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const end = log.open();
    const seen: number[] = [];
    await w.start({ log: end }, {
      onMessage: async ({ seq, data }, ctx) => {
        seen.push(seq);
        await ctx.publish("a", data);
      },
    });
    const client = await w.client();
    let left = 1;
    end.faults = { call: (name, stream) => name === "append" && stream === "a" && left-- > 0 ? "before" : null };
    client.say(["msg", 1, null, 1], ["msg", 2, null, 2]);
    await client.next("no", 2);
    client.say(["msg", 1, null, 1], ["msg", 2, null, 2]);
    await client.next("ok", 2);
    assertEquals(seen, [1, 1, 2]);
    const { entries } = await log.streams.read("a", 0, { count: 10, bytes: 1000 });
    assertEquals(entries.map(({ data }) => data), ["1", "2"]);
  });

  it("that was held back is not passed over by those that its client has said before it heard of that", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const end = log.open();
    await w.start({ log: end }, { ...OPEN, onMessage: async ({ data }, ctx) => void await ctx.publish("a", data) });
    for (const word of ["msg", "pub"]) {
      const client = await w.client();
      const said = (seq: number): [string, number, string, unknown] => [word, seq, "a", `${word} ${seq}`];
      let left = 1;
      end.faults = { call: (name, stream) => name === "append" && stream === "a" && left-- > 0 ? "before" : null };
      // It knows of the first one alone when it says that again, and then something new.
      client.say(said(1), said(2), said(3), said(1), said(4));
      await client.next("ok");
      assertEquals(answers(client).slice(-2), [["ok", 1], ["no", 4, "unavailable"]]);
      client.say(said(2), said(3), said(4));
      await client.next("ok", 3);
      const { entries } = await log.streams.read("a", 0, { count: 10, bytes: 1000 });
      assertEquals(entries.slice(-4).map(({ data }) => data), [1, 2, 3, 4].map((seq) => `"${word} ${seq}"`));
    }
  });

  it("that was refused and is said again behind one that failed is refused again, and holds back nothing", async () => {
    let isDown = false;
    await using w = await channelsWorld({}, {
      onMessage: ({ seq }) => {
        if (seq === 2) throw new ChannelError("forbidden", "Not two");
        if (isDown && seq === 1) throw new ChannelError("unavailable", "Not now");
      },
    });
    const client = await w.client();
    client.say(["msg", 2, null, 2]);
    await client.next("no");
    isDown = true;
    client.say(["msg", 1, null, 1], ["msg", 2, null, 2]);
    await client.next("no", 2);
    isDown = false;
    client.say(["msg", 1, null, 1], ["msg", 2, null, 2], ["msg", 3, null, 3]);
    await client.next("ok", 2);
    assertEquals(answers(client).slice(-3), [["ok", 1], ["no", 2, "forbidden"], ["ok", 3]]);
  });

  it("that waits behind another is left to its client's next connection, where it is said again", async () => {
    const slow = gate();
    const seen: unknown[] = [];
    await using w = await channelsWorld({}, {
      onMessage: async ({ data }) => {
        seen.push(data);
        if (data !== 1) return;
        await slow.wait;
        throw new ChannelError("unavailable", "Not now");
      },
    });
    const client = await w.client();
    client.say(["msg", 1, null, 1], ["msg", 2, null, 2], ["msg", 3, null, 3]);
    await w.until(() => seen.length === 1);
    const again = await w.client({ ticket: client.ticket });
    slow.open();
    await w.quiet();
    // Of the old connection's nothing is told: this one has not asked for it yet.
    assertEquals([seen, answers(again)], [[1], []]);
    again.say(["msg", 1, null, "1 again"], ["msg", 2, null, 2], ["msg", 3, null, 3]);
    await again.next("ok", 3);
    assertEquals(seen, [1, "1 again", 2, 3]);
  });

  it("that is said again while it is handled is handled once", async () => {
    const slow = gate();
    let count = 0;
    await using w = await channelsWorld({}, { onMessage: () => (count++, slow.wait) });
    const client = await w.client();
    client.say(["msg", 1, null, 1]);
    await w.until(() => count === 1);
    client.cut();
    const again = await w.client({ ticket: client.ticket });
    again.say(["msg", 1, null, 1]);
    await w.quiet();
    slow.open();
    await again.next("ok");
    assertEquals(count, 1);
  });

  it("what a handler publishes by its context is there once, though the handler runs twice", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    let runs = 0;
    const accept: AcceptOptions = {
      authenticate: () => ({ user: "ada" }),
      onMessage: async ({ data }, ctx) => {
        runs++;
        await ctx.publish("a", `${data} a`);
        await ctx.publish("a", `${data} b`);
        await ctx.sendTo("bob", data);
      },
    };
    const [one, two] = [await w.start({ log: log.open() }, accept), await w.start({ log: log.open() }, accept)];
    const client = await w.client({}, one);
    client.say(["msg", 1, null, "x"]);
    await client.next("ok");
    const again = await w.client({ ticket: client.ticket }, two);
    again.say(["msg", 1, null, "x"], ["msg", 2, null, "y"]);
    await again.next("ok", 2);
    assertEquals(runs, 3);
    const at = async (stream: string) =>
      (await log.streams.read(stream, 0, { count: 10, bytes: 1000 })).entries.map(({ data }) => data);
    assertEquals(await at("a"), ['"x a"', '"x b"', '"y a"', '"y b"']);
    assertEquals(await at("$user:bob"), ['"x"', '"y"']);
  });

  it("a client that leaves in the middle does not end its handler; a revoked session does, and what waits is dropped", async () => {
    const slow = gate();
    let ctx: MessageContext | undefined;
    const seen: unknown[] = [];
    await using w = await channelsWorld({}, {
      onMessage: async ({ data }, given) => {
        seen.push(data);
        ctx = given;
        await slow.wait;
      },
    });
    const client = await w.client();
    client.say(["msg", 1, null, 1], ["msg", 2, null, 2]);
    await w.until(() => ctx !== undefined);
    client.cut();
    await w.pass(50);
    assertEquals(ctx!.err(), null);
    await w.channels.revoke({ session: client.ticket!.split(".")[0] });
    assert(ctx!.err() !== null);
    slow.open();
    await w.quiet();
    assertEquals(seen, [1]);
  });
});

describe("authorize() that fails", () => {
  it("refuses no message: it is to be said again, and what was said behind it waits", async () => {
    let fails = 3;
    await using w = await channelsWorld({}, {
      authorize: () => {
        if (fails-- > 0) throw new Error("no database");
        return true;
      },
    });
    const client = await w.client();
    client.say(["pub", 1, "a", 1], ["pub", 2, "a", 2]);
    await client.next("no", 2);
    assertEquals(answers(client), [["no", 1, "unavailable"], ["no", 2, "unavailable"]]);
    client.say(["pub", 1, "a", 1], ["pub", 1, "a", 1], ["pub", 1, "a", 1], ["pub", 2, "a", 2]);
    await client.next("ok", 2);
    assertEquals(answers(client).slice(2), [["no", 1, "unavailable"], ["no", 1, "unavailable"], ["ok", 1], ["ok", 2]]);
    assertEquals(w.instances[0].failures.length, 3);
  });

  it("refuses a message after ten failures, and those behind it go on", async () => {
    await using w = await channelsWorld({}, {
      authorize: ({ channel }) => channel === "b" || Promise.reject(new Error("no database")),
    });
    const client = await w.client();
    for (let i = 0; i < 10; i++) client.say(["pub", 1, "a", 1]);
    client.say(["pub", 2, "b", 2]);
    await client.next("ok");
    assertEquals(answers(client).map(([, , code]) => code), [
      ...Array.from({ length: 9 }, () => "unavailable"),
      "handler-failed",
      undefined,
    ]);
  });

  it("and says so by an error of channels is heard at once", async () => {
    await using w = await channelsWorld({}, {
      authorize: () => {
        throw new ChannelError("forbidden", "Not on Sundays");
      },
    });
    const client = await w.client();
    client.say(["pub", 1, "a", 1]);
    assertEquals((await client.next("no")).slice(2), ["forbidden", "Not on Sundays"]);
  });
});

describe("a call", () => {
  const accept: AcceptOptions = {
    onCall: async ({ method, data, headers, session }, ctx) => {
      if (method === "echo") return data;
      if (method === "who") return [session.user, headers];
      if (method === "bytes") return new Uint16Array([258]);
      if (method === "nothing") return undefined;
      if (method === "throw") throw new Error("secret");
      if (method === "refuse") throw new ChannelError("forbidden", "No");
      if (method === "cyclic") {
        const cyclic: unknown[] = [];
        cyclic.push(cyclic);
        return cyclic;
      }
      if (method === "big") return 1n;
      await new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.cause())));
    },
  };

  it("is answered with what the handler gives", async () => {
    await using w = await channelsWorld({}, accept);
    const client = await w.client();
    client.say(["call", 1, ["echo", 0], { x: 1 }], ["call", 2, ["echo", 0], Uint8Array.of(1)]);
    client.say(["call", 3, ["bytes", 0], null], ["call", 4, ["nothing", 0], null], ["call", 5, ["who", 0], 1, {
      h: "1",
    }]);
    await client.next("answer", 5);
    const byNumber = client.of("answer").map(([, seq, , data]) => [seq, data]).sort();
    const user = client.of("welcome")[0][3];
    assertEquals(byNumber, [[1, { x: 1 }], [2, Uint8Array.of(1)], [3, Uint8Array.of(2, 1)], [4, null], [5, [user, {
      h: "1",
    }]]]);
  });

  it("fails with a word, and nothing of what went wrong inside", async () => {
    await using w = await channelsWorld({}, accept);
    const other = await w.client();
    for (const [i, method] of ["throw", "refuse", "cyclic", "big"].entries()) {
      other.say(["call", i + 1, [method, 0], 1]);
    }
    await other.next("failed", 4);
    const failed = other.of("failed").map(([, seq, code, message]) => [seq, code, message]).sort();
    const inside = ["handler-failed", "The handler failed"];
    assertEquals(failed, [[1, ...inside], [2, "forbidden", "No"], [3, ...inside], [4, ...inside]]);
  });

  it("nobody answers: it is told", async () => {
    await using w = await channelsWorld();
    const client = await w.client();
    client.say(["call", 1, ["x", 0], 1]);
    assertEquals((await client.next("failed"))[2], "no-handler");
  });

  it("ends with its time, with its cancellation, and with its session; its handler hears of it", async () => {
    await using w = await channelsWorld({}, accept);
    const client = await w.client();
    client.say(["call", 1, ["wait", 100], 1], ["call", 2, ["wait", 0], 1], ["cancel", 2], ["cancel", 99]);
    await client.next("failed");
    assertEquals(answers(client), [["failed", 2, "canceled"]]);
    await w.pass(99);
    assertEquals(client.of("failed").length, 1);
    await w.pass(2);
    assertEquals(answers(client), [["failed", 2, "canceled"], ["failed", 1, "timeout"]]);
    client.say(["call", 3, ["wait", 0], 1]);
    await w.quiet();
    await w.channels.revoke({ session: client.ticket!.split(".")[0] });
    assertEquals(await client.ended(), 4403);
  });

  it("that never ends is answered once, though it is said again on the next connection", async () => {
    const slow = gate();
    let count = 0;
    await using w = await channelsWorld({}, {
      onCall: async () => {
        count++;
        await slow.wait;
        return count;
      },
    });
    const client = await w.client();
    client.say(["call", 1, ["x", 0], 1]);
    await w.until(() => count === 1);
    client.cut();
    const again = await w.client({ ticket: client.ticket });
    again.say(["call", 1, ["x", 0], 1]);
    await w.quiet();
    slow.open();
    await again.next("answer");
    await w.quiet();
    assertEquals([count, again.of("answer").length], [1, 1]);
  });

  it("several run side by side, and a message is not held back by them", async () => {
    const slow = gate();
    let running = 0;
    await using w = await channelsWorld({}, {
      onCall: async () => {
        running++;
        await slow.wait;
      },
      onMessage: () => {},
    });
    const client = await w.client();
    for (let i = 1; i <= 10; i++) client.say(["call", i, ["x", 0], 1]);
    client.say(["msg", 1, null, 1]);
    await client.next("ok");
    assertEquals(running, 10);
    slow.open();
    await client.next("answer", 10);
  });
});

describe("a flood", () => {
  it("is read no further than maxPending: neither messages nor calls gather", async () => {
    const slow = gate();
    let begun = 0;
    await using w = await channelsWorld({ limits: { maxPending: 4 } }, {
      onMessage: async () => {
        begun++;
        await slow.wait;
      },
      onCall: async () => {
        begun++;
        await slow.wait;
      },
    });
    const data = "x".repeat(1000);
    const client = await w.client();
    for (let i = 1; i <= 300; i++) client.say(["call", i, ["x", 0], data]);
    await w.quiet();
    assertEquals(begun, 4);
    const talker = await w.client();
    for (let i = 1; i <= 2000; i++) talker.say(["msg", i, null, data]);
    await w.quiet();
    assertEquals(begun, 5);
    assertLess(talker.socket.peer.unsent, 1);
    slow.open();
    await client.next("answer", 300);
    await talker.next("ok", 2000);
    assertEquals(talker.of("ok").map(([, seq]) => seq), Array.from({ length: 2000 }, (_, i) => i + 1));
  });

  it("of a client that has left is over when its handlers are", async () => {
    const slow = gate();
    let begun = 0;
    await using w = await channelsWorld({ limits: { maxPending: 2 }, session: { expiry: 100 } }, {
      onMessage: async () => {
        begun++;
        await slow.wait;
      },
    });
    for (const client of [await w.client(), await w.dialTcp()]) {
      if (client.ticket === null) await client.hello();
      for (let i = 1; i <= 50; i++) client.say(["msg", i, null, i]);
      await w.quiet();
      client.cut();
      await w.pass(200);
      assertEquals(w.channels.size, 0);
    }
    slow.open();
  });
});

describe("what handlers publish by", () => {
  it("is not the application's id", async () => {
    await using w = await channelsWorld({ log: memoryLog() }, {
      onMessage: async ({ session }, ctx) => {
        await ctx.publish("a", "handler");
        await w.channels.publish("a", "application", { id: `m:${session.id}:1:1` });
      },
    });
    const client = await w.client({ subs: [["a"]] });
    client.say(["msg", 1, null, 1]);
    await client.next("m", 2);
    assertEquals(client.messages("a"), ["handler", "application"]);
  });
});

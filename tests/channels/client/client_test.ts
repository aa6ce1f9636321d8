/** The client of channels against a server whose every frame is handed on by the test. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../../src/errors.ts";
import { ChannelClient, ChannelError, memoryOutbox, type ReceivedMessage } from "../../../src/channels/client/mod.ts";
import { CLOSE_CODES } from "../../../src/channels/wire/frames.ts";
import { collect, FakeServer, fateOf, meet } from "../../fixtures/channel_world.ts";

const data = (message: ReceivedMessage): unknown => message.data;

describe("a subscription", () => {
  it("hands out what is published from now on, in order, with headers and positions", async () => {
    const { server, client, states } = meet();
    server.publish("room", "before");
    const sub = client.subscribe("room");
    const seen = collect(sub, (message) => message);
    await server.settle();
    assertEquals(sub.position, "1.e1.a");
    server.publish("room", { n: 1 }, { traceparent: "00-1" });
    server.publish("room", new Uint8Array([1, 2]));
    await server.settle();
    assertEquals(seen.all, [
      { channel: "room", offset: 2, data: { n: 1 }, headers: { traceparent: "00-1" }, position: "2.e1.a" },
      { channel: "room", offset: 3, data: new Uint8Array([1, 2]), headers: {}, position: "3.e1.a" },
    ]);
    assertEquals([sub.position, states], ["3.e1.a", ["catching-up", "live"]]);
    assertEquals(server.last.protocols, ["channels.sluice", "farewell.sluice", "heartbeat.sluice"]);
  });

  it("begins with the oldest, or behind a position", async () => {
    const { server, client } = meet();
    for (const n of [1, 2, 3]) server.publish("room", n);
    for (const n of [1, 2, 3]) server.publish("hall", n);
    const room = collect(client.subscribe("room", { since: "oldest" }), data);
    const hall = collect(client.subscribe("hall", { since: "2.e2.a" }), data);
    await server.settle();
    assertEquals([room.all, hall.all], [[1, 2, 3], [3]]);
  });

  it("goes on where it was after a lost connection, and hands out nothing twice", async () => {
    const { server, client, states } = meet();
    const seen = collect(client.subscribe("room"), data);
    await server.settle();
    server.publish("room", 1);
    await server.settle();
    server.last.end();
    server.publish("room", 2);
    server.publish("room", 3);
    await server.pass(1000);
    server.publish("room", 4);
    await server.settle();
    assertEquals(seen.all, [1, 2, 3, 4]);
    assertEquals(states, ["catching-up", "live", "offline", "connecting", "catching-up", "live"]);
    const [, , , session, wishes] = server.last.said("hello")[0];
    assertEquals([session, wishes], ["s1", [["room", { room: "1.e1.a" }, { since: "oldest" }]]]);
  });

  it("tells a gap with its reason where messages are gone, behind those that are not", async () => {
    const { server, client } = meet();
    const sub = client.subscribe("room");
    const seen = collect(sub, data);
    sub.on("gap", (gap) => seen.all.push(gap));
    await server.settle();
    server.publish("room", 1);
    await server.settle();
    server.last.end();
    for (const n of [2, 3, 4]) server.publish("room", n);
    server.trim("room", 1);
    await server.pass(1000);
    assertEquals(seen.all, [1, { channel: "room", reason: "trimmed", position: "3.e1.a" }, 4]);
  });

  it("never pairs a new epoch with an old offset", async () => {
    const { server, client } = meet();
    const sub = client.subscribe("room");
    const seen = collect(sub, ({ data, position }) => [data, position]);
    const gaps: unknown[] = [];
    sub.on("gap", ({ reason, position }) => gaps.push([reason, position, sub.position]));
    await server.settle();
    for (const n of [1, 2, 3]) server.publish("room", n);
    await server.settle();
    server.newEpoch("room");
    await server.settle();
    assertEquals([gaps, sub.position], [[["epoch", "0.e2.a", "0.e2.a"]], "0.e2.a"]);
    server.publish("room", "new");
    await server.settle();
    assertEquals(seen.all.at(-1), ["new", "1.e2.a"]);
    server.last.end();
    server.newEpoch("room");
    server.publish("room", "newer");
    await server.pass(1000);
    assertEquals(gaps.at(-1), ["epoch", "0.e3.a", "0.e3.a"]);
    assertEquals(seen.all, [[1, "1.e1.a"], [2, "2.e1.a"], [3, "3.e1.a"], ["new", "1.e2.a"], ["newer", "1.e3.a"]]);
  });

  it("passes over what it has, whatever a server sends again", async () => {
    const { server, client } = meet();
    const seen = collect(client.subscribe("room"), data);
    await server.settle();
    for (const n of [1, 2]) server.publish("room", n);
    server.last.say("m", "room", 1, "again");
    server.last.say("m", "room", 2, "again");
    server.last.say("m", "hall", 3, "never subscribed");
    server.last.say("subbed", "room", "room", "e1.a", 0, null);
    server.last.say("m", "room", 2, "again");
    await server.settle();
    assertEquals(seen.all, [1, 2]);
  });

  it("follows a pattern: every channel has a place of its own, and one that came while it was away is all new", async () => {
    const { server, client } = meet();
    server.publish("room:1", "before");
    const sub = client.subscribe("room:*");
    const seen = collect(sub, ({ channel, data }) => `${channel} ${data}`);
    await server.settle();
    server.publish("room:1", 1);
    server.publish("room:2", 2);
    await server.settle();
    assertEquals(sub.position, "1.e2.a");
    server.last.end();
    server.publish("room:1", 3);
    server.publish("room:3", 4);
    server.publish("hall", 5);
    await server.pass(1000);
    assertEquals(seen.all, ["room:1 1", "room:2 2", "room:1 3", "room:3 4"]);
    assertEquals(client.position, { "room:*": { "room:1": "3.e1.a", "room:2": "1.e2.a", "room:3": "1.e3.a" } });
  });

  it("knows who is there, and tells who comes and goes", async () => {
    const { server, client } = meet();
    const member = (name: string, instance = "i1") => ({ member: name, user: name, instance, data: null });
    const sub = client.subscribe("room", { member: { name: "Ada" } });
    const told: unknown[] = [];
    sub.on("presence", ({ type, member, instance }) => told.push([type, member ?? instance]));
    sub.on("members", () => told.push("members"));
    await server.settle();
    assertEquals(server.last.said("hello")[0][4], [["room", null, { member: { name: "Ada" } }]]);
    server.publish("room", { type: "join", ...member("ada") }, undefined, "p");
    server.last.say("members", "room", 1, [member("ada"), member("bob", "i2"), member("cid", "i2")]);
    server.publish("room", { type: "join", ...member("dan") }, undefined, "p");
    server.publish("room", { type: "leave", member: "ada", user: "ada", instance: "i1" }, undefined, "p");
    server.publish("room", { type: "lost", instance: "i2" }, undefined, "p");
    await server.settle();
    assertEquals(told, [["join", "ada"], "members", ["join", "dan"], ["leave", "ada"], ["lost", "i2"]]);
    assertEquals(sub.members, [member("dan")]);
    assertEquals(sub.position, "4.e1.a");
    // Who is there is known as of 6: what comes again of before is told, and changes nothing of it.
    server.last.say("members", "room", 6, [member("eve")]);
    server.publish("room", { type: "join", ...member("fay") }, undefined, "p");
    server.publish("room", { type: "leave", member: "eve", user: "eve", instance: "i1" }, undefined, "p");
    await server.settle();
    assertEquals([told.slice(-2), sub.members], [[["join", "fay"], ["leave", "eve"]], [member("eve")]]);
  });

  it("takes a list that is older than changes it has heard of for as old as it is", async () => {
    const { server, client } = meet();
    const member = (name: string, instance = "i1") => ({ member: name, user: name, instance, data: null });
    const sub = client.subscribe("room", { member: null });
    await server.settle();
    for (const name of ["ada", "bob"]) server.publish("room", { type: "join", ...member(name) }, undefined, "p");
    server.publish("room", { type: "leave", ...member("eve") }, undefined, "p");
    // It was read when ada had joined, and comes when bob had as well, and eve had left.
    server.last.say("members", "room", 1, [member("ada"), member("eve")]);
    await server.settle();
    assertEquals(sub.members, [member("ada"), member("bob")]);
  });

  it("hears of members in a new life of the channel, whose offsets begin anew", async () => {
    const { server, client } = meet();
    const member = (name: string) => ({ member: name, user: name, instance: "i1", data: null });
    const sub = client.subscribe("room", { member: null });
    await server.settle();
    server.last.say("members", "room", 9, [member("ada")]);
    server.last.say("gap", "room", "e9.a", 0, "epoch");
    server.last.say("p", "room", 1, { type: "join", ...member("bob") });
    await server.settle();
    assertEquals(sub.members, [member("ada"), member("bob")]);
    // What was heard in the old one is not told again to a list of the new one.
    server.last.say("members", "room", 0, [member("cid")]);
    await server.settle();
    assertEquals(sub.members, [member("cid"), member("bob")]);
  });

  it("ends with what the server says against it, and the client goes on", async () => {
    const { server, client } = meet();
    server.intercept = (link, [word, wishes]) => {
      if (word !== "sub") return false;
      link.say("refused", (wishes as string[][])[0][0], "forbidden", "not yours");
      return true;
    };
    await server.settle();
    const sub = client.subscribe("room");
    const refused: string[] = [];
    sub.on("refused", (error) => refused.push(error.reason));
    const seen = collect(sub, data);
    await server.settle();
    assertEquals([refused, seen.end, client.state], [["forbidden"], "ERR_CHANNEL_FORBIDDEN", "live"]);
    assertEquals(server.last.said("unsub"), [["unsub", ["room"]]]);
  });

  it("is not ended by one channel that a pattern leaves out", async () => {
    const { server, client } = meet();
    const sub = client.subscribe("room:*");
    const refused: string[] = [];
    sub.on("refused", (error) => refused.push(error.reason));
    const seen = collect(sub, data);
    await server.settle();
    server.last.say("refused", "room:*", "too-many", "one too many", "room:9");
    server.publish("room:1", 1);
    await server.settle();
    assertEquals([refused, seen.all, seen.end], [["too-many"], [1], "pending"]);
  });

  it("is asked for again where the server can't do it at the moment", async () => {
    const { server, client } = meet();
    let fails = 2;
    server.intercept = (link, [word]) => {
      if ((word !== "hello" && word !== "sub") || fails-- <= 0) return false;
      if (word === "hello") link.say("welcome", link.session = "s1", false, "ada", "i1");
      link.say("refused", "room", "unavailable", "later");
      return true;
    };
    const seen = collect(client.subscribe("room"), data);
    await server.settle();
    assertEquals(client.state, "catching-up");
    await server.pass(2000);
    server.publish("room", 1);
    await server.settle();
    assertEquals([seen.all, client.state], [[1], "live"]);
  });

  it("begins anew behind a gap where the server doesn't know its own positions any more", async () => {
    const { server, client } = meet();
    const sub = client.subscribe("room");
    const seen = collect(sub, data);
    sub.on("gap", ({ reason, position }) => seen.all.push([reason, position]));
    await server.settle();
    server.publish("room", 1);
    await server.settle();
    server.last.end();
    // Another process, with a secret of its own.
    server.secret = "b";
    server.sessions.clear();
    server.newEpoch("room");
    server.publish("room", 2);
    await server.pass(2000);
    assertEquals(seen.all, [1, ["epoch", "0.e2.b"], 2]);
    assertEquals([client.state, sub.position], ["live", "1.e2.b"]);
  });

  it("is closed by leaving its loop, and can be had again, behind what the server still had to say", async () => {
    const { server, client } = meet();
    await server.settle();
    const first = client.subscribe("room");
    const taken: unknown[] = [];
    void (async () => {
      for await (const message of first) {
        taken.push(message.data);
        break;
      }
    })();
    await server.settle();
    server.publish("room", 1);
    server.step();
    await server.clock.settle();
    const link = server.last;
    assertEquals(link.toServer, [["unsub", ["room"]]]);
    // Under way when the server hears of it.
    link.say("m", "room", 2, "for the first");
    const again = collect(client.subscribe("room"), data);
    await server.settle();
    server.publish("room", 3);
    await server.settle();
    assertEquals([taken, again.all], [[1], [3]]);
    assertEquals(link.heard.map(([word]) => word), ["hello", "sub", "unsub", "sub"]);
  });

  it("takes no `subbed` for its own that was another's of the same name", async () => {
    const { server, client } = meet();
    await server.settle();
    client.subscribe("room").close();
    const seen = collect(client.subscribe("room"), ({ data, position }) => [data, position]);
    const link = server.last;
    server.step();
    // The server has answered the first; the others are still on their way to it.
    server.publish("room", "for the first");
    await server.settle();
    server.publish("room", 2);
    await server.settle();
    assertEquals(seen.all, [[2, "2.e1.a"]]);
    assertEquals(link.heard.map(([word]) => word), ["hello", "sub", "unsub", "sub"]);
  });

  it("says many wishes in frames of fifty", async () => {
    const { server, client } = meet();
    for (let n = 0; n < 120; n++) client.subscribe(`room:${n}`);
    await server.settle();
    const sizes = [server.last.said("hello")[0][4], ...server.last.said("sub").map(([, wishes]) => wishes)];
    assertEquals(sizes.map((wishes) => (wishes as unknown[]).length), [50, 50, 20]);
    assertEquals(client.state, "live");
  });

  it("goes on behind a server's farewell, whose offsets stand for what nobody was told of", async () => {
    const { server, client } = meet();
    const sub = client.subscribe("room");
    await server.settle();
    server.publish("room", 1);
    server.last.say("bye", { room: 3, hall: 9 });
    const seen = collect(sub, data);
    await server.settle();
    assertEquals([seen.all, sub.position], [[1], "3.e1.a"]);
    server.last.end(1001, "normal wait=0 retry=700");
    assertEquals(client.state, "offline");
    await server.pass(650);
    assertEquals(server.links.length, 1);
    await server.pass(100);
    assertEquals(server.links.length, 2);
  });
});

describe("a slow application", () => {
  it("bounds what waits: the rest is left to the log, and read from there", async () => {
    const { server, client, states } = meet();
    const sub = client.subscribe("room", { maxQueued: 10 });
    await server.settle();
    for (let n = 1; n <= 100; n++) server.publish("room", n);
    await server.settle();
    assertEquals(server.last.said("unsub"), [["unsub", ["room"]]]);
    assertEquals([client.state, sub.position], ["catching-up", "0.e1.a"]);
    const taken: unknown[] = [];
    while (taken.length < 100) {
      const { value } = await sub.next() as { value: ReceivedMessage };
      taken.push(value.data);
      await server.settle();
    }
    assertEquals(taken, Array.from({ length: 100 }, (_, i) => i + 1));
    assertEquals([client.state, sub.position, states.includes("offline")], ["live", "100.e1.a", false]);
  });

  it("is told a gap where the log did not wait either", async () => {
    const { server, client } = meet();
    const sub = client.subscribe("room", { maxQueued: 3 });
    await server.settle();
    for (let n = 1; n <= 9; n++) server.publish("room", n);
    await server.settle();
    server.trim("room", 2);
    const seen = collect(sub, data);
    sub.on("gap", ({ reason }) => seen.all.push(reason));
    await server.settle();
    assertEquals(seen.all, [1, 2, 3, "trimmed", 8, 9]);
  });

  it("keeps its place while the connection comes and goes", async () => {
    const { server, client } = meet();
    const sub = client.subscribe("room", { maxQueued: 3 });
    await server.settle();
    for (let n = 1; n <= 9; n++) server.publish("room", n);
    await server.settle();
    server.last.end();
    await server.pass(1000);
    assertEquals(server.last.said("hello")[0][4], []);
    const seen = collect(sub, data);
    await server.settle();
    assertEquals(seen.all, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("has events in the order of the messages", async () => {
    const { server, client } = meet();
    const sub = client.subscribe("room");
    const order: unknown[] = [];
    sub.on("gap", ({ reason }) => order.push(reason));
    sub.on("presence", ({ type }) => order.push(type));
    await server.settle();
    server.publish("room", 1);
    server.publish("room", { type: "join", member: "bob", user: "bob", instance: "i1", data: 1 }, undefined, "p");
    server.publish("room", 2);
    server.newEpoch("room");
    server.publish("room", 3);
    await server.settle();
    assertEquals([order, sub.members.length], [[], 0]);
    for (let i = 0; i < 3; i++) order.push(((await sub.next()).value as ReceivedMessage).data);
    assertEquals(order, [1, "join", 2, "epoch", 3]);
  });
});

describe("what is published", () => {
  it("fulfils when the server has it, with its place", async () => {
    const { server, client } = meet();
    const first = client.publish("room", { n: 1 }, { headers: { traceparent: "00-1" } });
    const bytes = client.publish("room", new Uint8Array([7]).buffer);
    await server.settle();
    assertEquals(await first, { offset: 1, duplicate: false });
    assertEquals(await bytes, { offset: 2, duplicate: false });
    assertEquals(server.log("room").entries.map(({ data }) => data), [{ n: 1 }, new Uint8Array([7])]);
    assertEquals(server.log("room").entries[0].headers, { traceparent: "00-1" });
    assertEquals(client.unacknowledged, 0);
  });

  it("is what it was when it was given", async () => {
    const { server, client } = meet();
    const given = { n: 1 };
    void client.publish("room", given);
    given.n = 2;
    await server.settle();
    assertEquals(server.log("room").entries[0].data, { n: 1 });
  });

  it("is said again, in order and with its number, until it is acknowledged, and counted once", async () => {
    const { server, client } = meet();
    await server.settle();
    const fates = [1, 2, 3].map((n) => fateOf(client.publish("room", n)));
    const told = fateOf(client.send("m"));
    await server.clock.settle();
    // Two are heard, no answer gets through.
    server.last.toClient.length = 0;
    server.step();
    server.step();
    server.last.end();
    await server.pass(1000);
    assertEquals(fates.map(({ now }) => now), [
      { offset: 1, duplicate: true },
      { offset: 2, duplicate: true },
      { offset: 3, duplicate: false },
    ]);
    assertEquals(told.now, undefined);
    assertEquals(server.log("room").entries.map(({ data }) => data), [1, 2, 3]);
    assertEquals(server.links[1].heard.slice(1).map(([, seq]) => seq), [1, 2, 3, 4]);
  });

  it("waits for a connection, in an outbox with bounds", async () => {
    const server = new FakeServer();
    server.isUp = false;
    const { client } = meet({ outbox: memoryOutbox({ maxQueued: 3, maxQueuedBytes: 100 }) }, server);
    const fates = [1, 2, 3, 4].map((n) => fateOf(client.publish("room", n)));
    await server.pass(100);
    assertEquals(fates.map(({ now }) => now), ["pending", "pending", "pending", "ERR_CHANNEL_TOO_MANY"]);
    assertEquals(client.unacknowledged, 3);
    server.isUp = true;
    await server.pass(2000);
    const large = fateOf(client.publish("room", "x".repeat(200)));
    await server.settle();
    assertEquals([fates[2].now, large.now], [{ offset: 3, duplicate: false }, "ERR_CHANNEL_TOO_MANY"]);
  });

  it("rejects with the server's words where it is refused, and those behind it go on", async () => {
    const { server, client } = meet();
    server.intercept = (link, [word, seq, channel]) => {
      if (word !== "pub" || channel !== "secret") return false;
      link.say("no", seq, "forbidden", "not yours");
      return true;
    };
    const refused = client.publish("secret", 1);
    const fine = fateOf(client.publish("room", 2));
    await server.settle();
    const error = await assertRejects(() => refused, ChannelError, "not yours");
    assertEquals([error.reason, error.code], ["forbidden", "ERR_CHANNEL_FORBIDDEN"]);
    assertEquals(fine.now, { offset: 1, duplicate: false });
  });

  for (const code of ["unavailable", "draining"]) {
    it(`is said again later where the server can't at the moment: ${code}`, async () => {
      const { server, client } = meet();
      let fails = true;
      server.intercept = (link, [word, seq]) => {
        if (word !== "pub" || !fails) return false;
        link.say("no", seq, code, "not now");
        return true;
      };
      const fates = [1, 2].map((n) => fateOf(client.publish("room", n)));
      await server.settle();
      fails = false;
      assertEquals(fates.map(({ now }) => now), ["pending", "pending"]);
      await server.pass(1100);
      assertEquals(fates.map(({ now }) => now), [{ offset: 1, duplicate: false }, { offset: 2, duplicate: false }]);
    });
  }

  it("has at most a hundred under way", async () => {
    const { server, client } = meet();
    const fates = Array.from({ length: 250 }, (_, n) => fateOf(client.publish("room", n)));
    await server.clock.settle();
    server.step();
    await server.clock.settle();
    server.step();
    await server.clock.settle();
    assertEquals(server.last.toServer.length, 100);
    await server.settle();
    assertEquals(fates.at(-1)!.now, { offset: 250, duplicate: false });
    assertEquals(server.log("room").entries.map(({ data }) => data), Array.from({ length: 250 }, (_, n) => n));
  });

  it("goes on in a new session where the old one is none of the server's: numbers begin anew, in order", async () => {
    const { server, client } = meet();
    await server.settle();
    await Promise.all([1, 2].map((n) => client.publish("room", n)).concat(server.settle() as never));
    const waits = fateOf(client.publish("room", 3));
    await server.clock.settle();
    server.last.end();
    server.sessions.clear();
    await server.pass(2000);
    assertEquals(waits.now, { offset: 3, duplicate: false });
    assertEquals(server.last.said("hello")[0][3], null);
    assertEquals(server.last.said("pub").map(([, seq]) => seq), [1]);
  });
});

describe("a call", () => {
  it("that a server which leaves has not taken is asked again, here or elsewhere", async () => {
    for (const stays of [true, false]) {
      const { server, client } = meet();
      server.call = (method) => method;
      let leaves = true;
      server.intercept = (link, [word, seq]) => {
        if (word !== "call" || !leaves) return false;
        link.say("failed", seq, "draining", "not now");
        return true;
      };
      const call = fateOf(client.call("add"));
      await server.settle();
      assertEquals(call.now, "pending");
      leaves = false;
      if (!stays) server.last.close(1001);
      await server.pass(2000);
      assertEquals(call.now, "add");
    }
  });

  it("is answered, with data or with bytes", async () => {
    const { server, client } = meet();
    server.call = (method, data) => method === "bytes" ? new Uint8Array([1]) : [method, data];
    const answer = client.call("add", [1, 2]);
    const bytes = client.call("bytes");
    await server.settle();
    assertEquals(await answer, ["add", [1, 2]]);
    assertEquals(await bytes, new Uint8Array([1]));
    assertEquals(server.last.said("call")[0], ["call", 1, ["add", 30_000], [1, 2]]);
  });

  it("rejects with the server's words", async () => {
    const { server, client } = meet();
    server.intercept = (link, [word, seq]) =>
      word === "call" && (link.say("failed", seq, "no-handler", "nobody"), true);
    const call = client.call("add");
    await server.settle();
    assertEquals((await assertRejects(() => call, ChannelError, "nobody")).reason, "no-handler");
  });

  it("is told to the server when nobody waits any more: by its signal, or by its time", async () => {
    const { server, client } = meet();
    server.intercept = (_, [word]) => word === "call";
    await server.settle();
    const stop = new AbortController();
    const aborted = fateOf(client.call("slow", 1, { signal: stop.signal }));
    const late = fateOf(client.call("slow", 2, { timeout: 500 }));
    await server.settle();
    stop.abort(new DOMException("enough", "AbortError"));
    await server.settle();
    assertEquals([aborted.now, late.now], [20, "pending"]);
    await server.pass(600);
    assertEquals(late.now, "ERR_CHANNEL_TIMEOUT");
    assertEquals(server.last.said("cancel"), [["cancel", 1], ["cancel", 2]]);
    assertEquals(server.last.said("call").map(([, , what]) => (what as unknown[])[1]), [30_000, 500]);
    // One that was given up before it was said is not said.
    server.last.end();
    const early = fateOf(client.call("slow", 3, { timeout: 10 }));
    await server.pass(2000);
    assertEquals([early.now, server.last.said("call")], ["ERR_CHANNEL_TIMEOUT", []]);
    await assertRejects(() => client.call("x", 1, { signal: AbortSignal.abort(new Error("before")) }), Error, "before");
  });

  it("rejects when the connection is lost under it; one that is idempotent, or was not said, is said again", async () => {
    const { server, client } = meet();
    await server.settle();
    server.intercept = (_, [word]) => word === "call";
    const plain = fateOf(client.call("pay"));
    const idempotent = fateOf(client.call("read", 1, { idempotent: true, timeout: 10_000 }));
    await server.settle();
    server.last.end();
    assertEquals(plain.now, "pending");
    await server.clock.settle();
    const waiting = fateOf(client.call("later"));
    server.intercept = () => false;
    await server.pass(1000);
    assertEquals([plain.now, idempotent.now, waiting.now], ["ERR_CHANNEL_UNAVAILABLE", 1, null]);
    const [, , what] = server.last.said("call")[0];
    assert((what as [string, number])[1] < 10_000, "what is left of its time");
  });
});

describe("direct messages", () => {
  const direct = (server: FakeServer, id: string, attempt: number, data: unknown): void =>
    server.last.say("d", id, attempt, data, { a: "b" });

  it("are handed out once, however often they come, and acknowledged again where that got lost", async () => {
    const { server, client } = meet();
    const seen = collect(client.messages, (message) => message);
    await server.settle();
    direct(server, "u1.e", 1, "hi");
    direct(server, "u2.e", 1, "ho");
    await server.settle();
    const [first, second] = seen.all;
    assertEquals([first.id, first.attempt, first.data, first.headers], ["u1.e", 1, "hi", { a: "b" }]);
    first.ack();
    server.last.end();
    await server.pass(1000);
    direct(server, "u1.e", 2, "hi");
    direct(server, "u2.e", 2, "ho");
    await server.settle();
    assertEquals(seen.all.length, 2);
    second.ack();
    second.ack();
    second.nack();
    await server.settle();
    assertEquals(server.last.said("ack"), [["ack", ["u1.e"]], ["ack", ["u2.e"]]]);
    assertEquals(server.last.said("nack"), []);
  });

  it("come again after a nack; what is said of the first delivery does not count for the second", async () => {
    const { server, client } = meet();
    const seen: string[] = [];
    const messages: { ack(): void; nack(ms?: number): void }[] = [];
    client.on("message", (message) => {
      seen.push(`${message.id} ${message.attempt}`);
      messages.push(message);
    });
    await server.settle();
    direct(server, "u1.e", 1, "hi");
    await server.settle();
    messages[0].nack(500);
    await server.settle();
    assertEquals(server.last.said("nack"), [["nack", "u1.e", 500]]);
    direct(server, "u1.e", 2, "hi");
    await server.settle();
    messages[0].ack();
    await server.settle();
    assertEquals([seen, server.last.said("ack")], [["u1.e 1", "u1.e 2"], []]);
    messages[1].ack();
    await server.settle();
    assertEquals(server.last.said("ack"), [["ack", ["u1.e"]]]);
  });

  it("that are acknowledged are remembered, a thousand of them", async () => {
    const { server, client } = meet();
    client.on("message", (message) => message.ack());
    await server.settle();
    for (let n = 0; n < 1500; n++) direct(server, `u${n}`, 1, n);
    await server.settle();
    const before = server.last.said("ack").length;
    let again = 0;
    client.on("message", () => again++);
    direct(server, "u1499", 2, "remembered");
    direct(server, "u600", 2, "remembered");
    direct(server, "u1", 2, "forgotten");
    await server.settle();
    assertEquals([before, server.last.said("ack").length, again], [1500, 1503, 1]);
  });
});

describe("the end of a connection", () => {
  const after = async (code: number, options: object, server: FakeServer = new FakeServer()) => {
    const world = meet(options, server);
    world.client.subscribe("room");
    await server.settle();
    server.last.end(code, "why");
    await server.pass(30_000);
    return { ...world, attempts: server.links.length };
  };

  for (const code of [CLOSE_CODES.fenced, CLOSE_CODES.revoked, CLOSE_CODES.protocol, 1000, 1008, 1009] as const) {
    it(`with ${code} is one for good`, async () => {
      const { client, errors, attempts } = await after(code, { token: () => "t" });
      assertEquals([attempts, client.state], [1, "closed"]);
      assertEquals(errors.map((error) => error instanceof ChannelError), code === 1000 ? [] : [true]);
      await assertRejects(() => client.publish("room", 1), ChannelError);
      await client.closed;
    });
  }

  for (const code of [CLOSE_CODES.unauthorized, CLOSE_CODES.expired] as const) {
    it(`with ${code} needs another token: only a function can give one`, async () => {
      assertEquals((await after(code, { token: "t" })).client.state, "closed");
      assertEquals((await after(code, {})).client.state, "closed");
      let n = 0;
      const { client, server, attempts } = await after(code, { token: () => Promise.resolve(`t${++n}`) });
      assertEquals([attempts, client.state], [2, "live"]);
      assertEquals(server.links.map((link) => link.said("hello")[0][2]), ["t1", "t2"]);
    });
  }

  it("after too much was said is followed by a wait", async () => {
    const { client, server } = meet();
    await server.settle();
    server.last.end(CLOSE_CODES.flood);
    await server.pass(9_900);
    assertEquals([server.links.length, client.state], [1, "offline"]);
    await server.pass(1000);
    assertEquals([server.links.length, client.state], [2, "live"]);
  });

  it("rejects with the error that the server named", async () => {
    const server = new FakeServer();
    server.refuses = () => CLOSE_CODES.revoked;
    const { client, errors } = meet({}, server);
    const published = fateOf(client.publish("room", 1));
    const asked = fateOf(client.call("x"));
    const seen = collect(client.subscribe("room"), data);
    const direct = collect(client.messages, ({ id }) => id);
    await server.settle();
    assertEquals((errors[0] as ChannelError).reason, "unauthorized");
    const code = "ERR_CHANNEL_UNAUTHORIZED";
    assertEquals([published.now, asked.now, seen.end, direct.end], [code, code, code, code]);
    assertEquals([client.state, server.clock.pending], ["closed", 0]);
  });
});

describe("a token", () => {
  it("is asked for before each connection, and said again when it ends soon", async () => {
    let n = 0;
    const { server, client } = meet({ token: () => `t${++n}` });
    await server.settle();
    server.last.say("token");
    await server.settle();
    server.last.end();
    await server.pass(1000);
    assertEquals(server.links.map((link) => link.said("hello")[0][2]), ["t1", "t3"]);
    assertEquals(server.links[0].said("token"), [["token", "t2"]]);
    assertEquals(client.state, "live");
  });

  it("that can't be had is a failed attempt, and while connected no harm", async () => {
    let fails = true;
    const { server, client, states } = meet({
      token: () => fails ? Promise.reject(new Error("no network")) : Promise.resolve("t"),
    });
    await server.settle();
    assertEquals([client.state, server.last.heard], ["offline", []]);
    fails = false;
    await server.pass(1000);
    assertEquals(client.state, "live");
    fails = true;
    server.last.say("token");
    await server.settle();
    assertEquals([client.state, states.at(-1)], ["live", "live"]);
  });

  it("that comes too late says nothing to the next connection", async () => {
    const given: ((token: string) => void)[] = [];
    const { server, client } = meet({ token: () => new Promise((resolve) => given.push(resolve)) });
    const seen = collect(client.subscribe("room"), data);
    await server.settle();
    server.last.end();
    await server.pass(1000);
    given[0]("first");
    await server.settle();
    given[1]("second");
    await server.settle();
    server.publish("room", 1);
    await server.settle();
    assertEquals([seen.all, server.last.heard.length, server.last.said("hello")[0][2]], [[1], 1, "second"]);
  });
});

describe("a client's position", () => {
  it("lets another client go on behind what was taken, through JSON", async () => {
    const { server, client } = meet();
    server.publish("room", 0);
    const sub = client.subscribe("room");
    await server.settle();
    for (const n of [1, 2, 3]) server.publish("room", n);
    await server.settle();
    assertEquals(((await sub.next()).value as ReceivedMessage).data, 1);
    const kept = JSON.parse(JSON.stringify(client.position));
    assertEquals(kept, { room: { room: "2.e1.a" } });
    void client.close();
    const second = meet({ position: kept }, server).client;
    assertEquals(second.position, kept);
    const seen = collect(second.subscribe("room", { since: "oldest" }), data);
    await server.settle();
    assertEquals([seen.all, second.position], [[2, 3], { room: { room: "4.e1.a" } }]);
  });

  it("of a pattern that matched nothing remembers that", async () => {
    const { server, client } = meet();
    client.subscribe("room:*");
    await server.settle();
    const kept = client.position;
    assertEquals(kept, { "room:*": {} });
    void client.close();
    server.publish("room:1", 1);
    const seen = collect(meet({ position: kept }, server).client.subscribe("room:*"), data);
    await server.settle();
    assertEquals(seen.all, [1]);
  });

  it("keeps what was not subscribed yet, and nothing of what was closed", () => {
    const { client } = meet({ position: { room: { room: "1.e1.a" }, hall: { hall: "2.e2.a" } } });
    client.subscribe("room").close();
    assertEquals(client.position, { hall: { hall: "2.e2.a" } });
  });
});

describe("close()", () => {
  it("ends everything once, without an error", async () => {
    const { server, client, states, errors } = meet();
    const seen = collect(client.subscribe("room"), data);
    const direct = collect(client.messages, ({ id }) => id);
    await server.settle();
    server.intercept = () => true;
    const fates = [client.publish("room", 1), client.call("x"), client.send(1)].map(fateOf);
    await server.settle();
    await Promise.all([client.close(), client.close(), server.settle()]);
    assertEquals([seen.end, direct.end, errors], ["done", "done", []]);
    assertEquals(
      fates.map(({ now }) => now),
      ["ERR_CHANNEL_UNAVAILABLE", "ERR_CHANNEL_UNAVAILABLE"].fill(
        "ERR_CHANNEL_CANCELED",
        0,
        1,
      ).concat("ERR_CHANNEL_CANCELED"),
    );
    assertEquals([client.state, states.at(-1), server.clock.pending], ["closed", "closed", 0]);
    assertEquals(collect(client.subscribe("late"), data).end, "pending");
    await assertRejects(() => client.call("x"), ChannelError, "closed");
  });

  it("before a connection leaves nothing behind", async () => {
    const server = new FakeServer();
    server.isUp = false;
    const { client } = meet({}, server);
    const published = fateOf(client.publish("room", 1));
    await server.pass(200);
    await client.close();
    assertEquals([published.now, server.clock.pending, client.state], ["ERR_CHANNEL_CANCELED", 0, "closed"]);
  });
});

describe("what is no frame", () => {
  for (const message of ["{", "[]", "[1]", '["subbed"]', '["unsubbed"]', '["members","room",1]', '["no",1]', "\0"]) {
    it(`ends the client and nothing else: ${JSON.stringify(message)}`, async () => {
      const { server, client, errors } = meet();
      client.subscribe("room");
      await server.settle();
      const published = fateOf(client.publish("room", 1));
      await server.clock.settle();
      server.last.events.message(message);
      await server.settle();
      const harmless = message === '["subbed"]';
      assertEquals(client.state, harmless ? "live" : "closed");
      if (harmless) return;
      assertEquals((errors[0] as ChannelError).reason, "bad-frame");
      assertEquals(published.now, "ERR_CHANNEL_BAD_FRAME");
    });
  }

  it("and words that it doesn't know are passed over, those of every object as well", async () => {
    const { server, client } = meet();
    await server.settle();
    for (const word of ["later", "constructor", "__proto__", "toString"]) server.last.say(word, 1, 2);
    await server.settle();
    assertEquals(client.state, "live");
  });
});

describe("misuse", () => {
  const refuses = (what: () => unknown, option: string): void => {
    const error = assertThrows(what, OptionError);
    assertEquals((error as OptionError).option, option);
  };
  const { client } = meet();

  it("throws synchronously, and names the value", () => {
    const bad = undefined as never;
    refuses(() => new ChannelClient("ftp://host", { transport: new FakeServer().transport }), "url");
    refuses(() => meet({ tokn: 1 } as never), "tokn");
    refuses(() => meet({ token: 1 as never }), "token");
    refuses(() => meet({ minDelay: 0 }), "minDelay");
    refuses(() => meet({ maxMessageBytes: NaN }), "maxMessageBytes");
    refuses(() => client.subscribe(""), "name");
    refuses(() => client.subscribe("room", { sinc: "x" } as never), "sinc");
    refuses(() => client.subscribe("room", { since: "latest" }), "since");
    refuses(() => client.subscribe("room:*", { since: "1.e1.a" }), "since");
    refuses(() => client.subscribe("room", { maxQueued: 0 }), "maxQueued");
    refuses(() => client.publish("room:*", 1), "channel");
    refuses(() => client.publish(bad, 1), "channel");
    refuses(() => client.publish("room", () => {}), "data");
    refuses(() => client.publish("room", "é".repeat(40_000)), "data");
    refuses(() => client.publish("room", 1, { header: {} } as never), "header");
    refuses(() => client.send(1, { id: "1" } as never), "id");
    refuses(() => client.call("x", 1, { timeout: 0 }), "timeout");
    refuses(() => client.call("x", 1, { timeot: 1 } as never), "timeot");
    refuses(() => client.on("mesage" as never, () => {}), "type");
    refuses(() => client.on("message", bad), "listener");
    refuses(() => memoryOutbox({ maxQueued: 0 }), "maxQueued");
    refuses(() => memoryOutbox({ max: 0 } as never), "max");
    assertThrows(() => client.publish("room", 1n), TypeError);
  });

  it("is to subscribe twice to the same messages", () => {
    const { client } = meet();
    client.subscribe("room:1");
    const all = assertThrows(() => client.subscribe("room:*"), OptionError, "room:1");
    assertInstanceOf(all, OptionError);
    refuses(() => client.subscribe("room:1"), "name");
    client.subscribe("hall:*");
    refuses(() => client.subscribe("hall:1"), "name");
    refuses(() => client.subscribe("hall:a*"), "name");
    refuses(() => client.subscribe("ha*"), "name");
    client.subscribe("hall");
    client.subscribe("room:2");
  });

  it("is to wait for two messages at a time", () => {
    const sub = meet().client.subscribe("room");
    void sub.next();
    assertThrows(() => sub.next(), Error, "pending");
  });
});

describe("listeners", () => {
  it("hear until they are taken off, and one that throws does not keep others from it", async () => {
    const { server, client } = meet();
    const sub = client.subscribe("room");
    const heard: unknown[] = [];
    const off = sub.on("message", ({ data }) => heard.push(data));
    await server.settle();
    server.publish("room", 1);
    await server.settle();
    off();
    server.publish("room", 2);
    await server.settle();
    assertEquals([heard, sub.position], [[1], "1.e1.a"]);
    sub.on("message", ({ data }) => heard.push(data));
    assertEquals([heard, sub.position], [[1, 2], "2.e1.a"]);
  });
});

import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { Channels } from "../../src/channels/mod.ts";
import type { AcceptOptions } from "../../src/channels/channels_api.ts";
import { LINK_STATES, type LinkEvent, type LinkState } from "../../src/channels/server/link_states.ts";
import {
  SUBSCRIPTION_STATES,
  type SubscriptionEvent,
  type SubscriptionState,
} from "../../src/channels/server/subscription_states.ts";
import { type ChannelsWorld, channelsWorld } from "../support/channels_world.ts";

/** Every frame that a client may send, as a good one. */
const FRAMES: Readonly<Record<string, readonly unknown[]>> = {
  hello: ["hello", 1, null, null, []],
  sub: ["sub", [["a"]]],
  unsub: ["unsub", ["a"]],
  pub: ["pub", 1, "a", 1],
  msg: ["msg", 1, null, 1],
  call: ["call", 1, ["echo", 0], 1],
  cancel: ["cancel", 1],
  ack: ["ack", ["u1.x"]],
  nack: ["nack", "u1.x", 0],
  token: ["token", "t"],
};

const ALLOWED: AcceptOptions = { authorize: () => true, onMessage: () => {}, onCall: ({ data }) => data };

/** What is no frame, or not one that may be said. */
const BROKEN: readonly (readonly [string, string | Uint8Array])[] = [
  ["no JSON", "{"],
  ["no array", '{"hello":1}'],
  ["an empty array", "[]"],
  ["a number first", "[1]"],
  ["an unknown word", '["hallo"]'],
  ["a name of the prototype's", '["constructor"]'],
  ["another", '["__proto__"]'],
  ["what only servers say", '["m","a",1,2]'],
  ["control characters", JSON.stringify(["\0".repeat(64)])],
  ["half of a character", '["\\ud800"]'],
  ["no bytes", new Uint8Array(0)],
  ["one byte", new Uint8Array(1)],
  ["a length beyond the end", Uint8Array.of(1, 0, 91, 93)],
  ["bytes that are no text", Uint8Array.of(0, 2, 0xff, 0xff, 1)],
];

const WRONG: readonly (readonly [string, readonly unknown[]])[] = [
  ["subscriptions that are no list", ["sub", "a"]],
  ["a subscription that is no list", ["sub", ["a"]]],
  ["a name that is none", ["sub", [[1]]]],
  ["names that are no list", ["unsub", "a"]],
  ["a name that is a number", ["unsub", [1]]],
  ["no sequence number", ["pub", null, "a", 1]],
  ["a sequence number of 0", ["pub", 0, "a", 1]],
  ["half a sequence number", ["msg", 1.5, null, 1]],
  ["a sequence number beyond what is exact", ["msg", 2 ** 53, null, 1]],
];

/** What can be answered costs itself alone. */
const REFUSED: readonly (readonly [what: string, frame: readonly unknown[], answer: string])[] = [
  ["positions that are none", ["sub", [["a", 1]]], "refused"],
  ["options that are none", ["sub", [["a", null, null]]], "refused"],
  ["headers that are a list", ["pub", 1, "a", 1, ["x"]], "no"],
  ["a header that is no text", ["pub", 1, "a", 1, { x: 1 }], "no"],
  [
    "too many headers",
    ["pub", 1, "a", 1, Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`${i}`, ""]))],
    "no",
  ],
  ["headers that are too long", ["pub", 1, "a", 1, { x: "x".repeat(4096) }], "no"],
  ["a call without a method", ["call", 1, [1, 0], 1], "failed"],
  ["a call without a time", ["call", 1, ["m"], 1], "failed"],
  ["a call with a time before now", ["call", 1, ["m", -1], 1], "failed"],
  ["a call that is no list", ["call", 1, "m", 1], "failed"],
];

async function world(accept: AcceptOptions = ALLOWED): Promise<ChannelsWorld> {
  return await channelsWorld({}, accept);
}

describe("a client's first word", () => {
  it("is answered with a session, the user's name and the instance", async () => {
    await using w = await channelsWorld({ instance: "i1" }, { authenticate: () => ({ user: "ada" }) });
    const client = await w.dial();
    const [, ticket, resumed, user, instance] = await client.hello();
    assertMatch(ticket as string, /^[\w-]+\.[\w-]{22}$/);
    assertEquals([resumed, user, instance], [false, "ada", "i1"]);
  });

  it("gives the same session again to whoever has its ticket", async () => {
    await using w = await world();
    const first = await w.client();
    first.cut();
    await w.pass(10);
    const second = await w.dial();
    const [, ticket, resumed] = await second.hello({ ticket: first.ticket });
    assertEquals([ticket, resumed, w.channels.size], [first.ticket!, true, 1]);
  });

  it("gives a session of its own to each who has none, and a user of its own where nobody is asked", async () => {
    await using w = await world();
    const [a, b] = [await w.client(), await w.client()];
    assertNotEquals(a.ticket, b.ticket);
    assertNotEquals(a.of("welcome")[0][3], b.of("welcome")[0][3]);
  });

  for (
    const [name, ticket] of [
      ["a made-up one", "abcdefghijklmnopqrst.0123456789012345678901"],
      ["one that is no text", 1],
      ["an empty one", ""],
      ["a list", ["x"]],
    ] as const
  ) {
    it(`a ticket that is none of ours is refused: ${name}`, async () => {
      await using w = await world();
      const client = await w.dial();
      client.say(["hello", 1, null, ticket, []]);
      assertEquals(await client.ended(), 4400);
      assertEquals(client.of("error")[0][1], "bad-session");
      assertEquals(w.channels.size, 0);
    });
  }

  it("a ticket is nobody else's: neither another user's, nor with a letter changed", async () => {
    await using w = await world({ authenticate: ({ token }) => ({ user: token ?? "?" }) });
    const ada = await w.client({ token: "ada" });
    const ticket = ada.ticket!;
    const changed = (ticket[0] === "x" ? "y" : "x") + ticket.slice(1);
    for (const [token, stolen] of [["bob", ticket], ["ada", changed], ["ada", ticket.slice(0, -1) + "!"]]) {
      const thief = await w.dial();
      thief.say(["hello", 1, token, stolen, []]);
      assertEquals(await thief.ended(), 4400);
      assertEquals(thief.of("error")[0][1], "bad-session");
    }
    assertEquals([ada.closed, w.channels.size], [null, 1]);
  });

  it("tickets are believed under each secret of the list, and signed with the first", async () => {
    await using w = await channelsWorld({ secret: ["new secret, sixteen long", "old secret, sixteen long"] });
    const other = await w.start({ secret: "old secret, sixteen long" });
    const old = await w.client({}, other);
    const now = await w.dial();
    assertEquals((await now.hello({ ticket: old.ticket }))[1], old.ticket!);
    const fresh = await w.client();
    const refused = await w.dial(other);
    refused.say(["hello", 1, null, fresh.ticket, []]);
    assertEquals(await refused.ended(), 4400);
  });

  for (const answer of [null, false, undefined, { user: "" }, { user: 1 }, { user: "u".repeat(201) }] as const) {
    it(`authenticate() refuses with ${JSON.stringify(answer)}`, async () => {
      await using w = await world({ authenticate: () => answer as never });
      const client = await w.dial();
      client.say(["hello", 1, null, null, []]);
      assertEquals(await client.ended(), 4401);
      assertEquals([client.of("error")[0][1], client.of("welcome"), w.channels.size], ["unauthorized", [], 0]);
    });
  }

  it("authenticate() that fails costs that connection, which may come back, and is logged", async () => {
    for (const authenticate of [() => Promise.reject(new Error("down")), () => ({ user: "a", expires: NaN })]) {
      await using w = await world({ authenticate });
      const client = await w.dial();
      client.say(["hello", 1, null, null, []]);
      assertEquals(await client.ended(), 1013);
      assertEquals(client.of("error")[0][1], "unavailable");
      assertEquals(w.instances[0].failures.length, 1);
    }
  });

  it("a token whose time is over lets nobody in, and needs no timer to be found out", async () => {
    await using w = await world({
      authenticate: ({ token }) => ({ user: "ada", expires: w.clock.wall() + Number(token) }),
      authorize: () => true,
    });
    for (const ms of ["0", "-1", "-1000000"]) {
      const client = await w.dial();
      client.say(["hello", 1, ms, null, []], ["pub", 1, "a", 1]);
      assertEquals(await client.ended(), 4402);
      assertEquals([client.of("error")[0][1], client.of("welcome"), client.of("ok")], ["expired", [], []]);
    }
    assertEquals([w.channels.size, w.channels.stats.connects.refused], [0, 3]);
    const good = await w.client({ token: "1000" });
    good.say(["token", "-1"]);
    assertEquals([await good.ended(), good.of("error")[0][1]], [4402, "expired"]);
  });

  it("a token's end in seconds by mistake is told to who wrote it, and to its client as a failure", async () => {
    await using w = await world({
      authenticate: () => ({ user: "ada", expires: Math.floor(w.clock.wall() / 1000) + 3600 }),
    });
    const client = await w.dial();
    client.say(["hello", 1, null, null, []]);
    assertEquals([await client.ended(), client.of("error")[0][1]], [1013, "unavailable"]);
    assertMatch(String((w.instances[0].failures[0].error as Error).message), /seconds: multiply it by 1000$/);
  });

  it("a token that is no text is refused without a question", async () => {
    let asked = 0;
    await using w = await world({ authenticate: () => (asked++, { user: "a" }) });
    const client = await w.dial();
    client.say(["hello", 1, 7, null, []]);
    assertEquals([await client.ended(), asked], [4401, 0]);
  });

  for (const version of [0, 2, "1", null]) {
    it(`version ${JSON.stringify(version)} is not spoken`, async () => {
      await using w = await world();
      const client = await w.dial();
      client.say(["hello", version, null, null, []]);
      assertEquals(await client.ended(), 4400);
    });
  }
});

describe("what may be said when", () => {
  for (const word of Object.keys(FRAMES)) {
    it(`${word} before hello ${word === "hello" ? "opens" : "is a breach"}`, async () => {
      await using w = await world();
      const client = await w.dial();
      client.say(FRAMES[word]);
      if (word === "hello") return void await client.next("welcome");
      assertEquals(await client.ended(), 4400);
      assertEquals(client.of("error")[0][1], "bad-frame");
      assertEquals(w.channels.size, 0);
    });

    it(`${word} behind hello ${word === "hello" ? "is a breach" : "is taken"}`, async () => {
      await using w = await world();
      const client = await w.client();
      client.say(FRAMES[word]);
      if (word === "hello") return void assertEquals(await client.ended(), 4400);
      await w.quiet();
      assertEquals([client.closed, client.of("error")], [null, []]);
    });

    it(`${word} behind the end is passed over`, async () => {
      let handled = 0;
      await using w = await world({ authorize: () => true, onMessage: () => void handled++, onCall: () => handled++ });
      const client = await w.client();
      client.peer.behaviour.answers = false;
      client.say(["hallo"]);
      await client.ended();
      const known = client.heard.length;
      client.say(FRAMES[word]);
      await w.quiet();
      assertEquals([client.heard.length, handled, (await w.channels.publish("a", 1)).offset], [known, 0, 1]);
    });
  }

  for (const [name, message] of BROKEN) {
    for (const state of ["greeting", "open"]) {
      it(`${name} is a breach while ${state}`, async () => {
        await using w = await world();
        const other = await w.client({ subs: [["a"]] });
        const client = state === "open" ? await w.client() : await w.dial();
        client.send(message);
        assertEquals(await client.ended(), 4400);
        assertEquals(client.of("error")[0][1], "bad-frame");
        await w.channels.publish("a", "still here");
        await other.next("m");
      });
    }
  }

  for (const [name, frame] of WRONG) {
    it(`${name}: a breach`, async () => {
      await using w = await world();
      const client = await w.client();
      client.say(frame);
      assertEquals(await client.ended(), 4400);
      assertEquals(client.of("error")[0][1], "bad-frame");
    });
  }

  for (const [name, frame, answer] of REFUSED) {
    it(`${name}: refused, and what is behind it is taken`, async () => {
      await using w = await world({ authorize: () => true });
      const client = await w.client();
      client.say(frame, ["pub", 2, "b", 1]);
      await client.next("ok");
      const [, about, code] = await client.next(answer);
      assertEquals([about, code], [answer === "refused" ? "a" : 1, "bad-frame"]);
      assertEquals([client.closed, client.of("error")], [null, []]);
    });
  }

  it("a hello with wrong subscriptions is a breach behind its welcome", async () => {
    await using w = await world();
    const client = await w.dial();
    client.say(["hello", 1, null, null]);
    assertEquals(await client.ended(), 4400);
  });
});

describe("the tables of states", () => {
  const LINK_EVENTS: readonly LinkEvent[] = ["welcomed", "leave", "gone"];
  const SUBSCRIPTION_EVENTS: readonly SubscriptionEvent[] = ["placed", "caughtUp", "missed", "end"];

  it("a connection never comes back from its end, and is open only behind a welcome", () => {
    const reached = walk<LinkState, LinkEvent>(LINK_STATES, "greeting", LINK_EVENTS);
    assertEquals([...reached].sort(), ["closed", "greeting", "leaving", "open"]);
    for (const event of LINK_EVENTS) {
      assertEquals(LINK_STATES.closed[event], "closed");
      assert(["leaving", "closed"].includes(LINK_STATES.leaving[event]));
      for (const state of ["greeting", "leaving", "closed"] as const) {
        assertEquals(LINK_STATES[state][event] === "open", state === "greeting" && event === "welcomed");
      }
      assertEquals(LINK_STATES.open.gone, "closed");
    }
  });

  it("a subscription is live only when it has caught up, and is over for good", () => {
    const reached = walk<SubscriptionState, SubscriptionEvent>(SUBSCRIPTION_STATES, "opening", SUBSCRIPTION_EVENTS);
    assertEquals([...reached].sort(), ["behind", "ended", "live", "opening"]);
    for (const event of SUBSCRIPTION_EVENTS) {
      assertEquals(SUBSCRIPTION_STATES.ended[event], "ended");
      for (const state of ["opening", "behind"] as const) {
        const becomesLive = SUBSCRIPTION_STATES[state][event] === "live";
        assertEquals(becomesLive, state === "behind" && event === "caughtUp");
      }
    }
    for (const state of ["opening", "behind", "live", "ended"] as const) {
      assertEquals(SUBSCRIPTION_STATES[state].end, "ended");
    }
  });
});

describe("Channels", () => {
  it("nothing of one that only publishes keeps a process alive, and closing twice is once", async () => {
    const channels = new Channels();
    await channels.publish("a", 1);
    assertEquals(channels.close(), channels.close());
    await channels.close();
  });
});

/** States that can be reached. */
function walk<S extends string, E extends string>(
  table: Readonly<Record<S, Readonly<Record<E, S>>>>,
  from: S,
  events: readonly E[],
): Set<S> {
  const reached = new Set<S>([from]);
  for (const state of reached) for (const event of events) reached.add(table[state][event]);
  return reached;
}

/** Whatever happens between a client of channels and its server, and whenever: nothing is lost, doubled or out of order. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Subscription } from "../../../src/channels/client/mod.ts";
import { collect, FakeServer, fateOf, meet } from "../../fixtures/channel_world.ts";
import { dice } from "../../support/dice.ts";

/** Follows what a subscription says of itself: each message is the next of its channel, unless a gap says otherwise. */
class Follower {
  readonly taken: unknown[] = [];
  gaps = 0;
  readonly #next: Map<string, string> = new Map();

  constructor(sub: Subscription) {
    sub.on("gap", ({ channel, position }) => {
      this.gaps++;
      this.#next.set(channel, after(position));
    });
    sub.on("refused", (error) => {
      throw error;
    });
  }

  take({ channel, data, position }: { channel: string; data: unknown; position: string }): void {
    const expected = this.#next.get(channel);
    if (expected !== undefined) assertEquals(position, expected, `the next message of ${channel}`);
    this.#next.set(channel, after(position));
    this.taken.push(data);
  }
}

/** The position that the next message has. */
function after(position: string): string {
  const [, offset, grant] = /^(\d+)\.(.+)$/.exec(position)!;
  return `${Number(offset) + 1}.${grant}`;
}

describe("a conversation", () => {
  /** Plays it; gives how many frames there were. */
  const play = async (cuts: readonly number[]): Promise<number> => {
    const { server, client } = meet();
    for (const cut of cuts) server.cuts.add(cut);
    server.publish("room:1", "old");
    const room = client.subscribe("room:1", { since: "oldest" });
    const halls = client.subscribe("hall:*");
    const [inRoom, inHalls] = [new Follower(room), new Follower(halls)];
    collect(room, (message) => inRoom.take(message));
    collect(halls, (message) => inHalls.take(message));
    const direct: string[] = [];
    client.on("message", (message) => {
      direct.push(message.id);
      message.ack();
    });
    const fates = [1, 2, 3].map((n) => fateOf(client.publish("room:1", n)));
    const handled = fateOf(client.send("m"));
    const answer = fateOf(client.call("echo", "x", { idempotent: true }));
    await server.pass(2000);
    server.publish("hall:1", "h1");
    server.sendTo("u1", "hi");
    const last = fateOf(client.publish("room:1", 4));
    await server.pass(2000);
    server.publish("room:1", "end");
    server.publish("hall:2", "h2");
    await server.pass(2000);
    assertEquals(inRoom.taken, ["old", 1, 2, 3, 4, "end"]);
    assertEquals([inHalls.taken, inRoom.gaps + inHalls.gaps], [["h1", "h2"], 0]);
    assertEquals([...fates, last].map(({ now }) => (now as { offset: number }).offset), [2, 3, 4, 5]);
    assertEquals([handled.now, server.handled, answer.now], [undefined, ["m"], "x"]);
    assertEquals([direct, server.direct.size], [["u1"], 0]);
    assertEquals([client.state, client.unacknowledged], ["live", 0]);
    assertEquals(client.position["room:1"], { "room:1": "6.e1.a" });
    await Promise.all([client.close(), server.settle()]);
    assertEquals(server.clock.pending, 0);
    return server.steps;
  };

  it("comes to the same wherever its connection is lost", async () => {
    const whole = await play([]);
    assert(whole > 25, `${whole} frames`);
    for (let cut = 1; cut <= whole; cut++) await play([cut]);
  });

  it("and wherever that one is lost as well", async () => {
    const roll = dice(7);
    for (let i = 0; i < 40; i++) {
      const first = 1 + roll(30);
      await play([first, first + 1 + roll(12), first + 20 + roll(20)]);
    }
  });
});

/** What may happen, each with a number to make use of. */
const STEPS = [
  "publish",
  "say",
  "call",
  "lose",
  "trim",
  "epoch",
  "take",
  "step",
  "step",
  "step",
  "settle",
  "pass",
  "down",
];

interface Step {
  readonly what: string;
  readonly n: number;
}

async function playSteps(
  steps: readonly Step[],
  seed: number,
): Promise<{ readonly gaps: number; readonly lost: number }> {
  const roll = dice(seed);
  const server = new FakeServer();
  server.log("room");
  const { client } = meet({}, server);
  const sub = client.subscribe("room", { since: "oldest", maxQueued: 4 });
  const follower = new Follower(sub);
  const said: number[] = [];
  const fates: { now: unknown }[] = [];
  const calls: { now: unknown }[] = [];
  const next = async (): Promise<void> => {
    const { value, done } = await sub.next();
    if (done !== true) follower.take(value);
  };
  let taking: Promise<void> | null = null;
  const take = (): void => {
    taking ??= next().finally(() => taking = null);
  };
  const acts: Readonly<Record<string, (n: number) => void | Promise<unknown>>> = {
    publish: (n) => void server.publish("room", `s${n}`),
    say: () => {
      said.push(said.length);
      fates.push(fateOf(client.publish("room", said.length - 1)));
    },
    call: (n) => void calls.push(fateOf(client.call("echo", n, { idempotent: n % 2 === 0 }))),
    lose: (n) => server.last?.end([1006, 1001, 1011][n % 3]),
    trim: (n) => server.trim("room", n % 4),
    epoch: () => server.newEpoch("room"),
    take,
    step: (n) => {
      for (let i = n % 4; i >= 0; i--) server.step(roll);
      return server.clock.settle();
    },
    settle: () => server.settle(roll),
    pass: (n) => server.pass(n % 900, roll),
    down: () => void (server.isUp = !server.isUp),
  };
  for (const { what, n } of steps) {
    await acts[what](n);
    assert(server.links.filter(({ ended, closedWith }) => !ended && closedWith === null).length <= 1);
  }
  server.isUp = true;
  await server.pass(60_000, roll);
  const end = `${server.publish("room", "end")}.${server.grant("room")}`;
  // What waits is taken one by one, and what did not fit is asked for.
  for (let i = 0; i < 500 && sub.position !== end; i++) {
    take();
    await server.pass(100, roll);
  }
  assertEquals(sub.position, end, "it has everything");
  assertEquals(follower.taken.at(-1), "end");
  assertEquals(fates.filter(({ now }) => typeof now !== "object").map(({ now }) => now), [], "all are acknowledged");
  assertEquals([...new Set(said)], said);
  assertEquals(calls.filter(({ now }) => now === "pending"), []);
  assertEquals(client.state, "live");
  const doubled = follower.taken.filter((data, i) => typeof data === "number" && follower.taken.indexOf(data) !== i);
  assertEquals(doubled, [], "nothing is published twice");
  const ours = follower.taken.filter((data) => typeof data === "number") as number[];
  assertEquals(ours, [...ours].sort((a, b) => a - b), "in the order in which it was said");
  await Promise.all([client.close(), server.settle()]);
  assertEquals(server.clock.pending, 0);
  return { gaps: follower.gaps, lost: said.length - ours.length };
}

describe("whatever happens", () => {
  it("each message is the next of its channel or behind a gap, what is published is there once and in order", async () => {
    const reached = new Set<string>();
    let gaps = 0;
    const step = fc.record({ what: fc.constantFrom(...STEPS), n: fc.nat(1_000_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), fc.nat(), async (steps, seed) => {
        const played = await playSteps(steps, seed);
        gaps += played.gaps;
        if (played.gaps === 0) assertEquals(played.lost, 0, "nothing is missing without a gap");
        for (const { what } of steps) reached.add(what);
      }),
      { numRuns: 60 },
    );
    assertEquals(reached.size, new Set(STEPS).size);
    assert(gaps > 0, "gaps were played as well");
  });
});

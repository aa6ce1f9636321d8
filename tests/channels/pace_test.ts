import { describe, it } from "node:test";
import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { type Clock, endOfTurn } from "../../src/clock.ts";
import type { ChannelsOptions } from "../../src/channels/channels_api.ts";
import { Pace } from "../../src/channels/server/pace.ts";
import { ChannelsWorld, type WsTalker } from "../support/channels_world.ts";

/** A pace whose time and turns a test moves by hand. */
function byHand() {
  let ends: (() => void)[] = [];
  const hand = {
    now: 0,
    /** Ends a turn, and lets all who go on in the next one do so. */
    async turn(): Promise<void> {
      const ended = ends;
      ends = [];
      for (const fn of ended) fn();
      await new Promise<void>((resolve) => endOfTurn(resolve));
    },
    isIdle: () => ends.length === 0,
  };
  const clock: Clock = { now: () => hand.now, setTimer: () => () => {}, soon: (fn) => void ends.push(fn) };
  return Object.assign(hand, { pace: new Pace(clock) });
}

/** Begins so many pieces of work, of 1 ms each; the names of those that are done. */
function workers(hand: ReturnType<typeof byHand>, names: readonly string[], ask: "begin" | "goOn" = "begin"): string[] {
  const done: string[] = [];
  for (const name of names) {
    void (async () => {
      const turn = hand.pace[ask]();
      if (turn !== null) await turn;
      hand.now++;
      done.push(name);
    })();
  }
  return done;
}

describe("the pace of those who come back", () => {
  it("lets them have 4 ms of a turn, one after the other, in the order in which they came", async () => {
    const hand = byHand();
    const names = Array.from({ length: 10 }, (_, i) => `${i}`);
    const done = workers(hand, names);
    assertEquals(done.length, 4);
    await hand.turn();
    assertEquals(done.length, 8);
    await hand.turn();
    assertEquals(done, names);
    await hand.turn();
    assertEquals(hand.isIdle(), true);
  });

  it("counts what they spend and not what time it is: what others have had of a turn is none of theirs", async () => {
    const hand = byHand();
    workers(hand, ["a"]);
    await hand.turn();
    hand.now += 1000;
    assertEquals(workers(hand, ["b", "c"]).length, 2);
  });

  it("lets nobody pass those who wait", async () => {
    const hand = byHand();
    const early = workers(hand, Array.from({ length: 6 }, (_, i) => `${i}`));
    const done = workers(hand, ["late"]);
    await hand.turn();
    assertEquals([early.length, done], [6, ["late"]]);
  });

  it("lets those who have begun go before those who have not", async () => {
    const hand = byHand();
    workers(hand, ["a", "b", "c", "d"]);
    const coming = workers(hand, ["1", "2", "3"]);
    const going = workers(hand, ["x", "y", "z"], "goOn");
    await hand.turn();
    assertEquals([going, coming], [["x", "y", "z"], ["1"]]);
    await hand.turn();
    assertEquals(coming, ["1", "2", "3"]);
  });

  it("looks at the clock once in 16 frames", () => {
    const hand = byHand();
    let sent = 0;
    while (hand.pace.spend() === null) {
      sent++;
      hand.now += 0.5;
    }
    assertEquals(sent, 31);
  });
});

/** What a look at the clock takes here, in ms. */
const LOOK = 0.05;
/** Looks that fit into a share. */
const LOOKS = 80;

/** A world whose instance has a clock that goes on with each look at it: by that it can tell how much it has done. */
async function tickingWorld(options: ChannelsOptions = {}): Promise<ChannelsWorld> {
  const world = new ChannelsWorld();
  const { clock } = world;
  let looks = 0;
  await world.start({
    ...options,
    clock: {
      now: () => clock.now() + looks++ * LOOK,
      wall: () => clock.wall(),
      setTimer: (fn, delay) => clock.setTimer(fn, delay),
      soon: (fn) => clock.soon(fn),
    },
  });
  return world;
}

/** Frames with that word that so many clients have heard. */
function countOf(clients: readonly WsTalker[], word: string): number {
  return clients.reduce((sum, client) => sum + client.of(word).length, 0);
}

/** Turns until something holds, and the most that `count()` has grown by in one of them. */
async function turnsUntil(w: ChannelsWorld, holds: () => boolean, count: () => number) {
  let turns = 0;
  let most = 0;
  for (let before = count(); !holds(); turns++) {
    assertLess(turns, 1000);
    await w.clock.settle();
    const now = count();
    most = Math.max(most, now - before);
    before = now;
  }
  return { turns, most };
}

/** Turns that a message takes where nobody else does anything. */
async function turnsOfOne(w: ChannelsWorld, live: WsTalker): Promise<number> {
  const heard = live.of("m").length;
  void w.channels.publish("live", "alone");
  return (await turnsUntil(w, () => live.of("m").length > heard, () => 0)).turns;
}

describe("live messages", () => {
  it("pass a flood of hellos, of which each turn takes so many and no more", async () => {
    const count = 400;
    await using w = await tickingWorld();
    const live = await w.client({ subs: [["live"]] });
    await live.next("live");
    const alone = await turnsOfOne(w, live);
    const flood: WsTalker[] = [];
    for (let i = 0; i < count; i++) flood.push(await w.dial());
    await w.quiet();
    for (const client of flood) client.say(["hello", 1, null, null, [["other"]]]);
    await w.clock.settle();
    void w.channels.publish("live", "meanwhile");
    const welcomes = (): number => countOf(flood, "welcome");
    const one = await turnsUntil(w, () => live.of("m").length === 2, welcomes);
    assertLessOrEqual(one.turns, alone + 1);
    assertLess(welcomes(), count / 2);
    const all = await turnsUntil(w, () => countOf(flood, "live") === count, welcomes);
    assertLessOrEqual(Math.max(one.most, all.most), LOOKS);
    assertEquals(welcomes(), count);
  });

  it("pass a flood of subscriptions of those who are welcome", async () => {
    const count = 200;
    await using w = await tickingWorld();
    const live = await w.client({ subs: [["live"]] });
    await live.next("live");
    const alone = await turnsOfOne(w, live);
    const flood: WsTalker[] = [];
    for (let i = 0; i < count; i++) flood.push(await w.client());
    for (const client of flood) client.say(["sub", [["a"], ["b"], ["c"], ["d"]]]);
    await w.clock.settle();
    void w.channels.publish("live", "meanwhile");
    const subbed = (): number => countOf(flood, "subbed");
    const one = await turnsUntil(w, () => live.of("m").length === 2, subbed);
    assertLessOrEqual(one.turns, alone + 1);
    assertLess(subbed(), 2 * count);
    await turnsUntil(w, () => subbed() === 4 * count, subbed);
  });

  it("pass wishes that are none, of which a frame may have thousands", async () => {
    await using w = await tickingWorld();
    const client = await w.client({ subs: [["live"]] });
    await client.next("live");
    client.say(["sub", Array.from({ length: 3000 }, () => ["$"])]);
    const refused = (): number => countOf([client], "refused");
    void w.channels.publish("live", "meanwhile");
    await turnsUntil(w, () => refused() === 3000 && client.of("m").length === 1, refused);
    assertLess(client.heard.findIndex(([word]) => word === "m"), client.heard.length - 1000);
  });

  it("pass acknowledgements, of which a frame may have thousands", async () => {
    await using w = await tickingWorld();
    const live = await w.client({ subs: [["live"]] });
    await live.next("live");
    const client = await w.client();
    await w.channels.sendTo({ session: client.ticket!.split(".")[0] }, "x");
    const [, id] = await client.next("d");
    const epoch = (id as string).split(".")[1];
    client.say(["ack", Array.from({ length: 2000 }, (_, at) => `s${2000 - at}.${epoch}`)], ["unsub", []]);
    await w.clock.settle();
    void w.channels.publish("live", "meanwhile");
    await turnsUntil(w, () => live.of("m").length === 1, () => 0);
    assertEquals(client.of("unsubbed"), []);
    await turnsUntil(w, () => client.of("unsubbed").length === 1, () => 0);
  });

  it("pass those who catch up, who do so one after the other and not all at once", async () => {
    const [count, behind] = [60, 100];
    await using w = await tickingWorld();
    const live = await w.client({ subs: [["live"], ["old"]] });
    await live.next("live", 2);
    const position = live.position("old");
    for (let i = 0; i < behind; i++) await w.channels.publish("old", i);
    await live.next("m", behind);
    const alone = await turnsOfOne(w, live);
    const back: WsTalker[] = [];
    for (let i = 0; i < count; i++) back.push(await w.dial());
    await w.quiet();
    for (const client of back) client.say(["hello", 1, null, null, [["old", { old: position }]]]);
    const sent = (): number => countOf(back, "m");
    await turnsUntil(w, () => sent() > 0, sent);
    void w.channels.publish("live", "meanwhile");
    const one = await turnsUntil(w, () => live.messages("live").length === 2, sent);
    assertLessOrEqual(one.turns, alone + 1);
    const half = await turnsUntil(w, () => sent() >= count * behind / 2, sent);
    const whole = back.filter((client) => client.of("m").length === behind).length;
    const begun = back.filter((client) => client.of("m").length > 0).length;
    // Of those who all go on at once none would have all by now.
    assertGreater(whole, count / 4);
    assertLess(begun, count);
    const all = await turnsUntil(w, () => countOf(back, "live") === count, sent);
    // What two turns have sent may arrive in one.
    assertLessOrEqual(Math.max(one.most, half.most, all.most), 2 * 16 * LOOKS);
    for (const client of back) assertEquals(client.messages("old"), Array.from({ length: behind }, (_, i) => i));
  });
});

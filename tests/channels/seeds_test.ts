import { describe, it } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import { signAtOnce, type SimOptions, simulate } from "../support/channels_sim.ts";
import { eachSeed } from "../support/dice.ts";

/** Runs of each kind; each is one seed, and a failure names it. */
const RUNS = 480;

const LOSSY = { lost: 100, late: 200, again: 50, bare: 300 } as const;

const WORLDS: readonly (readonly [string, SimOptions])[] = [
  ["one instance, and clients that come and go", { instances: 0, clients: 4, steps: 150, history: 12 }],
  ["slow readers and a short history", {
    instances: 0,
    clients: 3,
    steps: 120,
    history: 10,
    padding: 30_000,
    stalls: 150,
  }],
  ["instances that share a log, and notices that are lost, late or stale", {
    ...LOSSY,
    instances: 2,
    clients: 4,
    steps: 150,
    history: 12,
  }],
  ["a log that fails, or takes long", {
    instances: 2,
    clients: 4,
    steps: 150,
    history: 30,
    lost: 50,
    late: 100,
    before: 30,
    after: 30,
    slow: 200,
  }],
  ["a log that begins anew", {
    instances: 2,
    clients: 4,
    steps: 150,
    history: 30,
    lost: 50,
    late: 100,
    again: 50,
    slow: 100,
    restarts: 20,
  }],
  ["a log that begins anew and forgets who holds what", {
    instances: 2,
    clients: 4,
    steps: 150,
    history: 30,
    lost: 50,
    late: 100,
    slow: 100,
    restarts: 20,
    forgets: true,
  }],
  ["instances that die, stand still, or leave in order", {
    instances: 3,
    clients: 5,
    steps: 150,
    history: 30,
    lost: 50,
    late: 100,
    slow: 50,
    deaths: 15,
    cuts: 15,
    drains: 10,
  }],
  ["clients that go to and fro with messages under way, and calls that are given up and done later", {
    instances: 3,
    clients: 3,
    steps: 200,
    history: 100,
    late: 100,
    before: 10,
    slow: 100,
    given: 60,
    halves: 600,
    bursts: 400,
    way: 200,
    messages: 700,
    cuts: 10,
  }],
  ["all at once", {
    ...LOSSY,
    instances: 3,
    clients: 5,
    steps: 200,
    history: 20,
    before: 15,
    after: 15,
    slow: 100,
    restarts: 6,
    forgets: true,
    deaths: 8,
    cuts: 10,
    drains: 8,
    stalls: 20,
    given: 10,
    halves: 300,
    way: 20,
    messages: 500,
  }],
];

describe("channels in simulated time", () => {
  signAtOnce();

  for (const [name, options] of WORLDS) {
    it(`${name}: each message once, in order, or a gap that covers it; what is seen of others is true`, () =>
      eachSeed(RUNS, (seed) => simulate(seed, options)));
  }

  it("gaps are among what is simulated, and all of it is of use", async () => {
    const [, options] = WORLDS.at(-1)!;
    const sum = { gaps: 0, direct: 0, received: 0 };
    for (let seed = 1; seed <= 6; seed++) {
      const { gaps, direct, received } = await simulate(seed, options);
      sum.gaps += gaps;
      sum.direct += direct;
      sum.received += received;
    }
    for (const count of Object.values(sum)) assertGreater(count, 10);
  });

  it("the same seed gives the same run", async () => {
    const [, options] = WORLDS[0];
    assertEquals(await simulate(7, options), await simulate(7, options));
  });
});

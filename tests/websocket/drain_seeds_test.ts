import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { eachSeed } from "../support/dice.ts";
import { wsRound } from "../support/websocket_rounds.ts";
import type { WsWorldOptions } from "../support/websocket_world.ts";
import { SEEDED_WORLDS, type SeededWorld } from "../support/world.ts";

/** Runs of each kind; each is one seed, and a failure names it. */
const RUNS = 25;

describe("WebSocket drain: a seeded schedule of races", () => {
  const worlds: readonly SeededWorld<WsWorldOptions>[] = [
    ...SEEDED_WORLDS,
    ["long delays and stalled readers", { delay: 0.3, maxDelay: 80, stall: 0.02, stallTime: 500 }, {}, 10],
    ["resets", { split: 0.2, delay: 0.3, reset: 0.01 }, {}, 10],
    ["links that go silent", { split: 0.2, delay: 0.3, vanish: 0.005 }, {}, 10],
    ["little patience", { split: 0.2, delay: 0.5, maxDelay: 10 }, { patience: 300 }, 10],
    ["small buffers", { split: 0.2, delay: 0.5, maxDelay: 10 }, {
      ws: { readHighWaterMark: 500, maxBufferedAmount: 2000 },
      writeHighWaterMark: 1000,
    }, 5],
  ];
  for (const [name, faults, options, work] of worlds) {
    it(`${name}: what was sent is handled and answered, or the answer is counted; the Close comes last`, () =>
      eachSeed(RUNS, (seed) => wsRound({ seed, faults }, options, work)));
  }

  it("the same seed gives the same report", async () => {
    const faults = { split: 0.3, delay: 0.5, maxDelay: 20 };
    const [a, b] = [await wsRound({ seed: 7, faults }, {}, 20), await wsRound({ seed: 7, faults }, {}, 20)];
    assertEquals(a, b);
  });
});

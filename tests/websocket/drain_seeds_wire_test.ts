import { describe, it } from "node:test";
import type { MemoryFaults } from "../../adapters/memory/mod.ts";
import { eachSeed } from "../support/dice.ts";
import { wsRound } from "../support/websocket_rounds.ts";
import type { WsWorldOptions } from "../support/websocket_world.ts";
import { WIRES } from "../support/world.ts";

/** Runs of each kind; each is one seed, and a failure names it. */
const RUNS = 4;

describe("WebSocket drain: a seeded schedule of races over a long way", () => {
  const worlds: [string, MemoryFaults, WsWorldOptions, number][] = [
    ["quick handlers", {}, {}, 5],
    ["split and merged chunks, slow handlers", { split: 0.2, merge: 0.2 }, {}, 40],
    ["a lame duck", {}, { lameDuck: 300 }, 10],
  ];
  for (const [distance, wire] of WIRES) {
    for (const [name, faults, options, work] of worlds) {
      it(`${distance}, ${name}: what was sent is handled and answered, or the answer is counted`, () =>
        eachSeed(RUNS, (seed) => wsRound({ seed, faults, wire }, options, work)));
    }
  }
});

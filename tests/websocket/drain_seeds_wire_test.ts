import { describe, it } from "node:test";
import { eachSeed } from "../support/dice.ts";
import { wsRound } from "../support/websocket_rounds.ts";
import { WIRED_WORLDS, WIRES } from "../support/world.ts";

/** Runs of each kind; each is one seed, and a failure names it. */
const RUNS = 4;

describe("WebSocket drain: a seeded schedule of races over a long way", () => {
  for (const [distance, wire] of WIRES) {
    for (const [name, faults, options, work] of WIRED_WORLDS) {
      it(`${distance}, ${name}: what was sent is handled and answered, or the answer is counted`, () =>
        eachSeed(RUNS, (seed) => wsRound({ seed, faults, wire }, options, work)));
    }
  }
});

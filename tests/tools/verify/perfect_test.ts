import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { MemoryFaults } from "../../../adapters/memory/mod.ts";
import type { VerifyKind } from "../../../src/tools/verify/mod.ts";
import { eachSeed } from "../../support/dice.ts";
import { lossesOf, play, scenariosOf, sluice } from "../../support/verify_world.ts";

const RUNS = 3;
const KINDS: readonly VerifyKind[] = ["tcp", "http", "ws"];

/** Delays stay below the least think time: a FIN that is later than that behind an answer is rightly a loss. */
const NETWORKS: readonly [string, MemoryFaults, roundTrip: number][] = [
  ["a network without delay", {}, 0],
  ["a network with delays", { delay: 0.5, maxDelay: 8, merge: 0.2 }, 0],
  ["a network with a round trip of 50 ms", {}, 50],
  ["a network with a round trip of 200 ms", {}, 200],
  ["a network with a round trip of 400 ms", { merge: 0.2 }, 400],
];

describe("verify: Sluice's servers lose nothing", () => {
  for (const [network, faults, roundTrip] of NETWORKS) {
    for (const kind of KINDS) {
      for (const name of scenariosOf(kind)) {
        it(`${kind}, ${name}, in ${network}`, () =>
          eachSeed(RUNS, async (seed) => {
            const ledger = await play(name, sluice, { kind, seed, faults, roundTrip });
            assertEquals(lossesOf(ledger), {}, JSON.stringify(ledger.losses().slice(0, 3)));
            assert(ledger.clean);
            assert(ledger.messages().answered > 0);
          }));
      }
    }
  }
});

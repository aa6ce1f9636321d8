import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { MemoryFaults } from "../../../adapters/memory/mod.ts";
import type { LossName, ScenarioName, VerifyKind } from "../../../src/tools/verify/mod.ts";
import { allSeeds } from "../../support/dice.ts";
import { type Faults, loser } from "../../support/verify_losers.ts";
import { lossesOf, play, scenariosOf } from "../../support/verify_world.ts";

const KINDS: readonly VerifyKind[] = ["tcp", "http", "ws"];
const RUNS = 4;
/** Time in ms to a server that is far away, and back. */
const FAR = 200;

/** A server's fault, how it is provoked, and the only class that may be found. */
interface Case {
  readonly what: string;
  readonly faults: Faults;
  readonly scenario: ScenarioName;
  readonly found: LossName;
  readonly kinds?: readonly VerifyKind[];
  readonly network?: MemoryFaults;
  /** The same fault as it is to be over a long way; null: it shows itself otherwise there. @default faults */
  readonly far?: Faults | null;
}

const CASES: readonly Case[] = [
  { what: "half an answer", faults: { from: 0, give: "half" }, scenario: "ping-pong", found: "truncated" },
  { what: "half an answer in a batch", faults: { from: 0, give: "half" }, scenario: "big-message", found: "truncated" },
  {
    what: "silence for what came before the signal",
    faults: { from: 0, until: 0.1, give: "nothing" },
    // What comes within the shortest half of a round trip left before the signal.
    far: { from: 0, until: 70, give: "nothing" },
    scenario: "ping-pong",
    found: "unansweredBeforeSignal",
  },
  {
    what: "silence for a message that began before the signal",
    faults: { from: 0, give: "nothing" },
    scenario: "half-message",
    found: "unansweredBeforeSignal",
  },
  {
    what: "silence for an upload",
    faults: { from: 0, give: "nothing" },
    scenario: "upload",
    found: "unansweredBeforeSignal",
    kinds: ["http", "ws"],
  },
  {
    what: "silence for what came after the signal",
    faults: { from: 3, give: "nothing" },
    scenario: "late-request",
    found: "unansweredBeforeEnd",
  },
  {
    what: "FIN at once and no ear for what crosses it",
    faults: { hasty: true },
    scenario: "late-request",
    found: "unansweredBeforeEnd",
    network: { delay: 1, maxDelay: 100 },
  },
  {
    what: "a reset for each newcomer",
    faults: { resetNew: true },
    scenario: "connect-storm",
    found: "acceptedThenReset",
  },
  { what: "a reset where FIN belongs", faults: { reset: true }, scenario: "ping-pong", found: "resetInsteadOfFin" },
  { what: "a reset of the idle", faults: { reset: true }, scenario: "late-request", found: "resetInsteadOfFin" },
  { what: "no Close", faults: { code: "none" }, scenario: "ping-pong", found: "noClose", kinds: ["ws"] },
  {
    what: "a reset and no Close",
    faults: { code: "none", reset: true },
    scenario: "late-request",
    found: "noClose",
    kinds: ["ws"],
  },
  { what: "a Close with 1011", faults: { code: 1011 }, scenario: "pipelined", found: "wrongCode", kinds: ["ws"] },
  { what: "a Close without a code", faults: { code: null }, scenario: "silent", found: "wrongCode", kinds: ["ws"] },
  // Nobody kills it here: who goes on asking has a message under way when it is given up.
  { what: "no end", faults: { stays: true }, scenario: "ping-pong", found: "stillThere", far: null },
  { what: "no end for a silent client", faults: { stays: true }, scenario: "silent", found: "stillThere", far: null },
  { what: "no end for the idle", faults: { stays: true }, scenario: "late-request", found: "stillThere" },
  { what: "exit code 3", faults: { exitCode: 3 }, scenario: "half-message", found: "exitCode" },
  { what: "exit code 3 after a second signal", faults: { exitCode: 3 }, scenario: "second-signal", found: "exitCode" },
];

describe("verify: a server that loses in one way is found with that class and no other", () => {
  for (const each of CASES) {
    const { what, faults, far = faults, scenario, found, kinds = KINDS } = each;
    for (const kind of kinds) {
      it(`${kind}, ${scenario}: ${what} is ${found}`, () => find(kind, each, faults, 0));
      if (far === null) continue;
      it(`${kind}, ${scenario}, far away: ${what} is ${found}`, () => find(kind, each, far, FAR));
    }
  }
});

async function find(kind: VerifyKind, each: Case, faults: Faults, roundTrip: number): Promise<void> {
  const { network, scenario, found } = each;
  let seen = 0;
  await allSeeds(RUNS, async (seed) => {
    const ledger = await play(scenario, loser(faults), { kind, seed, faults: network, roundTrip });
    const names = Object.keys(lossesOf(ledger));
    assertEquals(names.filter((name) => name !== found), [], JSON.stringify(ledger.losses().slice(0, 3)));
    seen += names.length;
  });
  assert(seen > 0, `never found in ${RUNS} runs`);
}

describe("verify: a server by hand that stops well loses nothing", () => {
  for (const kind of KINDS) {
    for (const scenario of scenariosOf(kind).filter((name) => name !== "stream")) {
      for (const roundTrip of [0, FAR]) {
        it(`${kind}: ${scenario}, a round trip of ${roundTrip} ms`, () =>
          allSeeds(RUNS, async (seed) => {
            const ledger = await play(scenario, loser(), { kind, seed, roundTrip });
            assertEquals(lossesOf(ledger), {});
          }));
      }
    }
  }
});

/** The chaos suite in short: one round for each kind of server on the runtime of this test. `npm run chaos` has more. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import process from "node:process";
import { KINDS } from "./clients.ts";
import { playRound } from "./round.ts";
import { dice } from "../support/dice.ts";
import { runtimeName } from "../support/processes.ts";

/** Milliseconds. */
const STORM = 1200;
const GRACE = 1200;

describe("a server in a storm of faults", { skip: process.platform !== "linux" }, () => {
  for (const [kind, busy] of [...KINDS.map((kind) => [kind, 0] as const), ["tcp", 4] as const]) {
    const where = busy === 0 ? "" : `, on a machine with ${busy} busy processes`;
    it(`that speaks ${kind} answers healthy clients, gives all back, and stops as it reports${where}`, async () => {
      const seed = Math.floor(Math.random() * 1_000_000);
      const { problems } = await playRound({
        runtime: runtimeName(),
        kind,
        storm: STORM,
        grace: GRACE,
        seed,
        roll: dice(seed),
        busy,
      });
      assertEquals(problems, [], `npm run chaos -- --runtime ${runtimeName()} --kind ${kind} --seed ${seed}`);
    });
  }
});

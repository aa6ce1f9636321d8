/** The parts of `sluice verify`: its table, its dice, what it keeps of an output, and the judgement of exit codes. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { goesOn } from "../../../src/tools/verify/client.ts";
import { diceFor } from "../../../src/tools/cli/verify/dice.ts";
import { forgive } from "../../../src/tools/cli/verify/stop.ts";
import { formatDetails, formatHead, formatRow, formatSum } from "../../../src/tools/cli/verify/table.ts";
import { Tail } from "../../../src/tools/cli/verify/tail.ts";
import { type LossCounts, noLosses, type RoundReport, type VerifyReport } from "../../../src/tools/verify/mod.ts";

function round(more: Partial<RoundReport> = {}, lost: Partial<LossCounts> = {}): RoundReport {
  return {
    scenario: "ping-pong",
    round: 1,
    losses: { ...noLosses(), ...lost },
    details: [],
    messages: { sent: 1200, answered: 1198, afterEnd: 3, refused: 4 },
    stop: { took: 1234, code: 0, signal: null },
    clean: true,
    ...more,
  };
}

function report(scenarios: readonly RoundReport[], more: Partial<VerifyReport> = {}): VerifyReport {
  const totals = { ...noLosses(), ...scenarios[0]?.losses };
  return { command: "x", kind: "tcp", scenarios, skipped: [], totals, clean: true, ...more };
}

const NEAR = { seed: 7, roundTrip: 0, jitter: 0, busy: 0 };

describe("the table of sluice verify", () => {
  it("has a row for each round", () => {
    const killed = round({ stop: { took: null, code: null, signal: null }, clean: false }, { stillThere: 1 });
    const ended = { stop: { took: 5, code: null, signal: "SIGTERM" } } as const;
    const several = { truncated: 2, noClose: 1, afterEnd: 3 };
    assertEquals([formatHead(), formatRow(round(), 1), formatRow(killed, 3), formatRow(round(ended), 1)], [
      "scenario            sent  answered  after end  refused      stop     exit  lost",
      "ping-pong           1200      1198          3        4    1.23 s        0  nothing",
      "ping-pong 1         1200      1198          3        4    killed        -  1 stillThere",
      "ping-pong           1200      1198          3        4      5 ms  SIGTERM  nothing",
    ]);
    assert(formatRow(round({ clean: false }, several), 1).endsWith("  2 truncated, 1 noClose"));
  });

  it("tells below a row what was lost, and the server's last words if its exit was wrong", () => {
    assertEquals(formatDetails(round({ details: ["a"] }), "said"), []);
    assertEquals(formatDetails(round({ details: ["a", "b"], clean: false }, { truncated: 2 }), "said"), ["  a", "  b"]);
    assertEquals(formatDetails(round({ details: ["a"], clean: false }, { exitCode: 1 }), "said\nmuch"), [
      "  a",
      "  said",
      "  much",
    ]);
  });

  it("ends with the sum, and under what circumstances it is one", () => {
    assertEquals(formatSum(report([round()]), { seed: 7, roundTrip: 1200, jitter: 0.25, busy: 2 }), [
      "Nothing was lost (1 round, 1200 messages, seed 7, round trip 1.20 s ± 25 %, busy processes 2)",
    ]);
    assertEquals(formatSum(report([round()]), NEAR), ["Nothing was lost (1 round, 1200 messages, seed 7)"]);
    const skipped = [{ scenario: "stream", reason: "no path" }] as const;
    const lossy = report([round({ clean: false }, { truncated: 12, exitCode: 1, refused: 5 })], {
      clean: false,
      skipped,
    });
    assertEquals(formatSum(lossy, NEAR), [
      "left out: stream, no path",
      "Lost (1 round, 1200 messages, seed 7):",
      "  12  answer that came in part (truncated)",
      "   1  exit code that is not 0 (exitCode)",
    ]);
    assertEquals(formatSum(report([], { clean: false }), NEAR), ["Not proven (0 rounds, 0 messages, seed 7)"]);
  });
});

describe("a stop", () => {
  const stop = (code: number | null, signal: string | null) => ({ took: 1, code, signal });

  it("is right if its exit code was asked for, as a shell would give it", () => {
    assertEquals(forgive(stop(143, null), [143]), stop(0, null));
    assertEquals(forgive(stop(null, "SIGTERM"), [1, 143]), stop(0, null));
  });

  it("is left as it is otherwise, and if the server had to be killed", () => {
    assertEquals(forgive(stop(1, null), [143]), stop(1, null));
    assertEquals(forgive(stop(null, "SIGKILL"), [143]), stop(null, "SIGKILL"));
    assertEquals(forgive({ took: null, code: null, signal: null }, [0]), { took: null, code: null, signal: null });
  });
});

describe("dice", () => {
  const throws = (dice: () => number) => Array.from({ length: 100 }, dice);

  it("repeat with the seed, and differ with it and with what they are for", () => {
    assertEquals(throws(diceFor(1, 2, 3)), throws(diceFor(1, 2, 3)));
    for (const other of [diceFor(2, 2, 3), diceFor(1, 3, 3), diceFor(1, 2, 4)]) {
      assertNotEquals(throws(diceFor(1, 2, 3)), throws(other));
    }
  });

  it("fall everywhere from 0 to 1", () => {
    const all = throws(diceFor(0));
    assert(all.every((number) => number >= 0 && number < 1));
    assert(all.some((number) => number < 0.1) && all.some((number) => number > 0.9));
  });
});

describe("the tail of an output", () => {
  it("is all of it while that is short", () => {
    const tail = new Tail(10);
    for (const text of ["0123", "456\n", "89"]) tail.push(text);
    assertEquals(tail.text, "0123456\n89");
  });

  it("begins with a whole line behind the mark of what was dropped", () => {
    const tail = new Tail(20);
    for (let i = 0; i < 1000; i++) tail.push(`line ${i}\n`);
    assertEquals(tail.text, "...\nline 998\nline 999\n");
  });

  it("is the end of a line that is longer than it", () => {
    const tail = new Tail(5);
    tail.push(`${"x".repeat(1000)}12345`);
    assertEquals(tail.text, "...12345");
  });
});

describe("the rest of a message that was begun", () => {
  it("is sent behind an answer of HTTP that says it is the last, and not behind an end", () => {
    assertEquals(goesOn({ open: true, over: false }, "tcp"), true);
    assertEquals(goesOn({ open: false, over: false }, "http"), true);
    assertEquals(goesOn({ open: false, over: true }, "http"), false);
    for (const kind of ["tcp", "ws"] as const) assertEquals(goesOn({ open: false, over: false }, kind), false);
  });
});

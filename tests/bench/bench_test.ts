/** The benchmark without its clock: what it compares with what, how it judges, and what it prints. */
import { describe, it } from "node:test";
import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { ACCEPTED, ORDER } from "./bodies.ts";
import { BOUNDS, meets } from "./bounds.ts";
import { Plan } from "./load/plan.ts";
import type { Sample } from "./load/jobs.ts";
import { parseOptions, UsageError } from "./options.ts";
import { missingLine, resultLine, summaryLines } from "./report.ts";
import { compareLatencies, compareRates, compareValues, type Subject } from "./result.ts";
import { rowNames } from "./rows.ts";
import { benchRuntimes, kindOf } from "./runtimes.ts";
import { ratios, spread } from "./stats.ts";

const SUBJECT: Subject = {
  row: "hello",
  runtime: "node24",
  ours: "sluice hello",
  against: "node:http hello",
  bound: { atLeast: 1.7 },
  unit: "requests/s",
};

/** One that has its core to itself, unless told otherwise. */
function sample(rate: number, more: Partial<Sample> = {}): Sample {
  return { rate, serverBusy: 1, loadBusy: 0.5, ...more };
}

describe("the table of bounds", () => {
  it("has something for each row", () => {
    const named = (row: string) => Object.keys(BOUNDS).some((key) => key === row || key.startsWith(`${row} `));
    assertEquals(rowNames.filter((row) => !named(row)), []);
  });

  it("has nothing that no row asks for", () => {
    const known = (key: string) => rowNames.some((row) => key === row || key.startsWith(`${row} `));
    assertEquals(Object.keys(BOUNDS).filter((key) => !known(key)), []);
  });

  it("is met at the bound itself, on its side of it, and nothing else is", () => {
    assertEquals([1.69, 1.7, 9].map((ratio) => meets({ atLeast: 1.7 }, ratio)), [false, true, true]);
    assertEquals([0.1, 1.5, 1.51].map((ratio) => meets({ atMost: 1.5 }, ratio)), [true, true, false]);
    assertEquals(meets(null, 1), null);
  });

  it("is one for both versions of Node", () => {
    assertEquals(benchRuntimes.map(kindOf), ["node", "node", "deno", "bun"]);
  });
});

describe("a comparison", () => {
  it("is the median of the ratios of each round", () => {
    assertEquals(ratios([10, 90, 20], [10, 30, 10]), { median: 2, min: 1, max: 3 });
    assertEquals(spread([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
  });

  it("is judged by rates where both servers had a core", () => {
    const result = compareRates(SUBJECT, [sample(200), sample(180)], [sample(100), sample(100)]);
    assertEquals([result.ratio.median, result.met, result.judgedBy, result.warning], [1.9, true, "ratio", undefined]);
  });

  it("is judged by processor time where a server had to share its core, and says so", () => {
    const result = compareRates(SUBJECT, [sample(100, { serverBusy: 0.5 })], [sample(100)]);
    assertEquals([result.ratio.median, result.cpuRatio?.median, result.met], [1, 2, true]);
    assertEquals(result.warning, "core shared: judged per cpu");
  });

  it("says that a server waited for the load where the load was the slower of the two", () => {
    const result = compareRates(SUBJECT, [sample(100, { serverBusy: 0.5, loadBusy: 1 })], [sample(100)]);
    assertEquals(result.warning, "load-bound: judged per cpu");
  });

  it("of latencies tells rate and answers, and is judged only where the peer kept up", () => {
    const subject: Subject = { ...SUBJECT, bound: { atMost: 1 } };
    const judged = compareLatencies(subject, [sample(60, { p99: 9 })], [sample(100, { p99: 3 })], 100);
    assertEquals([judged.ratio.median, judged.met, judged.warning], [3, false, undefined]);
    assertEquals(judged.unit, "requests/s at 100 requests/s; answered 60 and 100");
    const shared = compareLatencies(subject, [sample(60, { p99: 9 })], [sample(94, { p99: 3 })], 100);
    assertEquals([shared.met, shared.warning], [null, "core shared: not judged"]);
  });
});

describe("what is printed", () => {
  const short = compareValues(SUBJECT, [120], [100]);
  const met = compareValues(SUBJECT, [170], [100]);
  const missing = { row: "load", runtime: "bun", reason: "wrk is not installed", failed: false } as const;

  it("has the ratio, the bound as a number, and whether it is met", () => {
    assert(/ 1\.20 .* >=1\.7 +SHORT 120\.0 +100\.0 +requests\/s$/.test(resultLine(short)), resultLine(short));
    assert(/ 1\.70 .* >=1\.7 +met /.test(resultLine(met)), resultLine(met));
    const free = compareValues({ ...SUBJECT, bound: null }, [1], [1]);
    assert(/ 1\.00-1\.00 +info /.test(resultLine(free)), resultLine(free));
  });

  it("says why a row was left out, and of one that should have run that it failed", () => {
    assertEquals(missingLine(missing), "load      bun     left out: wrk is not installed");
    assertEquals(missingLine({ ...missing, failed: true }), "load      bun     FAILED: wrk is not installed");
  });

  it("ends with all that falls short or was not measured", () => {
    assertEquals(summaryLines([short, met], [missing]), [
      "",
      "Short of their bound:",
      resultLine(short),
      "",
      "Not measured:",
      missingLine(missing),
      "",
      "1 met, 1 short, 0 open, 0 for information, 1 not measured",
    ]);
    const open = compareLatencies(SUBJECT, [sample(1, { p99: 1 })], [sample(1, { p99: 1 })], 100);
    assert(/ >=1\.7 +open /.test(resultLine(open)), resultLine(open));
    assertEquals(summaryLines([met, open], []), [
      "",
      "1 met, 0 short, 1 open, 0 for information, 0 not measured",
    ]);
  });
});

describe("the command line", () => {
  it("runs every row on every runtime unless told otherwise", () => {
    const { rows, runtimes, seconds, rounds } = parseOptions([])!;
    assertEquals([rows, runtimes, seconds, rounds], [rowNames, benchRuntimes, 1, 5]);
  });

  it("takes rows and runtimes in the table's order", () => {
    const { rows, runtimes } = parseOptions(["--only", "start,json", "--runtime", "bun,node24"])!;
    assertEquals([rows, runtimes], [["json", "start"], ["node24", "bun"]]);
  });

  it("refuses what it does not know, by name", () => {
    const refused = (words: string, ...args: string[]) => assertThrows(() => parseOptions(args), UsageError, words);
    refused('there is no "jason"', "--only", "json,jason");
    refused('there is no "node22"', "--runtime", "node22");
    refused('got "0"', "--rounds", "0");
    refused("--fast", "--fast");
    assertEquals(parseOptions(["--help"]), null);
  });
});

describe("requests at a fixed rate", () => {
  /** Answers each request after `delay(due)` ms, a millisecond at a time. */
  function play(plan: Plan, until: number, delay: (at: number) => number): number {
    const answers: [at: number, connection: number][] = [];
    for (let now = 0; now < until; now++) {
      for (const answer of answers.filter(([at]) => at <= now)) {
        answers.splice(answers.indexOf(answer), 1);
        plan.take(answer[1], now);
      }
      for (let fd = plan.next(now); fd !== undefined; fd = plan.next(now)) answers.push([now + delay(now), fd]);
    }
    return plan.finish(until);
  }

  it("are as many as fall due, whatever the server does", () => {
    const plan = new Plan(1000, [1, 2, 3], 0);
    assertEquals(play(plan, 500, () => 1), 1);
    assertEquals(plan.answered, 499);
  });

  it("count from when they were due: who stands still for a while has kept all of them waiting", () => {
    const plan = new Plan(1000, [1, 2], 0);
    const p99 = play(plan, 1000, (now) => now < 500 ? Math.max(1, 200 - now) : 1);
    // Two requests alone were under way, but 200 fell due; those that followed them had to wait as well.
    assertAlmostEquals(p99, 198, 5);
  });

  it("that nobody answers have waited until the end at the least", () => {
    const plan = new Plan(1000, [1], 0);
    assertAlmostEquals(play(plan, 1000, () => Infinity), 990, 2);
    assertEquals(plan.answered, 0);
  });

  it("do not count while the server warms up", () => {
    const plan = new Plan(1000, [1, 2, 3, 4], 500);
    assertEquals(play(plan, 1000, (now) => now < 490 ? 4 : 1), 1);
  });

  it("are sent on free connections only", () => {
    const plan = new Plan(1000, [7], 0);
    assertEquals([plan.next(0), plan.next(5)], [7, undefined]);
    plan.take(7, 6);
    assertEquals([plan.next(6), plan.next(6)], [7, undefined]);
  });
});

describe("the everyday request", () => {
  it("has 200 bytes, and an answer that only one who has read it can give", () => {
    assertEquals(new TextEncoder().encode(ORDER).length, 200);
    assertEquals(JSON.parse(ACCEPTED), { ...JSON.parse(ORDER), accepted: true });
  });
});

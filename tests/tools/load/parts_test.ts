/** The parts of the load engine: what waits, what is under way, what is due, what is counted. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { OptionError } from "../../../mod.ts";
import { Agenda } from "../../../src/tools/load/agenda.ts";
import { Arrivals, GRAIN } from "../../../src/tools/load/arrivals.ts";
import { Flights } from "../../../src/tools/load/flights.ts";
import { resolveOptions } from "../../../src/tools/load/load_options.ts";
import { rampStages } from "../../../src/tools/load/ramp.ts";
import { seeded } from "../../../src/tools/load/random.ts";
import { Recorder } from "../../../src/tools/load/recorder.ts";
import type { LoadKind, LoadOptions } from "../../../src/tools/load/load_api.ts";

describe("Agenda", () => {
  it("gives entries in the order of their time, whatever order they came in", () => {
    fc.assert(fc.property(fc.array(fc.nat(100), { maxLength: 200 }), (times) => {
      const agenda = new Agenda<number>();
      for (const time of times) agenda.add(time, time);
      const taken: number[] = [];
      for (let item = agenda.take(100); item !== undefined; item = agenda.take(100)) taken.push(item);
      assertEquals(taken, [...times].sort((a, b) => a - b));
    }));
  });

  it("keeps what is not due", () => {
    const agenda = new Agenda<string>();
    assertEquals(agenda.next, Infinity);
    agenda.add(20, "late");
    agenda.add(10, "early");
    assertEquals([agenda.next, agenda.take(9), agenda.take(10), agenda.take(10)], [10, undefined, "early", undefined]);
  });
});

describe("Flights", () => {
  it("uses tokens again, and never one that is under way", () => {
    fc.assert(fc.property(fc.array(fc.nat(), { maxLength: 500 }), (choices) => {
      const flights = new Flights();
      const live = new Map<number, number>();
      for (const [step, choice] of choices.entries()) {
        if (choice % 3 === 0 && live.size > 0) {
          const token = [...live.keys()][choice % live.size];
          assertEquals(flights.due(token), live.get(token));
          flights.release(token);
          live.delete(token);
        } else {
          const token = flights.take(1, step, step);
          assert(!live.has(token), `token ${token} twice`);
          live.set(token, step);
        }
        assertEquals(flights.size, live.size);
      }
    }));
  });

  it("has room for as many as there are, and for as many that are over", () => {
    const flights = new Flights();
    const first = Array.from({ length: 1000 }, () => flights.take(0, 0, 0));
    for (const token of first) flights.release(token);
    const second = Array.from({ length: 1000 }, () => flights.take(0, 0, 0));
    assertEquals([...second].sort((a, b) => a - b), first);
    assertEquals(new Set(first).size, 1000);
  });

  it("finds those that were sent too long ago, and whose they are", () => {
    const flights = new Flights();
    const tokens = Array.from({ length: 200 }, (_, i) => flights.take(i % 7, 0, i));
    flights.release(tokens[3]);
    const found: [number, number][] = [];
    flights.sweep(5, (token, owner) => {
      found.push([token, owner]);
      flights.release(token);
    });
    assertEquals(found, [[tokens[0], 0], [tokens[1], 1], [tokens[2], 2], [tokens[4], 4]]);
    flights.sweep(5, () => assert(false, "nothing is left to find"));
  });
});

describe("Arrivals", () => {
  it("are evenly spaced, as many as the rate says", () => {
    const arrivals = new Arrivals(() => 250);
    arrivals.advance(1000, 1000);
    assertEquals(arrivals.waiting, 250);
    assertEquals([arrivals.take(), arrivals.take(), arrivals.take()], [0, 4, 8]);
    assertEquals(arrivals.next, Infinity);
  });

  it("count from a tick that comes in time, and from their own time if it comes late", () => {
    const arrivals = new Arrivals(() => 100);
    arrivals.advance(0, 1000);
    arrivals.advance(10 + GRAIN, 1000);
    arrivals.advance(20 + GRAIN + 0.5, 1000);
    assertEquals([arrivals.take(), arrivals.take(), arrivals.take()], [0, 10 + GRAIN, 20]);
  });

  it("wait in their order, more than there was room for at first", () => {
    const arrivals = new Arrivals(() => 1000);
    const taken: number[] = [];
    arrivals.advance(0, 9000);
    for (let now = 100; now < 9000; now += 100) {
      arrivals.advance(now, 9000);
      for (let i = 0; i < 40; i++) taken.push(arrivals.take());
    }
    assertEquals(taken, taken.map((_, i) => due(i)));
    assertEquals(arrivals.unsent, 8901 - taken.length);
  });
});

/** In ticks of 100 ms at 1000 a second: what falls due within the grain of a tick counts from the tick. */
function due(index: number): number {
  const tick = Math.ceil(index / 100) * 100;
  return tick - index <= GRAIN ? tick : index;
}

describe("Recorder", () => {
  it("has the percentiles of all answers, to a thousandth", () => {
    const random = seeded(5);
    const all = Array.from({ length: 10_000 }, () => 0.05 + random() ** 4 * 2000);
    const recorder = new Recorder();
    for (const [index, ms] of all.entries()) {
      recorder.answer(ms);
      if (index % 777 === 0) recorder.fold();
    }
    recorder.fold();
    all.sort((a, b) => a - b);
    const summary = recorder.summary();
    assertEquals([summary.min, summary.max], [all[0], all[9999]]);
    near(summary.mean, all.reduce((sum, ms) => sum + ms, 0) / all.length);
    near(summary.p50, all[4999]);
    near(summary.p90, all[8999]);
    near(summary.p99, all[9899]);
    near(summary.p999, all[9989]);
  });

  it("has a distribution that ends with the last answer", () => {
    const recorder = new Recorder();
    for (let ms = 1; ms <= 1000; ms++) recorder.answer(ms);
    recorder.fold();
    const points = recorder.percentiles();
    assertEquals(points.at(-1), { percentile: 100, ms: 1000, count: 1000 });
    assert(points.every((point, i) => i === 0 || (point.ms >= points[i - 1].ms && point.count >= points[i - 1].count)));
    near(points.find(({ percentile }) => percentile === 50)!.ms, 500);
  });

  it("says 0 of nothing, and keeps the words of 20 faults", () => {
    const recorder = new Recorder();
    assertEquals(recorder.summary().max, 0);
    assertEquals(recorder.percentiles(), []);
    for (let i = 0; i < 30; i++) recorder.fault("wrong", `number ${i}`, i);
    assertEquals(recorder.faults.wrong, 30);
    assertEquals(recorder.samples.length, 20);
  });

  it("takes latencies of no time and of more than a day", () => {
    const recorder = new Recorder();
    for (const ms of [0, -0.0001, 100_000_000]) recorder.answer(ms);
    recorder.fold();
    assertEquals(recorder.answered, 3);
  });
});

describe("rampStages()", () => {
  it("goes from the first load to the last in steps of one length", () => {
    const stages = rampStages({ from: 10, to: 500, over: 30_000, steps: 10, unit: "clients" });
    assertEquals(stages.map(({ load }) => load), [10, 64, 119, 173, 228, 282, 337, 391, 446, 500]);
    assertEquals(stages.map(({ from }) => from), [0, 3000, 6000, 9000, 12000, 15000, 18000, 21000, 24000, 27000]);
    assertEquals(stages.at(-1)?.to, Infinity);
  });
});

describe("the options of a load", () => {
  it("have defaults", () => {
    const { options } = resolveOptions({}, "http");
    assertEquals([options.clients, options.duration, options.check, options.method], [10, 10_000, "same", "GET"]);
    assertEquals(resolveOptions({ size: { min: 9, max: 9 } }, "http").options.method, "POST");
    assertEquals(resolveOptions({ size: { min: 9, max: 9 } }, "http").options.check, "echo");
    assertEquals(resolveOptions({}, "ws").options.check, "echo");
    assertEquals(resolveOptions({ ramp: { from: 1, to: 4, over: 800 } }, "tcp").options.ramp?.steps, 4);
    assertEquals(resolveOptions({ ramp: { from: 1, to: 4, over: 800 } }, "tcp").options.duration, 800);
    assertEquals(resolveOptions({ seed: 7 }, "tcp").seed, 7);
  });

  for (const [option, kind, given] of WRONG()) {
    it(`refuse ${option} in ${JSON.stringify(given)} for ${kind}`, () => {
      const error = assertThrows(() => resolveOptions(given as LoadOptions, kind), OptionError);
      assertEquals((error as OptionError).option, option);
      assert((error as Error).message.startsWith(option), (error as Error).message);
    });
  }
});

function WRONG(): readonly (readonly [option: string, kind: LoadKind, given: Record<string, unknown>])[] {
  const ramp = { from: 1, to: 9, over: 1000 };
  return [
    ["clients", "tcp", { clients: 0 }],
    ["clients", "tcp", { clients: 3, ramp }],
    ["duration", "tcp", { duration: 0 }],
    ["duration", "tcp", { duration: 500, ramp }],
    ["count", "tcp", { count: 1.5 }],
    ["rate", "tcp", { rate: 0 }],
    ["rate", "tcp", { rate: 5, ramp }],
    ["think", "tcp", { think: { min: 5, max: 1 } }],
    ["think", "tcp", { think: { min: 0, max: 1 }, rate: 10 }],
    ["pipeline", "tcp", { pipeline: "2" }],
    ["size", "tcp", { size: { min: -1, max: 1 } }],
    ["size", "tcp", { size: 5 }],
    ["ramp", "tcp", { ramp: { from: 1, to: 9 } }],
    ["ramp", "tcp", { ramp: null }],
    ["ramp", "tcp", { ramp: { ...ramp, unit: "bytes" } }],
    ["steps", "tcp", { ramp: { ...ramp, steps: 0 } }],
    ["method", "http", { method: "GET IT" }],
    ["method", "tcp", { method: "GET" }],
    ["headers", "http", { headers: [["a", "b\r\nc: d"]] }],
    ["headers", "tcp", { headers: [["a", "b"]] }],
    ["body", "ws", { body: "x" }],
    ["body", "http", { body: "x", size: { min: 1, max: 1 } }],
    ["check", "http", { check: "echo" }],
    ["check", "tcp", { check: "same" }],
    ["check", "tcp", { check: "all" }],
    ["timeout", "tcp", { timeout: NaN }],
    ["seed", "tcp", { seed: -1 }],
    ["adapter", "tcp", { adapter: {} }],
    ["onProgress", "tcp", { onProgress: true }],
    ["server", "tcp", { server: { pid: 1 } }],
  ];
}

/** A histogram keeps a thousandth of a value. */
function near(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) <= expected * 0.0011, `${actual} is not about ${expected}`);
}

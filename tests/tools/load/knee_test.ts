/** The knee of a ramp: found where there is one, with noise or without, and nowhere else. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { findKnee } from "../../../src/tools/load/knee.ts";
import { type Random, seeded } from "../../../src/tools/load/random.ts";
import type { RampStep } from "../../../src/tools/load/load_api.ts";

type Shape = (load: number) => number;

const SEEDS = 200;

/** Latency of a server with one queue, whose capacity is 1050. */
const queue: Shape = (load) => 1 / (1 - load / 1050);
/** Flat up to 600; then a backlog. */
const overload: Shape = (load) => load <= 600 ? 1 + load / 1000 : 500 + load;
/** Flat up to 300, then steep. */
const hockey: Shape = (load) => load <= 300 ? 1 : 1 + (load - 300) / 20;

describe("the knee", () => {
  it("is the last load before latency leaves its line", () => {
    assertEquals(findKnee(steps(overload), "rate")?.load, 600);
    assertEquals(findKnee(steps(hockey), "clients")?.load, 300);
    assertEquals(findKnee(steps(queue), "rate")?.load, 800);
  });

  it("is told in words, with both sides of it", () => {
    const { words } = findKnee(steps(overload), "rate")!;
    assert(
      /^The knee is at 600 requests\/s: up to there half of the answers come within 1\.6 ms; at 700 /.test(words),
      words,
    );
  });

  it("is found in noise: of 5 % always, of 10 % nearly always, a step beside it at the most", () => {
    for (const [shape, at] of [[overload, 600], [hockey, 300], [queue, 800]] as const) {
      assert(share(shape, 0.05, (load) => load !== null && Math.abs(load - at) <= 100) === 1);
      assert(share(shape, 0.1, (load) => load !== null && Math.abs(load - at) <= 200) > 0.85);
    }
  });

  it("is not where latency is flat, or grows in line with the load, whatever the noise", () => {
    const straight: Shape[] = [() => 1, (load) => load / 100, (load) => 1 + load / 200, Math.sqrt];
    for (const shape of straight) {
      for (const noise of [0, 0.05, 0.1, 0.2]) assert(share(shape, noise, (load) => load === null) >= 0.99);
    }
  });

  it("is not a single slow step", () => {
    const slow = steps(() => 1).map((step) => step.load === 500 ? { ...step, p50: 80 } : step);
    assertEquals(findKnee(slow, "clients"), null);
  });

  it("is not in too few steps, nor in steps without answers", () => {
    assertEquals(findKnee([], "clients"), null);
    assertEquals(findKnee(steps(hockey).slice(0, 3), "clients"), null);
    assertEquals(findKnee(steps(hockey).map((step) => ({ ...step, rate: 0 })), "clients"), null);
  });

  it("is the same in a ramp that goes down", () => {
    assertEquals(findKnee(steps(overload).reverse(), "rate")?.load, 600);
  });
});

/** Ten steps from 100 to 1000. */
function steps(shape: Shape, noise: number = 0, random: Random = seeded(1)): RampStep[] {
  return Array.from({ length: 10 }, (_, index) => {
    const load = 100 * (index + 1);
    const p50 = shape(load) * Math.max(0.2, 1 + noise * gauss(random));
    return { load, rate: load, p50, p99: p50 * 3, faults: 0 };
  });
}

/** In what share of noisy ramps the knee is right. */
function share(shape: Shape, noise: number, isRight: (load: number | null) => boolean): number {
  const knees = Array.from({ length: SEEDS }, (_, seed) => findKnee(steps(shape, noise, seeded(seed)), "clients"));
  return knees.filter((knee) => isRight(knee?.load ?? null)).length / SEEDS;
}

/** Normally distributed (Box and Muller). */
function gauss(random: Random): number {
  return Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
}

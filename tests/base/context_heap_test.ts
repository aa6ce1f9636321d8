import process from "node:process";
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Clock } from "../../src/clock.ts";
import {
  afterFunc,
  background,
  type ContextParent,
  withCancel,
  withTimeout,
  withValue,
} from "../../src/context/mod.ts";
import { collect } from "../support/collector.ts";

const MiB = 2 ** 20;
const CHILDREN = 1_000_000;
const BATCH = 50_000;

/** The smallest of some readings: what is really held, without what waits to be collected. */
async function heap(enough: number): Promise<number> {
  let least = Infinity;
  for (let i = 0; i < 8 && least > enough; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    collect();
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  return least;
}

/** Derives and ends children in batches, all of a batch alive at once, and returns by how much the heap grew. */
async function growth(children: number, derive: () => () => void): Promise<number> {
  const round = async (count: number) => {
    for (let left = count; left > 0; left -= BATCH) {
      const ends: (() => void)[] = [];
      for (let i = Math.min(BATCH, left); i > 0; i--) ends.push(derive());
      for (const end of ends) end();
      // A turn of the loop per batch, as a server has: otherwise the runtimes keep cancelled timers for later.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  };
  await round(BATCH);
  const before = await heap(0);
  await round(children);
  return await heap(before + MiB) - before;
}

/** A clock whose timers cost nothing: a million real ones take Deno seven seconds. */
function countingClock(): Clock & { live: number } {
  const clock = {
    live: 0,
    now: () => 0,
    soon: (fn: () => void) => queueMicrotask(fn),
    setTimer: () => {
      clock.live++;
      return () => void clock.live--;
    },
  };
  return clock;
}

const parents: [string, ContextParent][] = [
  ["a context", withCancel(withValue(background(), "k", "v"))[0]],
  ["an AbortSignal", new AbortController().signal],
];

describe("a root of a million finished children holds none of them", () => {
  it("withTimeout, from a context", async () => {
    const clock = countingClock();
    const [root] = withCancel(background(clock));
    const grown = await growth(CHILDREN, () => withTimeout(root, 60_000)[1]);
    assert(grown < 5 * MiB, `the heap grew by ${grown} bytes`);
    assertEquals(clock.live, 0);
  });

  it("withTimeout on real timers, from an AbortSignal", async () => {
    const { signal } = new AbortController();
    const grown = await growth(CHILDREN / 10, () => withTimeout(signal, 60_000)[1]);
    assert(grown < 5 * MiB, `the heap grew by ${grown} bytes`);
  });

  for (const [name, root] of parents) {
    it(`withCancel, from ${name}`, async () => {
      const grown = await growth(CHILDREN, () => withCancel(root)[1]);
      assert(grown < 5 * MiB, `the heap grew by ${grown} bytes`);
    });

    it(`withTimeout that fired, and afterFunc that was stopped, from ${name}`, async () => {
      const grown = await growth(CHILDREN / 10, () => {
        withTimeout(root, 0);
        return afterFunc(root, () => {});
      });
      assert(grown < 5 * MiB, `the heap grew by ${grown} bytes`);
    });
  }
});

describe("an untouched child", () => {
  it("costs less than 150 bytes", async () => {
    const [root, cancel] = withCancel(background());
    const count = 200_000;
    const before = await heap(0);
    for (let i = 0; i < count; i++) withCancel(root);
    const each = (await heap(0) - before) / count;
    cancel();
    assert(each < 150, `${each} bytes`);
  });
});

import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Clock, MAX_TIMER_DELAY, systemClock } from "../../src/clock.ts";
import { OptionError } from "../../src/errors.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

describe("VirtualClock", () => {
  it("stands still until it is advanced, in both its times", async () => {
    const clock = new VirtualClock({ wall: 5_000 });
    await clock.settle();
    assertEquals([clock.now(), clock.wall()], [0, 5_000]);
    await clock.advance(12.5);
    assertEquals([clock.now(), clock.wall()], [12.5, 5_012.5]);
  });

  it("fires timers in order of time, and of one time in the order they were set", async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    for (const [name, at] of [["c", 30], ["a", 10], ["b1", 20], ["b2", 20], ["a2", 10]] as const) {
      clock.setTimer(() => order.push(`${name}@${clock.now()}`), at);
    }
    assertEquals(clock.pending, 5);
    await clock.advance(20);
    assertEquals(order, ["a@10", "a2@10", "b1@20", "b2@20"]);
    assertEquals([clock.pending, clock.now()], [1, 20]);
  });

  it("fires what a timer sets within the same advance, at its own time", async () => {
    const clock = new VirtualClock();
    const times: number[] = [];
    const tick = () => {
      times.push(clock.now());
      clock.setTimer(tick, 10);
    };
    clock.setTimer(tick, 10);
    await clock.advance(35);
    assertEquals(times, [10, 20, 30]);
  });

  it("lets promises settle before the next timer", async () => {
    const clock = new VirtualClock();
    const order: string[] = [];
    clock.setTimer(async () => {
      for (let i = 0; i < 50; i++) await null;
      order.push("promises of the first");
    }, 1);
    clock.setTimer(() => order.push("second"), 1_000);
    await clock.advance(1_000);
    assertEquals(order, ["promises of the first", "second"]);
  });

  it("sees a timer that was set by a promise settling at the start of advance", async () => {
    const clock = new VirtualClock();
    let fired = false;
    void Promise.resolve().then(() => clock.setTimer(() => fired = true, 5));
    await clock.advance(5);
    assertEquals(fired, true);
  });

  it("does not fire a cancelled timer, even one of the same time", async () => {
    const clock = new VirtualClock();
    let fired = 0;
    clock.setTimer(() => cancel(), 5);
    const cancel = clock.setTimer(() => fired++, 5);
    await clock.advance(10);
    cancel();
    assertEquals([fired, clock.pending], [0, 0]);
  });

  it("takes a negative or NaN delay for 0 and cuts a longer one than a runtime's timer can", async () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.setTimer(() => fired.push("negative"), -5);
    clock.setTimer(() => fired.push("NaN"), NaN);
    clock.setTimer(() => fired.push(`long@${clock.now()}`), Infinity);
    await clock.advance(0);
    assertEquals(fired, ["negative", "NaN"]);
    await clock.advance(MAX_TIMER_DELAY);
    assertEquals(fired[2], `long@${MAX_TIMER_DELAY}`);
  });

  it("rejects with what a timer throws, and stands at that time", async () => {
    const clock = new VirtualClock();
    clock.setTimer(() => {
      throw new RangeError("in a timer");
    }, 5);
    await assertRejects(() => clock.advance(10), RangeError, "in a timer");
    assertEquals(clock.now(), 5);
    await clock.advance(5);
  });

  it("refuses a wrong distance, a second advance at a time and an endless loop", async () => {
    const clock = new VirtualClock({ turns: 0 });
    for (const ms of [-1, NaN, Infinity]) await assertRejects(() => clock.advance(ms), OptionError, "ms");
    const first = clock.advance(1);
    await assertRejects(() => clock.advance(1), Error, "already under way");
    await first;
    const again = () => void clock.setTimer(again, 0);
    again();
    await assertRejects(() => clock.advance(1), Error, "endless loop");
  });
});

describe("systemClock", () => {
  it("fires once after the delay, and not when cancelled", async () => {
    const clock: Clock = systemClock;
    const start = clock.now();
    let wrong = false;
    clock.setTimer(() => wrong = true, 1)();
    await new Promise<void>((resolve) => clock.setTimer(resolve, 10));
    assert(clock.now() - start >= 9);
    assertEquals(wrong, false);
  });
});

describe("systemClock", () => {
  it("never asks for a delay that a runtime warns of", () => {
    const asked: (number | undefined)[] = [];
    const { setTimeout } = globalThis;
    globalThis.setTimeout = ((fn: () => void, delay?: number) => {
      asked.push(delay);
      return setTimeout(fn, 0);
    }) as typeof globalThis.setTimeout;
    try {
      for (const delay of [-0.007, -5, 3, Infinity]) {
        systemClock.setTimer(() => {}, delay)();
        systemClock.setIdleTimer!(() => {}, delay)();
      }
    } finally {
      globalThis.setTimeout = setTimeout;
    }
    assertEquals(asked, [0, 0, 0, 0, 3, 3, MAX_TIMER_DELAY, MAX_TIMER_DELAY]);
  });
});

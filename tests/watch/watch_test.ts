import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory/mod.ts";
import { type Clock, type Logger, OptionError, type ResourceUse, silentLogger } from "../../mod.ts";
import { type ResourceWarning, type ResourceWatch, type WatchOptions, watchResources } from "../../src/watch/mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

/** Virtual time whose timers come late on demand, as when the loop is blocked. */
class LateClock implements Clock {
  readonly inner: VirtualClock = new VirtualClock({ turns: 1 });
  late = 0;
  idle = 0;

  now(): number {
    return this.inner.now();
  }

  setTimer(fn: () => void, delay: number): () => void {
    return this.inner.setTimer(fn, delay + this.late);
  }

  setIdleTimer(fn: () => void, delay: number): () => void {
    this.idle++;
    return this.setTimer(fn, delay);
  }

  soon(fn: () => void): void {
    this.inner.soon(fn);
  }
}

interface Rig {
  readonly clock: LateClock;
  readonly watch: ResourceWatch;
  readonly warnings: ResourceWarning[];
  /** Sets what the process uses, and lets a sample be taken. */
  see(use: Partial<ResourceUse>): Promise<string[]>;
}

/** A watch in virtual time; `see` gives the kinds warned of. */
function rig(options: WatchOptions = {}): Rig {
  const clock = new LateClock();
  const adapter = memoryAdapter();
  const warnings: ResourceWarning[] = [];
  const onWarning = (warning: ResourceWarning) => void warnings.push(warning);
  const watch = watchResources({ onWarning, logger: silentLogger, ...options, adapter, clock });
  const see = async (use: Partial<ResourceUse>) => {
    const before = warnings.length;
    adapter.use = { ...adapter.use, ...use };
    await clock.inner.advance(options.interval ?? 1000);
    return warnings.slice(before).map(({ kind }) => kind);
  };
  return { clock, watch, warnings, see };
}

const MIB = 2 ** 20;

describe("watchResources() and levels", () => {
  it("warns of descriptors at four fifths of the soft limit, and says how many", async () => {
    const { see, warnings } = rig();
    assertEquals(await see({ descriptors: 799, descriptorLimit: 1000 }), []);
    assertEquals(await see({ descriptors: 800 }), ["descriptors"]);
    const { kind, value, limit, share, message, count, connections } = warnings[0];
    assertEquals([kind, value, limit, share, count, connections], ["descriptors", 800, 1000, 0.8, 0, []]);
    assertEquals(message, "800 of 1000 descriptors are in use, 80 %");
  });

  it("warns once per episode, and again only after the level was below the lower mark", async () => {
    const { see } = rig();
    const told: string[][] = [];
    for (const descriptors of [800, 1000, 790, 721, 800, 999, 721, 800, 719, 801, 800]) {
      told.push(await see({ descriptors, descriptorLimit: 1000 }));
    }
    const once = ["descriptors"];
    // The lower mark is nine tenths of the upper one.
    assertEquals(told, [once, [], [], [], [], [], [], [], [], once, []]);
  });

  it("warns of the heap at nine tenths of its limit", async () => {
    const { see, warnings } = rig();
    assertEquals(await see({ heapUsed: 89 * MIB, heapLimit: 100 * MIB }), []);
    assertEquals(await see({ heapUsed: 90 * MIB }), ["heap"]);
    assertEquals(warnings[0].message, "The heap has 90 of 100 MiB in use, 90 %");
  });

  it("judges the resident memory only by a limit that was given, and always tells it", async () => {
    const free = rig();
    assertEquals(await free.see({ rss: 1e12 }), []);
    assertEquals(free.watch.last!.rss, 1e12);
    const bound = rig({ limits: { rss: { limit: 200 * MIB, warnAt: 0.5 } } });
    assertEquals(await bound.see({ rss: 99 * MIB }), []);
    assertEquals(await bound.see({ rss: 100 * MIB }), ["rss"]);
    assertEquals(bound.warnings[0].message, "The process occupies 100 of 200 MiB, 50 %");
  });

  it("takes limit, mark and lower mark of each resource from the options", async () => {
    const { see } = rig({ limits: { descriptors: { limit: 100, warnAt: 0.5, clearAt: 0.1 }, heap: false } });
    assertEquals(await see({ descriptors: 50, descriptorLimit: 1e6, heapUsed: 100, heapLimit: 100 }), ["descriptors"]);
    assertEquals(await see({ descriptors: 10 }), []);
    assertEquals(await see({ descriptors: 50 }), []);
    assertEquals(await see({ descriptors: 9 }), []);
    assertEquals(await see({ descriptors: 50 }), ["descriptors"]);
  });

  it("tells several resources in one sample, each by itself", async () => {
    const { see } = rig();
    const use = { descriptors: 9, descriptorLimit: 10, heapUsed: 95, heapLimit: 100 };
    assertEquals(await see(use), ["descriptors", "heap"]);
  });

  it("goes on with an episode while the level can't be read", async () => {
    const { see, watch } = rig();
    await see({ descriptors: 900, descriptorLimit: 1000 });
    await see({ descriptors: null });
    assert(watch.overloaded);
    assertEquals(await see({ descriptors: 900 }), []);
  });

  it("never warns where the system sets no limit", async () => {
    const { see, watch } = rig();
    assertEquals(await see({ descriptors: 1e6, descriptorLimit: Infinity }), []);
    assertEquals(watch.unavailable.filter(({ kind }) => kind === "descriptors"), []);
  });
});

describe("watchResources() and what can't be told", () => {
  it("lists it with the adapter's reason", async () => {
    const { see, watch } = rig();
    assertEquals(watch.unavailable, []);
    await see({ heapUsed: 1, rss: 1, missing: { descriptors: "no permission", heapLimit: "no limit is set" } });
    assertEquals(watch.unavailable, [
      { kind: "descriptors", reason: "no permission" },
      { kind: "heap", reason: "no limit is set" },
    ]);
  });

  it("misses no limit that the options give", async () => {
    const { see, watch } = rig({ limits: { heap: { limit: 100 } } });
    assertEquals(await see({ heapUsed: 90, rss: 1, descriptors: 1, descriptorLimit: 2 }), ["heap"]);
    assertEquals(watch.unavailable, []);
  });

  it("works with an adapter that tells nothing", async () => {
    const clock = new VirtualClock({ turns: 1 });
    const adapter = Object.assign(memoryAdapter(), { resources: undefined });
    const watch = watchResources({ adapter, clock });
    await clock.advance(1000);
    assertEquals(watch.unavailable.map(({ kind }) => kind), ["descriptors", "heap", "rss"]);
    assertEquals(watch.unavailable[0].reason, "The adapter memory doesn't tell");
    assertEquals([watch.last!.lag, watch.last!.rss], [0, null]);
    watch.stop();
  });
});

describe("watchResources() and the event loop", () => {
  it("warns when its own timer came late, however short that was within the interval", async () => {
    const { clock, see, warnings, watch } = rig();
    clock.late = 199;
    assertEquals(await see({}), []);
    clock.late = 0;
    await see({});
    assertEquals(watch.last!.lag, 199);
    await see({});
    assertEquals(watch.last!.lag, 0);

    await clock.inner.advance(350);
    clock.late = 250;
    await clock.inner.advance(100);
    clock.late = 0;
    await clock.inner.advance(1500);
    assertEquals(warnings.map(({ kind, value }) => [kind, value]), [["lag", 250]]);
    assertEquals(warnings[0].message, "The event loop was blocked, a timer came 250 ms late");
    await see({});
    assertEquals(watch.last!.lag, 0);
  });

  it("warns again only after a sample below half of the limit", async () => {
    const { clock, watch, warnings } = rig({ limits: { lag: { limit: 100 } } });
    const told: number[] = [];
    for (const late of [100, 60, 150, 49, 0, 100]) {
      clock.late = late;
      const { at } = watch.last ?? { at: 0 };
      // Two samples: the first may have begun before.
      while ((watch.last?.at ?? 0) === at) await clock.inner.advance(10);
      const next = watch.last!.at;
      while (watch.last!.at === next) await clock.inner.advance(10);
      told.push(warnings.length);
    }
    assertEquals(told, [1, 1, 1, 1, 1, 2]);
  });
});

describe("watchResources() and readiness", () => {
  it("is overloaded from the warning until the level is below the lower mark", async () => {
    const { see, watch } = rig();
    const { ready } = watch;
    const seen: boolean[] = [];
    for (const descriptors of [10, 80, 75, 73, 71]) {
      await see({ descriptors, descriptorLimit: 100 });
      assertEquals(ready(), !watch.overloaded);
      seen.push(ready());
    }
    assertEquals(seen, [true, false, false, false, true]);
  });

  it("is overloaded by the resources that were chosen, and by no other", async () => {
    const { see, watch } = rig({ overloadedBy: ["heap"] });
    assertEquals(await see({ descriptors: 100, descriptorLimit: 100 }), ["descriptors"]);
    assertEquals(watch.overloaded, false);
    await see({ heapUsed: 100, heapLimit: 100 });
    assertEquals(watch.overloaded, true);
  });

  it("is ready before the first sample, and after stop()", async () => {
    const { see, watch } = rig();
    assertEquals([watch.last, watch.ready()], [null, true]);
    await see({ descriptors: 100, descriptorLimit: 100 });
    watch.stop();
    assertEquals([watch.ready(), watch.overloaded], [true, false]);
  });
});

describe("watchResources() by itself", () => {
  it("leaves no timer after stop(), whoever calls it, and has one at the most before", async () => {
    const { clock, see, watch } = rig();
    await see({});
    assertEquals(clock.inner.pending, 1);
    watch.stop();
    watch.stop();
    assertEquals(clock.inner.pending, 0);

    const inside = rig({ onWarning: () => inside.watch.stop() });
    await inside.see({ descriptors: 1, descriptorLimit: 1 });
    assertEquals([inside.clock.inner.pending, inside.watch.overloaded], [0, false]);
    {
      using watch = inside.watch;
      assertEquals(watch.overloaded, false);
    }
  });

  it("asks the clock for timers that don't keep the process alive", async () => {
    const { clock, see } = rig();
    await see({});
    assertEquals(clock.idle, 11);
  });

  it("survives an onWarning that throws, one that rejects, and a logger that throws, and logs the first two", async () => {
    const logged: unknown[] = [];
    const error = (message: string, fields: { error: Error }) => logged.push([message, fields.error.message]);
    const logger = { ...silentLogger, error } as Logger;
    const throwing = rig({
      logger,
      onWarning: () => {
        throw new Error("thrown");
      },
    });
    await throwing.see({ descriptors: 1, descriptorLimit: 1 });
    const rejecting = rig({ logger, onWarning: () => Promise.reject(new Error("rejected")) });
    await rejecting.see({ descriptors: 1, descriptorLimit: 1 });
    assertEquals(logged, [["onWarning failed", "thrown"], ["onWarning failed", "rejected"]]);

    const broken = () => {
      throw new Error("no log");
    };
    const silent = rig({ logger: { ...silentLogger, warn: broken, error: broken }, onWarning: undefined });
    await silent.see({ descriptors: 1, descriptorLimit: 1 });
    assertEquals(silent.watch.overloaded, true);
    for (const { watch, clock, see } of [throwing, rejecting, silent]) {
      const before = watch.last!.at;
      await see({});
      assert(watch.last!.at > before);
      assertEquals(clock.inner.pending, 1);
    }
  });

  it("writes its warnings to the logger where nobody else wants them", async () => {
    const logged: unknown[] = [];
    const logger = { ...silentLogger, warn: (...record: unknown[]) => logged.push(record) };
    const { see } = rig({ logger, onWarning: undefined });
    await see({ descriptors: 9, descriptorLimit: 10 });
    assertEquals(logged, [["9 of 10 descriptors are in use, 90 %", {
      kind: "descriptors",
      value: 9,
      limit: 10,
      share: 0.9,
      count: 0,
      connections: [],
    }]]);
  });

  it("takes its samples at the interval, from 10 ms to days", async () => {
    for (const interval of [10, 250, 1000, 86_400_000]) {
      const { clock, watch } = rig({ interval });
      await clock.inner.advance(Math.min(interval * 3, 10_000));
      assertEquals(watch.last?.at ?? null, interval * 3 <= 10_000 ? interval * 3 : null);
      watch.stop();
    }
  });
});

describe("watchResources() and wrong options", () => {
  const wrong: readonly (readonly [name: string, options: unknown, option: string])[] = [
    ["no object", null, "options"],
    ["an interval of 0", { interval: 0 }, "interval"],
    ["an interval that is NaN", { interval: NaN }, "interval"],
    ["an interval beyond a timer's", { interval: 2 ** 31 }, "interval"],
    ["an interval in words", { interval: "1s" }, "interval"],
    ["an onWarning that is none", { onWarning: true }, "onWarning"],
    ["one server instead of a list", { servers: { busy() {} } }, "servers"],
    ["a server that is none", { servers: [{}] }, "servers"],
    ["an unknown resource", { limits: { fds: {} } }, "limits"],
    ["a limit instead of its object", { limits: { heap: 100 } }, "limits.heap"],
    ["a limit of 0", { limits: { heap: { limit: 0 } } }, "limits.heap.limit"],
    ["a mark above the limit", { limits: { lag: { warnAt: 1.1 } } }, "limits.lag.warnAt"],
    ["a mark in per cent", { limits: { lag: { warnAt: 80 } } }, "limits.lag.warnAt"],
    ["a lower mark above the mark", { limits: { lag: { warnAt: 0.5, clearAt: 0.6 } } }, "limits.lag.clearAt"],
    ["an unknown cause of overload", { overloadedBy: ["cpu"] }, "overloadedBy"],
    ["a word instead of causes", { overloadedBy: "heap" }, "overloadedBy"],
    ["a logger that can't warn", { logger: { error() {} } }, "logger"],
    ["an adapter that is none", { adapter: {} }, "adapter"],
    ["a clock that is none", { clock: {} }, "clock"],
  ];
  for (const [name, options, option] of wrong) {
    it(`refuses ${name}, and begins nothing`, () => {
      const clock = new VirtualClock();
      const given = options === null ? null : { clock, ...options as object };
      const error = assertThrows(() => watchResources(given as WatchOptions), OptionError);
      assertEquals([error.option, clock.pending], [option, 0]);
    });
  }

  it("refuses to add what is no server", () => {
    const { watch } = rig();
    assertThrows(() => watch.add({} as never), OptionError, "server must be a server");
  });
});

import process from "node:process";
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import {
  background,
  Canceled,
  type ContextParent,
  DeadlineExceeded,
  withCancel,
  withCancelCause,
  withTimeout,
} from "../../src/context/mod.ts";
import { OptionError } from "../../src/errors.ts";
import { Once, Semaphore, SingleFlight, WaitGroup } from "../../src/sync.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

const settle = () => new VirtualClock().settle();

/** A promise and its two ends. */
function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}

/** A signal that never aborts, and notes who comes to listen (true) and who goes (false). */
function watchedSignal(notes: boolean[]): AbortSignal {
  const { signal } = new AbortController();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    notes.push(true);
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    notes.push(false);
    Reflect.apply(removeEventListener, signal, args);
  };
  return signal;
}

describe("WaitGroup", () => {
  it("refuses to go() with what is no function, at once, and counts nothing", () => {
    const group = new WaitGroup();
    for (const wrong of [undefined, Promise.resolve(), "work"]) {
      assertThrows(() => group.go(wrong as unknown as () => void), TypeError, "go() takes a function");
    }
    assertEquals(group.count, 0);
  });

  it("fulfils wait() at once when nothing runs, and when the last of several is done", async () => {
    const group = new WaitGroup();
    await group.wait();
    group.add(2);
    let waited = 0;
    const waits = [group.wait(), group.wait()].map((wait) => wait.then(() => waited++));
    group.done();
    await settle();
    assertEquals([waited, group.count], [0, 1]);
    group.done();
    await Promise.all(waits);
    assertEquals(waited, 2);
  });

  it("can be used again", async () => {
    const group = new WaitGroup();
    group.add();
    group.done();
    await group.wait();
    group.add();
    const wait = group.wait();
    group.done();
    await wait;
  });

  it("refuses a negative counter and a delta that is no whole number, and stays as it was", () => {
    const group = new WaitGroup();
    assertThrows(() => group.done(), OptionError, "negative");
    group.add(1);
    assertThrows(() => group.add(-2), OptionError, "-2 added to 1");
    assertThrows(() => group.add(0.5), OptionError, "0.5");
    assertEquals(group.count, 1);
  });

  it("go() counts a task until it has finished, well or not; wait() tells the first failure when all have", async () => {
    const group = new WaitGroup();
    const gate = deferred();
    group.go(() => gate.promise);
    group.go(() => 2);
    group.go(() => Promise.reject(new Error("async")));
    group.go(() => gate.promise.then(() => Promise.reject(new Error("late"))));
    group.go(() => {
      throw new Error("sync");
    });
    assertEquals(group.count, 4);
    let told = false;
    const wait = assertRejects(() => group.wait(), Error, "sync").then(() => told = true);
    await settle();
    assertEquals([group.count, told], [2, false]);
    gate.resolve();
    await wait;
    await assertRejects(() => group.wait(), Error, "sync");
  });

  it("go() loses no failure because all before have finished: not of a function that throws, nor between two", async () => {
    const thrown = new WaitGroup();
    thrown.go(() => {
      throw new Error("at once");
    });
    thrown.go(() => "well");
    await assertRejects(() => thrown.wait(), Error, "at once");
    const between = new WaitGroup();
    between.go(() => Promise.reject(new Error("early")));
    await settle();
    between.go(() => "well");
    await assertRejects(() => between.wait(), Error, "early");
  });

  it("forgets what failed before once it is told, by go() and by add()", async () => {
    const group = new WaitGroup();
    group.go(() => Promise.reject(new Error("told")));
    await assertRejects(() => group.wait(), Error, "told");
    await assertRejects(() => group.wait(), Error, "told");
    group.add();
    group.done();
    await group.wait();
  });

  it("go() from 0 forgets what failed before", async () => {
    const group = new WaitGroup();
    group.go(() => Promise.reject(new Error("first round")));
    await assertRejects(() => group.wait(), Error, "first round");
    group.go(() => "well");
    await group.wait();
  });

  it("go() whose task fails with undefined, unawaited, is no unhandled rejection, and a failure for wait()", async () => {
    const group = new WaitGroup();
    group.go(() => Promise.reject(undefined));
    // The runtime reports an unhandled rejection after this turn, as a failure of this test.
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals(group.count, 0);
    assertEquals(await group.wait().then(() => "fine", (reason) => reason), undefined);
  });

  it("wait(ctx) rejects with the context's cause and leaves other waiters alone", async () => {
    const group = new WaitGroup();
    group.add();
    const [ctx, cancel] = withCancelCause(background());
    const given = group.wait(ctx);
    const other = group.wait();
    cancel("enough");
    assertEquals(await given.catch((cause) => cause), "enough");
    assertEquals(await group.wait(AbortSignal.abort("before")).catch((cause) => cause), "before");
    group.done();
    await other;
    await group.wait(ctx);
  });

  it("wait(ctx) with a timeout ends in virtual time", async () => {
    const clock = new VirtualClock();
    const group = new WaitGroup();
    group.add();
    const wait = group.wait(withTimeout(background(clock), 1_000)[0]);
    const rejected = assertRejects(() => wait, DeadlineExceeded);
    await clock.advance(1_000);
    await rejected;
  });
});

describe("Semaphore", () => {
  it("hands out its permits and no more, in the order they were asked for", async () => {
    const semaphore = new Semaphore(2);
    const order: number[] = [];
    const releases: (() => void)[] = [];
    for (let i = 0; i < 5; i++) {
      void semaphore.acquire().then((release) => {
        order.push(i);
        releases.push(release);
      });
    }
    await settle();
    assertEquals([order, semaphore.free, semaphore.waiting], [[0, 1], 0, 3]);
    for (let i = 0; i < 5; i++) {
      releases[i]();
      await settle();
    }
    assertEquals([order, semaphore.free], [[0, 1, 2, 3, 4], 2]);
  });

  it("never has more holders than permits under load", async () => {
    const semaphore = new Semaphore(3);
    let holders = 0;
    let most = 0;
    await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const release = await semaphore.acquire();
      most = Math.max(most, ++holders);
      for (let turn = 0; turn < i % 4; turn++) await null;
      holders--;
      release();
    }));
    assertEquals([most, holders, semaphore.free, semaphore.waiting], [3, 0, 3, 0]);
  });

  it("gives a release no effect when called twice", async () => {
    const semaphore = new Semaphore(1);
    const release = await semaphore.acquire();
    release();
    release();
    assertEquals(semaphore.free, 1);
  });

  it("tryAcquire() neither waits nor overtakes a waiter", async () => {
    const semaphore = new Semaphore(2);
    const release = semaphore.tryAcquire();
    assert(release);
    const both = semaphore.acquire(undefined, 2);
    assertEquals([semaphore.free, semaphore.tryAcquire()], [1, null]);
    release();
    assertEquals(semaphore.tryAcquire(), null);
    (await both)();
    assertEquals(semaphore.free, 2);
  });

  it("a permit that was released belongs to the first waiter even before it has run", async () => {
    const semaphore = new Semaphore(1);
    const release = await semaphore.acquire();
    const waiter = semaphore.acquire();
    release();
    assertEquals([semaphore.tryAcquire(), semaphore.waiting], [null, 0]);
    (await waiter)();
  });

  it("forgets a waiter whose context ends, rejects with the cause, and serves those behind it", async () => {
    const semaphore = new Semaphore(2);
    const release = await semaphore.acquire();
    const [ctx, cancel] = withCancel(background());
    const large = semaphore.acquire(ctx, 2);
    const small = semaphore.acquire();
    await settle();
    assertEquals(semaphore.waiting, 2);
    cancel();
    assertStrictEquals(await large.catch((cause) => cause), ctx.err());
    const releaseSmall = await small;
    assertEquals([semaphore.free, semaphore.waiting], [0, 0]);
    release();
    releaseSmall();
    assertEquals(semaphore.free, 2);
  });

  it("leaves nothing on the signal of a waiter that was served", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    signal.addEventListener = () => void listeners++;
    signal.removeEventListener = () => void listeners--;
    const semaphore = new Semaphore(1);
    const release = await semaphore.acquire(signal);
    const waiter = semaphore.acquire(signal);
    await settle();
    assertEquals(listeners, 1);
    release();
    (await waiter)();
    assertEquals(listeners, 0);
  });

  it("loses no permit when the context ends in the turn of the release", async () => {
    for (const releaseFirst of [true, false]) {
      const semaphore = new Semaphore(1);
      const release = await semaphore.acquire();
      const [ctx, cancel] = withCancel(background());
      const waiter = semaphore.acquire(ctx);
      if (releaseFirst) release();
      cancel();
      if (!releaseFirst) release();
      await waiter.then((held) => held(), () => {});
      assertEquals([semaphore.free, semaphore.waiting], [1, 0]);
    }
  });

  it("takes nothing for a context that has ended, though permits are free", async () => {
    const semaphore = new Semaphore(1);
    const [ctx, cancel] = withCancel(background());
    cancel();
    await assertRejects(() => semaphore.acquire(ctx), Canceled);
    assertEquals(semaphore.free, 1);
  });

  it("refuses wrong sizes and counts, naming them", () => {
    for (const size of [0, -1, 1.5, NaN]) assertThrows(() => new Semaphore(size), OptionError, `${size}`);
    const semaphore = new Semaphore(2);
    assertThrows(() => semaphore.acquire(undefined, 3), OptionError, "at most");
    assertEquals([semaphore.free, semaphore.waiting], [semaphore.size, 0]);
    assertThrows(() => semaphore.tryAcquire(0), OptionError, "permits");
  });
});

describe("Once", () => {
  it("runs the first function only, and gives every caller its result", async () => {
    const once = new Once<number>();
    const gate = deferred<number>();
    let runs = 0;
    const run = () => (runs++, gate.promise);
    assertEquals(once.called, false);
    const calls = [once.do(run), once.do(run), once.do(() => 2)];
    gate.resolve(1);
    assertEquals(await Promise.all([...calls, once.do(run)]), [1, 1, 1, 1]);
    assertEquals([runs, once.called], [1, true]);
  });

  it("gives every caller the failure, thrown or rejected, and doesn't run again", async () => {
    const once = new Once();
    const fail = () => {
      throw new RangeError("first");
    };
    await assertRejects(() => once.do(fail), RangeError, "first");
    await assertRejects(() => once.do(() => {}), RangeError, "first");
  });

  it("does not run again when called from inside the function", async () => {
    const once = new Once();
    let runs = 0;
    const run = () => {
      if (++runs < 3) void once.do(run);
    };
    await once.do(run);
    assertEquals(runs, 1);
  });
});

/** What both kinds of shared work have in common. */
const SHARED:
  readonly (readonly [string, () => (fn: () => Promise<number>, ctx?: ContextParent) => Promise<number>])[] = [
    ["Once", () => {
      const once = new Once<number>();
      return (fn, ctx) => once.do(fn, ctx);
    }],
    ["SingleFlight", () => {
      const flights = new SingleFlight<string, number>();
      return (fn, ctx) => flights.do("k", fn, ctx);
    }],
  ];

for (const [name, make] of SHARED) {
  describe(`who waits for a ${name}`, () => {
    it("leaves by its context, and the work goes on for the others", async () => {
      const share = make();
      const gate = deferred<number>();
      const [ctx, cancel] = withCancelCause(background());
      const stop = new AbortController();
      const first = share(() => gate.promise, ctx);
      const second = share(() => Promise.resolve(2), stop.signal);
      const third = share(() => Promise.resolve(3));
      cancel(new RangeError("the first has gone"));
      stop.abort(new RangeError("the second has gone"));
      await assertRejects(() => first, RangeError, "the first has gone");
      await assertRejects(() => second, RangeError, "the second has gone");
      gate.resolve(1);
      assertEquals(await third, 1);
    });

    it("gets result and failure with a context as without one, and leaves nothing in it", async () => {
      const [ctx] = withCancel(background());
      const watched: boolean[] = [];
      const signal = watchedSignal(watched);
      assertEquals(await make()(() => Promise.resolve(1), ctx), 1);
      await assertRejects(() => make()(() => Promise.reject(new RangeError("down")), signal), RangeError, "down");
      assertEquals(watched, [true, false]);
    });

    it("runs nothing for a context that has ended", async () => {
      const share = make();
      const [ctx, cancel] = withCancelCause(background());
      cancel(new RangeError("over"));
      let runs = 0;
      const run = () => Promise.resolve(++runs);
      await assertRejects(() => share(run, ctx), RangeError, "over");
      assertEquals([runs, await share(run)], [0, 1]);
    });

    it("may all have gone when the work fails: nobody is left to be told", async () => {
      const share = make();
      const gate = deferred<number>();
      const [ctx, cancel] = withCancel(background());
      const unhandled: unknown[] = [];
      const note = (error: unknown) => unhandled.push(error);
      process.on("unhandledRejection", note);
      try {
        const waiter = share(() => gate.promise, ctx);
        cancel();
        await assertRejects(() => waiter, Canceled);
        gate.reject(new RangeError("nobody waits"));
        await new Promise((resolve) => setTimeout(resolve, 0));
        assertEquals(unhandled, []);
      } finally {
        process.off("unhandledRejection", note);
      }
    });

    it("is told at once of what is no function, and of what is no context", () => {
      const share = make();
      assertThrows(() => share(1 as never), TypeError, "do() takes a function, got number");
      assertThrows(() => share(() => Promise.resolve(1), "soon" as never), OptionError, "ctx must be a context");
    });
  });
}

describe("a context that is none", () => {
  it("is refused at once by all that wait", () => {
    for (const wrong of [null, 5, "soon", {}]) {
      assertThrows(() => new WaitGroup().wait(wrong as never), OptionError, `got ${String(wrong)}`);
      assertThrows(() => new Semaphore(1).acquire(wrong as never), OptionError, `got ${String(wrong)}`);
    }
  });
});

describe("SingleFlight", () => {
  it("runs one function per key at a time and shares its result", async () => {
    const flights = new SingleFlight<string, string>();
    const gate = deferred<string>();
    let runs = 0;
    const run = () => (runs++, gate.promise);
    const calls = [flights.do("a", run), flights.do("a", run), flights.do("b", () => "b")];
    assertEquals([runs, flights.size], [1, 2]);
    gate.resolve("a");
    assertEquals(await Promise.all(calls), ["a", "a", "b"]);
    assertEquals(flights.size, 0);
    assertEquals(await flights.do("a", () => "again"), "again");
  });

  it("shares a failure, and the next call runs anew", async () => {
    const flights = new SingleFlight<string, number>();
    const fail = () => {
      throw new RangeError("down");
    };
    const calls = await Promise.allSettled([flights.do("k", fail), flights.do("k", () => 1)]);
    assertEquals(calls.map((call) => call.status), ["rejected", "fulfilled"]);
    const slow = () => Promise.reject(new RangeError("down"));
    const joined = await Promise.allSettled([flights.do("k", slow), flights.do("k", () => 1)]);
    assertEquals(joined.map((call) => call.status), ["rejected", "rejected"]);
    assertEquals([await flights.do("k", () => 2), flights.size], [2, 0]);
  });

  it("forget() lets the next call run its own function, and the old one ends without disturbing it", async () => {
    const flights = new SingleFlight<string, number>();
    const [old, young] = [deferred<number>(), deferred<number>()];
    const first = flights.do("k", () => old.promise);
    flights.forget("k");
    const second = flights.do("k", () => young.promise);
    old.resolve(1);
    assertEquals([await first, flights.size], [1, 1]);
    const third = flights.do("k", () => 3);
    young.resolve(2);
    assertEquals([await second, await third], [2, 2]);
  });
});

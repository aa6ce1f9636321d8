import { spawnSync } from "node:child_process";
import process from "node:process";
import { describe, it } from "node:test";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { MAX_TIMER_DELAY } from "../../src/clock.ts";
import {
  afterFunc,
  background,
  CancelContext,
  Canceled,
  type Context,
  ContextKey,
  DeadlineExceeded,
  withCancel,
  withCancelCause,
  withDeadline,
  withoutCancel,
  withTimeout,
  withValue,
} from "../../src/context/mod.ts";
import { OptionError, SluiceError } from "../../src/errors.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

/** An `AbortSignal`'s controller that counts the listeners it has. */
function countingController(): { controller: AbortController; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = ((...args: Parameters<typeof add>) => {
    count++;
    add(...args);
  }) as typeof signal.addEventListener;
  signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
    count--;
    remove(...args);
  }) as typeof signal.removeEventListener;
  return { controller, listeners: () => count };
}

describe("background", () => {
  it("never ends, and has no deadline, cause or value", () => {
    const ctx = background();
    assertEquals([ctx.err(), ctx.cause(), ctx.deadline, ctx.value("key")], [null, undefined, null, undefined]);
    assertEquals(ctx.signal.aborted, false);
    assertStrictEquals(ctx.signal, ctx.signal);
  });
});

describe("withCancel", () => {
  it("ends with Canceled as error, cause and reason, which are one object", () => {
    const [ctx, cancel] = withCancel(background());
    const { signal } = ctx;
    assertEquals([ctx.err(), ctx.cause(), signal.aborted], [null, undefined, false]);
    cancel();
    const error = ctx.err();
    assertInstanceOf(error, Canceled);
    assertInstanceOf(error, SluiceError);
    assertEquals(error.code, "ERR_CANCELED");
    assertStrictEquals(ctx.cause(), error);
    assertStrictEquals(signal.reason, error);
  });

  it("shows a signal that is asked for after the end as aborted, with the cause", () => {
    const [ctx, cancel] = withCancelCause(background());
    const cause = { why: "test" };
    cancel(cause);
    assertEquals(ctx.signal.aborted, true);
    assertStrictEquals(ctx.signal.reason, cause);
  });

  it("ends children and grandchildren with the parent's error, and never the parent with a child", () => {
    const [parent, cancelParent] = withCancel(background());
    const [child, cancelChild] = withCancel(parent);
    const [sibling] = withCancel(withValue(parent, "k", 1));
    const [grandchild] = withCancel(child);
    cancelChild();
    assertInstanceOf(grandchild.err(), Canceled);
    assertEquals([parent.err(), sibling.err()], [null, null]);
    cancelParent();
    assertStrictEquals(sibling.err(), parent.err());
    assertNotStrictEquals(child.err(), parent.err());
  });

  it("ends a child of an ended parent at once, with the parent's cause", () => {
    const [parent, cancel] = withCancelCause(background());
    const cause = new Error("first");
    cancel(cause);
    const [child] = withCancel(parent);
    assertStrictEquals(child.cause(), cause);
    assertStrictEquals(child.signal.reason, cause);
    assertStrictEquals(child.err(), parent.err());
  });

  it("has ended all below before the first abort listener runs", () => {
    const [parent, cancel] = withCancel(background());
    const [child] = withCancel(parent);
    let seen: unknown;
    parent.signal.addEventListener("abort", () => seen = child.err());
    cancel();
    assertInstanceOf(seen, Canceled);
  });

  it("tells children of the end oldest first, whoever left before", () => {
    const [parent, cancel] = withCancel(background());
    const order: number[] = [];
    const cancels = [0, 1, 2, 3, 4].map((i) => {
      const [ctx, cancelChild] = withCancel(parent);
      ctx.signal.addEventListener("abort", () => order.push(i));
      return cancelChild;
    });
    cancels[0]();
    cancels[2]();
    cancels[4]();
    assertEquals(order, [0, 2, 4]);
    cancel();
    assertEquals(order, [0, 2, 4, 1, 3]);
  });

  it("ends a chain of 20,000 contexts without running out of stack", () => {
    const [root, cancel] = withCancel(background());
    let ctx: Context = root;
    for (let i = 0; i < 20_000; i++) ctx = withCancel(ctx)[0];
    cancel();
    assertStrictEquals(ctx.err(), root.err());
  });

  it("works with fetch, which rejects with the cause", async () => {
    const [ctx, cancel] = withCancelCause(background());
    const cause = new Error("enough");
    cancel(cause);
    const failed = await fetch("http://127.0.0.1:1/", { signal: ctx.signal }).catch((error) => error);
    assertStrictEquals(failed, cause);
  });
});

describe("withCancelCause", () => {
  it("keeps the first cause, for itself and its children", () => {
    const [parent, cancelParent] = withCancelCause(background());
    const [child, cancelChild] = withCancelCause(parent);
    cancelParent("first");
    cancelParent("second");
    cancelChild("third");
    assertEquals([parent.cause(), child.cause(), child.signal.reason], ["first", "first", "first"]);
    assertInstanceOf(parent.err(), Canceled);
    assertEquals(parent.err()?.cause, "first");
  });

  it("keeps a child's own cause when the parent ends later", () => {
    const [parent, cancelParent] = withCancelCause(background());
    const [child, cancelChild] = withCancelCause(parent);
    cancelChild("child");
    cancelParent("parent");
    assertEquals([child.cause(), parent.cause()], ["child", "parent"]);
  });

  it("takes no cause, and null, as the Canceled error (Go: nil)", () => {
    const [plain, cancelPlain] = withCancelCause(background());
    cancelPlain();
    assertStrictEquals(plain.cause(), plain.err());
    const [empty, cancelEmpty] = withCancelCause(background());
    cancelEmpty(null);
    assertEquals([empty.cause(), empty.signal.reason], [empty.err(), empty.err()]);
    assert(empty.err() instanceof Canceled);
  });
});

describe("withTimeout and withDeadline", () => {
  it("end at their time and not before, with the given cause", async () => {
    const clock = new VirtualClock({ wall: 1_000_000 });
    const cause = new Error("too slow");
    const [ctx] = withTimeout(background(clock), 500, cause);
    assertEquals(ctx.deadline, 1_000_500);
    await clock.advance(499);
    assertEquals(ctx.err(), null);
    await clock.advance(1);
    assertInstanceOf(ctx.err(), DeadlineExceeded);
    assertEquals(ctx.err()?.code, "ERR_DEADLINE_EXCEEDED");
    assertStrictEquals(ctx.cause(), cause);
    assertStrictEquals(ctx.signal.reason, cause);
  });

  it("use DeadlineExceeded as the cause when none was given", async () => {
    const clock = new VirtualClock();
    const [ctx] = withTimeout(background(clock), 1);
    await clock.advance(1);
    assertStrictEquals(ctx.cause(), ctx.err());
  });

  it("do not show the timeout's cause when cancelled first, and stop the timer", async () => {
    const clock = new VirtualClock();
    const [ctx, cancel] = withTimeout(background(clock), 500, "timeout");
    assertEquals(clock.pending, 1);
    cancel();
    assertEquals(clock.pending, 0);
    await clock.advance(1000);
    assertInstanceOf(ctx.err(), Canceled);
    assertStrictEquals(ctx.cause(), ctx.err());
  });

  it("stop their timer when the parent ends first", () => {
    const clock = new VirtualClock();
    const [parent, cancel] = withCancelCause(background(clock));
    const [child] = withTimeout(parent, 500, "timeout");
    cancel("parent");
    assertEquals([clock.pending, child.cause()], [0, "parent"]);
    withTimeout(parent, 500);
    assertEquals(clock.pending, 0);
  });

  it("take the earlier of the parent's deadline and their own", async () => {
    const clock = new VirtualClock({ wall: 0 });
    const [parent] = withTimeout(background(clock), 100, "parent");
    const [later] = withTimeout(withValue(parent, "k", "v"), 200, "later");
    const [same] = withDeadline(parent, 100, "same");
    const [earlier] = withTimeout(parent, 50, "earlier");
    assertEquals([later.deadline, same.deadline, earlier.deadline], [100, 100, 50]);
    assertEquals(clock.pending, 2);
    await clock.advance(50);
    assertEquals([earlier.cause(), later.cause()], ["earlier", undefined]);
    await clock.advance(50);
    assertEquals([later.cause(), same.cause(), earlier.cause()], ["parent", "parent", "earlier"]);
    assertInstanceOf(later.err(), DeadlineExceeded);
  });

  it("set no second timer for the parent's deadline, though the time of day is coarse", () => {
    let now = 0.4;
    let timers = 0;
    const clock = { now: () => now, wall: () => Math.round(now), soon: () => {}, setTimer: () => (timers++, () => {}) };
    const [parent] = withDeadline(background(clock), 100);
    now = 0.6;
    assertEquals(withDeadline(parent, 100)[0].deadline, 100);
    assertEquals(timers, 1);
  });

  it("have ended already when the time is past", () => {
    const clock = new VirtualClock({ wall: 1_000 });
    for (const [ctx] of [withTimeout(background(clock), 0, "c"), withDeadline(background(clock), 999, "c")]) {
      assertInstanceOf(ctx.err(), DeadlineExceeded);
      assertEquals(ctx.cause(), "c");
    }
    assertEquals(clock.pending, 0);
  });

  it("wait longer than a runtime's timer can", async () => {
    const clock = new VirtualClock({ turns: 1 });
    const ms = 2 * MAX_TIMER_DELAY + 1000;
    const [ctx] = withTimeout(background(clock), ms);
    await clock.advance(ms - 1);
    assertEquals(ctx.err(), null);
    await clock.advance(1);
    assertInstanceOf(ctx.err(), DeadlineExceeded);
  });

  it("don't fire at once on the machine's clock when longer than its timer", async () => {
    const [ctx, cancel] = withTimeout(background(), 2 ** 40);
    const [far, cancelFar] = withTimeout(background(), Infinity);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals([ctx.err(), far.err(), far.deadline], [null, null, null]);
    cancel();
    cancelFar();
  });

  it("run on the machine's clock", async () => {
    const [ctx] = withTimeout(background(), 5);
    assert(Math.abs(ctx.deadline! - Date.now() - 5) < 1000);
    await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    assertInstanceOf(ctx.signal.reason, DeadlineExceeded);
  });

  it("refuse what is no number, naming the option", () => {
    assertThrows(() => withTimeout(background(), NaN), OptionError, "ms");
    assertThrows(() => withDeadline(background(), new Date() as unknown as number), OptionError, "at");
  });
});

describe("withValue", () => {
  it("finds the nearest value by identity of the key, through every kind of context", () => {
    const user = new ContextKey<string>("user");
    const root = withValue(background(), user, "ada");
    const inner = withValue(withTimeout(withCancel(root)[0], 0)[0], user, "bob");
    const name: string | undefined = withoutCancel(inner).value(user);
    assertEquals([root.value(user), name, inner.value(new ContextKey("user"))], ["ada", "bob", undefined]);
    // @ts-expect-error the key's type binds the value's
    withValue(root, user, 1);
  });

  it("shares its parent's end, signal and deadline", () => {
    const [parent, cancel] = withTimeout(background(new VirtualClock()), 100);
    const ctx = withValue(parent, "k", "v");
    assertStrictEquals(ctx.signal, parent.signal);
    assertEquals(ctx.deadline, parent.deadline);
    cancel();
    assertStrictEquals(ctx.err(), parent.err());
    assertStrictEquals(ctx.cause(), parent.cause());
  });
});

describe("contexts as deep as a program makes them", () => {
  const DEPTH = 100_000;

  it("give values, deadline and end from any depth, without a step of the stack for each", () => {
    const key = new ContextKey<string>("user");
    const [root, cancel] = withCancelCause(withValue(background(), key, "ada"));
    let [values, cancels, both]: Context[] = [root, root, root];
    for (let i = 0; i < DEPTH; i++) {
      values = withValue(values, "k", i);
      [cancels] = withCancel(cancels);
      both = withoutCancel(withValue(both, "k", i));
    }
    for (const ctx of [values, cancels, both]) {
      assertEquals([ctx.value(key), ctx.value("no"), ctx.deadline, ctx.err()], ["ada", undefined, null, null]);
    }
    assertEquals(values.value("k"), DEPTH - 1);
    const reason = new Error("enough");
    cancel(reason);
    for (const ctx of [values, cancels]) assertEquals([ctx.cause(), ctx.signal.aborted], [reason, true]);
    assertEquals(both.err(), null);
  });

  it("are derived from a context or a signal, and from nothing else; a value has a key", () => {
    for (const parent of [null, undefined, 5, {}]) {
      assertEquals(assertThrows(() => withCancel(parent as unknown as Context), OptionError).option, "parent");
    }
    for (const key of [null, undefined]) {
      assertEquals(assertThrows(() => withValue(background(), key, 1), OptionError).option, "key");
    }
    assertEquals(withValue(background(), "k", null).value("k"), null);
  });
});

describe("withoutCancel", () => {
  it("keeps values and clock, and neither end nor deadline", () => {
    const clock = new VirtualClock();
    const [parent, cancel] = withTimeout(withValue(background(clock), "k", "v"), 100);
    const ctx = withoutCancel(parent);
    const [child, cancelChild] = withTimeout(ctx, 1000);
    cancel();
    assertEquals([ctx.err(), ctx.cause(), ctx.deadline, ctx.value("k")], [null, undefined, null, "v"]);
    assertEquals([ctx.signal.aborted, child.err(), clock.pending], [false, null, 1]);
    cancelChild();
  });
});

describe("an AbortSignal as a parent", () => {
  it("ends its children with its reason", () => {
    const controller = new AbortController();
    const [ctx] = withCancel(controller.signal);
    const [other] = withTimeout(withValue(controller.signal, "k", "v"), 60_000);
    assertEquals([ctx.err(), ctx.deadline, other.value("k")], [null, null, "v"]);
    controller.abort("stop");
    assertEquals([ctx.cause(), other.cause(), ctx.signal.reason], ["stop", "stop", "stop"]);
    assertInstanceOf(ctx.err(), Canceled);
  });

  it("that has aborted already gives a child that has ended", () => {
    const [ctx] = withCancel(AbortSignal.abort("before"));
    assertEquals([ctx.cause(), ctx.signal.aborted], ["before", true]);
    assertEquals(withValue(AbortSignal.abort("v"), "k", 1).cause(), "v");
  });

  it("that aborted while it had no children is seen by the next child", () => {
    const controller = new AbortController();
    withCancel(controller.signal)[1]();
    controller.abort("late");
    assertEquals(withCancel(controller.signal)[0].cause(), "late");
  });

  it("has one listener while it has children, and none when the last has ended", async () => {
    const { controller, listeners } = countingController();
    const cancels = [1, 2, 3].map(() => withCancel(controller.signal)[1]);
    const stop = afterFunc(controller.signal, () => {});
    assertEquals(listeners(), 1);
    cancels.forEach((cancel) => cancel());
    assertEquals(listeners(), 1);
    stop();
    assertEquals(listeners(), 0);
    const [timed] = withTimeout(controller.signal, 1);
    assertEquals(listeners(), 1);
    await new Promise((resolve) => timed.signal.addEventListener("abort", resolve));
    assertEquals(listeners(), 0);
    withCancel(controller.signal);
    controller.abort();
    assertEquals(listeners(), 0);
  });

  it("that timed out counts as a deadline", async () => {
    const [ctx] = withCancel(AbortSignal.timeout(1));
    const keepAlive = setTimeout(() => {}, 1000);
    await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    clearTimeout(keepAlive);
    assertInstanceOf(ctx.err(), DeadlineExceeded);
    assertEquals((ctx.cause() as Error).name, "TimeoutError");
  });

  it("of a context hands on that context's error", () => {
    const [outer, cancel] = withCancel(background());
    const [inner] = withCancel(outer.signal);
    cancel();
    assertStrictEquals(inner.err(), outer.err());
  });
});

describe("a foreign context as a parent", () => {
  it("gives its end, deadline and values", () => {
    const controller = new AbortController();
    const foreign: Context = {
      signal: controller.signal,
      deadline: 4_102_444_800_000,
      err: () => null,
      cause: () => undefined,
      value: <K>(key: K) => (key as unknown === "k" ? "foreign" : undefined) as never,
    };
    const [ctx, cancel] = withTimeout(foreign, 2 ** 45);
    assertEquals([ctx.deadline, ctx.value("k"), ctx.err()], [4_102_444_800_000, "foreign", null]);
    controller.abort("gone");
    assertEquals(ctx.cause(), "gone");
    cancel();
  });
});

describe("afterFunc", () => {
  it("runs once the context has ended, after the code that ended it", async () => {
    const [ctx, cancel] = withCancel(background());
    let runs = 0;
    const stop = afterFunc(ctx, () => runs++);
    cancel();
    assertEquals(runs, 0);
    assertEquals(stop(), false);
    await new VirtualClock().settle();
    assertEquals(runs, 1);
  });

  it("runs at once, in a task of its own, when the context has ended already", async () => {
    let runs = 0;
    const stop = afterFunc(AbortSignal.abort(), () => runs++);
    assertEquals([runs, stop()], [0, false]);
    await new VirtualClock().settle();
    assertEquals(runs, 1);
  });

  it("does not run when stopped; only the first stop prevents it", async () => {
    const [ctx, cancel] = withCancel(background());
    let runs = 0;
    const stop = afterFunc(withValue(ctx, "k", 1), () => runs++);
    assertEquals([stop(), stop()], [true, false]);
    cancel();
    await new VirtualClock().settle();
    assertEquals([runs, stop()], [0, false]);
    assertEquals(afterFunc(background(), () => runs++)(), true);
  });

  it("hands what a function throws or rejects with to onError; the others run and children end", async () => {
    const [ctx, cancel] = withCancel(background());
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    let ran = false;
    afterFunc(ctx, () => {
      throw "sync";
    }, onError);
    afterFunc(ctx, () => Promise.reject("async"), onError);
    afterFunc(ctx, () => ran = true);
    const [child] = withCancel(ctx);
    cancel();
    assertInstanceOf(child.err(), Canceled);
    await new VirtualClock().settle();
    assertEquals([errors, ran], [["sync", "async"], true]);
  });
});

describe("CancelContext", () => {
  it("tells a subclass of its end once, after all below it have ended", () => {
    const log: unknown[] = [];
    class ConnContext extends CancelContext {
      protected override ended(): void {
        log.push(child.err() !== null, this.cause());
      }
    }
    const [root, cancelRoot] = withCancelCause(background());
    const conn = new ConnContext(root);
    const [child] = withCancel(conn);
    assertEquals(conn.done, false);
    cancelRoot("drain");
    conn.cancel("late");
    assertEquals([conn.done, log], [true, [true, "drain"]]);
  });

  it("ends its siblings even when a subclass throws at its end", () => {
    const thrown = new Error("in ended()");
    class Bad extends CancelContext {
      protected override ended(): void {
        throw thrown;
      }
    }
    const [root, cancelRoot] = withCancel(background());
    new Bad(root);
    const [sibling] = withCancel(root);
    let told = false;
    sibling.signal.addEventListener("abort", () => told = true);
    const later = thrownLater(cancelRoot);
    assertEquals(told, true);
    assertEquals(later.length, 1);
    assertStrictEquals(later[0], thrown);
  });
});

describe("an abort listener that throws", () => {
  it("is the runtime's uncaught exception, and siblings, children and functions still see the end", () => {
    // In a process of its own: a test runner would take the uncaught exception for its own.
    const code = `
      import { afterFunc, withCancel } from ${
      JSON.stringify(new URL("../../src/context/mod.ts", import.meta.url).href)
    };
      import process from "node:process";
      let uncaught = 0;
      process.on("uncaughtException", () => uncaught++);
      globalThis.addEventListener?.("error", (event) => (event.preventDefault(), uncaught++));
      const source = new AbortController();
      const [parent] = withCancel(source.signal);
      const fail = () => { throw new Error("listener"); };
      parent.signal.addEventListener("abort", fail);
      const [child] = withCancel(parent);
      child.signal.addEventListener("abort", fail);
      const [sibling] = withCancel(parent);
      let heard = false, ran = false;
      sibling.signal.addEventListener("abort", () => heard = true);
      afterFunc(parent, () => ran = true);
      source.abort("why");
      setTimeout(() => {
        console.log(JSON.stringify([child.cause(), sibling.cause(), heard, ran, uncaught > 0]));
        process.exit(0);
      }, 20);
    `;
    const { stdout, stderr } = spawnSync(process.execPath, evalArgs(code), { encoding: "utf8", timeout: 60_000 });
    assertEquals(stdout.trim(), JSON.stringify(["why", "why", true, true, true]), stderr);
  });
});

/** Arguments that make this runtime run a module given as text. */
function evalArgs(code: string): string[] {
  if ("deno" in process.versions) return ["eval", "--no-check", "--quiet", code];
  if ("bun" in process.versions) return ["-e", code];
  return ["--import", "tsx", "--input-type=module", "-e", code];
}

/** Runs `act` and returns what it left to be thrown from a microtask. */
function thrownLater(act: () => void): unknown[] {
  const { queueMicrotask } = globalThis;
  const thrown: unknown[] = [];
  globalThis.queueMicrotask = (fn) => {
    try {
      fn();
    } catch (error) {
      thrown.push(error);
    }
  };
  try {
    act();
  } finally {
    globalThis.queueMicrotask = queueMicrotask;
  }
  return thrown;
}

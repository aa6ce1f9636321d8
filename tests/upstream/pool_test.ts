import { describe, it } from "node:test";
import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { background, DeadlineExceeded, OptionError, withCancelCause, withTimeout } from "../../mod.ts";
import { type Loan, pool, PoolClosedError, type PoolOptions, PoolTimeoutError } from "../../src/upstream/mod.ts";
import { type MemberEvent, type MemberState, TRANSITIONS } from "../../src/upstream/pool/member_states.ts";
import { PoolWorld, type Thing } from "../support/pool_world.ts";

/** A promise's state after what needs no time. */
async function stateOf(w: PoolWorld, promise: Promise<unknown>): Promise<string> {
  let state = "pending";
  promise.then(() => state = "fulfilled", (error) => state = error.name);
  await w.settle();
  return state;
}

describe("pool()", () => {
  it("makes a pool of fixed size at once, and gives out the one that was used last", async () => {
    await using w = new PoolWorld({ max: 3 });
    await w.settle();
    assertEquals(w.counts, [3, 3, 0, 0, 0]);
    const first = await w.pool.acquire();
    const { number } = first.conn;
    first.release();
    const second = await w.pool.acquire();
    assertEquals([second.conn.number, second.uses, w.made.length], [number, 1, 3]);
    second.release();
    second.release();
    assertEquals(w.counts, [3, 3, 0, 0, 0]);
  });

  it("with minIdle 0 makes none before somebody asks, and never more than max", async () => {
    await using w = new PoolWorld({ max: 2, minIdle: 0 });
    await w.settle();
    assertEquals(w.counts, [0, 0, 0, 0, 0]);
    const asked = [w.pool.acquire(), w.pool.acquire(), w.pool.acquire()];
    await w.settle();
    assertEquals(w.counts, [2, 0, 2, 0, 1]);
    (await asked[0]).release();
    (await asked[2]).release();
    (await asked[1]).release();
    assertEquals([w.made.length, ...w.counts], [2, 2, 2, 0, 0, 0]);
  });

  it("is fair: who waits longest is served first, whoever comes later", async () => {
    await using w = new PoolWorld({ max: 1 });
    const held = await w.pool.acquire();
    const order: number[] = [];
    const take = (i: number) => w.pool.acquire().then((loan) => (order.push(i), loan));
    const waiting = [1, 2, 3].map(take);
    await w.settle();
    held.release();
    // It is another's by now: nobody overtakes.
    assertEquals(w.pool.tryAcquire(), null);
    for (const loan of waiting) (await loan).release();
    assertEquals(order, [1, 2, 3]);
  });

  it("gives up at acquireTimeout, and says what it waited for", async () => {
    await using w = new PoolWorld({ name: "db", max: 1, acquireTimeout: 1000 });
    const loan = await w.pool.acquire();
    const late = w.pool.acquire();
    const gaveUp = assertRejects(() => late, PoolTimeoutError);
    await w.pass(999);
    assertEquals(await stateOf(w, late), "pending");
    await w.pass(1);
    const error = await gaveUp;
    assertEquals(error.message, "No connection of pool db within 1000 ms: 1 in use, 0 being made, 1 waiting");
    assertEquals([w.pool.stats.gaveUp, w.pool.stats.waitTime], [1, 1000]);
    loan.release();
    (await w.pool.acquire()).release();
  });

  it("gives up with its context, and whoever waits behind moves up", async () => {
    await using w = new PoolWorld({ max: 1 });
    const loan = await w.pool.acquire();
    const [ctx, cancel] = withCancelCause(background(w.clock));
    const [short] = withTimeout(background(w.clock), 50);
    const left = assertRejects(() => w.pool.acquire(ctx));
    const late = assertRejects(() => w.pool.acquire(short), DeadlineExceeded);
    const next = w.pool.acquire();
    const why = new Error("left");
    cancel(why);
    assertEquals(await left, why);
    await w.pass(50);
    await late;
    loan.release();
    (await next).release();
    // Who comes with a context that has ended gets nothing, though one is free.
    assertEquals(await assertRejects(() => w.pool.acquire(ctx)), why);
    assertEquals(w.pool.stats.acquired, 2);
  });

  it("replaces connections at the end of their lives, at different times, and none that somebody has", async () => {
    await using w = new PoolWorld({ max: 8, maxLifetime: 10_000, lifetimeJitter: 0.5 });
    await w.settle();
    const loan = await w.pool.acquire();
    const times: number[] = [];
    for (let at = 0; at < 10_000; at += 100) {
      const before = w.made.length;
      await w.pass(100);
      for (let i = before; i < w.made.length; i++) times.push(at);
    }
    assert(new Set(times.slice(0, 7)).size > 3, `${times}`);
    assert(times[0] >= 4900, `${times}`);
    assertEquals([loan.conn.isClosed, w.pool.stats.inUse], [false, 1]);
    await w.pass(20_000);
    assertEquals(loan.conn.isClosed, false);
    loan.release();
    await w.settle();
    assertEquals([loan.conn.isClosed, w.pool.stats.total], [true, 8]);
    assertEquals(w.pool.stats.closed.lifetime, w.made.length - 8);
  });

  it("closes what is idle beyond minIdle, the one that was idle longest first", async () => {
    await using w = new PoolWorld({ max: 5, minIdle: 2, idleTimeout: 1000 });
    const loans: Loan<Thing>[] = [];
    for (let i = 0; i < 5; i++) loans.push(await w.pool.acquire());
    for (const loan of loans) {
      await w.pass(10);
      loan.release();
    }
    await w.pass(955);
    assertEquals(w.counts, [5, 5, 0, 0, 0]);
    await w.pass(200);
    assertEquals([...w.counts, w.pool.stats.closed.idle], [2, 2, 0, 0, 0, 3]);
    assertEquals(w.made.filter((thing) => !thing.isClosed), [loans[3].conn, loans[4].conn]);
    // Those that are kept grow as old as they like.
    (await w.pool.acquire()).release();
    await w.pass(5000);
    assertEquals([w.pool.stats.closed.idle, w.made.length], [3, 5]);
  });

  it("never gives out what has died idle, and makes another in its place", async () => {
    await using w = new PoolWorld({ max: 2 });
    await w.pass(1000);
    const [one, two] = w.made;
    one.die("reset");
    two.die("reset");
    const loan = await w.pool.acquire();
    assertEquals([one.isClosed, two.isClosed, loan.conn.number > 2], [true, true, true]);
    // What dies in somebody's hands stays there, and goes when it comes back.
    loan.conn.die();
    assertEquals([loan.conn.isClosed, w.pool.stats.inUse], [false, 1]);
    loan.release();
    await w.settle();
    assertEquals([loan.conn.isClosed, w.pool.stats.closed.died, w.pool.stats.total], [true, 3, 2]);
  });

  it("asks what was idle for long whether it lives, and nobody gets what does not", async () => {
    const asked: number[] = [];
    const dead = new Set([2, 3]);
    const validate = (thing: Thing) => {
      asked.push(thing.number);
      return !dead.has(thing.number);
    };
    await using w = new PoolWorld({ max: 3, validate, validateAfter: 500 });
    await w.settle();
    (await w.pool.acquire()).release();
    assertEquals(asked, []);
    await w.pass(500);
    assertEquals(w.pool.tryAcquire(), null);
    const loan = await w.pool.acquire();
    // Whichever is there first: the next that lives, or the one that is made in the place of the first.
    assert(!dead.has(loan.conn.number), `${loan.conn.number}`);
    assertEquals(asked[0], 3);
    await w.settle();
    assertEquals([w.made[2].isClosed, w.pool.stats.total], [true, 3]);
    loan.release();
    await w.pass(500);
    for (const again of await Promise.all([1, 2, 3].map(() => w.pool.acquire()))) {
      assert(!dead.has(again.conn.number), `${again.conn.number}`);
      again.release();
    }
    assertEquals(w.pool.stats.closed.invalid, 2);
  });

  it("takes a check that fails or does not end for a no", async () => {
    const checks: (() => Promise<boolean>)[] = [
      () => Promise.reject(new Error("gone")),
      () => new Promise(() => {}),
    ];
    const validate = () => checks.shift()?.() ?? Promise.resolve(true);
    await using w = new PoolWorld({ max: 1, validate, validateAfter: 0, validateTimeout: 100 });
    await w.settle();
    const first = w.pool.acquire();
    await w.settle();
    const second = w.pool.acquire();
    await w.pass(100);
    assertEquals(w.pool.stats.closed.invalid, 2);
    const loan = await first;
    loan.release();
    (await second).release();
    assertEquals(w.made.map(({ isClosed }) => isClosed), [true, true, false]);
  });

  it("makes another one for who waits when what is being checked dies", async () => {
    const checks = [new Promise<boolean>(() => {})];
    const validate = () => checks.shift() ?? true;
    await using w = new PoolWorld({ max: 1, minIdle: 0, validate, validateTimeout: 100 });
    (await w.pool.acquire()).release();
    await w.pass(500);
    const asked = w.pool.acquire();
    await w.settle();
    w.made[0].die();
    await w.pass(100);
    assertEquals([await stateOf(w, asked), w.made.length], ["fulfilled", 2]);
    (await asked).release();
  });

  it("takes a watch that fails for a connect that failed, and closes what nobody would hear of", async () => {
    const watch = () => {
      throw new Error("boom");
    };
    await using w = new PoolWorld({ max: 2, minIdle: 0, acquireTimeout: 500, watch });
    const late = assertRejects(() => w.pool.acquire(), PoolTimeoutError);
    await w.pass(500);
    assertEquals(((await late).cause as Error).message, "boom");
    assertEquals([w.pool.stats.connecting, w.pool.stats.total, w.open], [0, 0, 0]);
  });

  it("tries connects again, more and more slowly, and those who wait are told why in vain", async () => {
    const refused = new Error("refused");
    await using w = new PoolWorld({ max: 1, acquireTimeout: 10_000 });
    await w.pass(1000);
    w.broken = refused;
    w.made[0].die();
    const waiting = w.pool.acquire();
    const late = assertRejects(() => waiting, PoolTimeoutError);
    await w.pass(1000);
    const early = w.pool.stats.connectErrors;
    assert(early >= 4 && early <= 7, `${early}`);
    await w.pass(9000);
    assertLess(w.pool.stats.connectErrors, 14);
    assertEquals((await late).cause, refused);
    w.broken = null;
    const loan = w.pool.acquire();
    await w.pass(5000);
    (await loan).release();
    assertEquals([w.pool.stats.connects, w.open], [2, 1]);
  });

  it("takes what dies as soon as it is made for a connect that failed, and does not spin", async () => {
    for (const minIdle of [0, 1]) {
      let made = 0;
      const watch = (_: Thing, gone: () => void) => (made++, gone());
      await using w = new PoolWorld({ max: 1, minIdle, watch, acquireTimeout: 1000 });
      const late = assertRejects(() => w.pool.acquire(), PoolTimeoutError);
      await w.pass(1000);
      assertStringIncludes(String((await late).cause), "ended as soon as it was made");
      assert(made >= 4 && made < 8, `${made}`);
    }
    await using w = new PoolWorld({ max: 1, watch: (thing, gone) => thing.die = gone });
    for (let i = 0; i < 20; i++) {
      w.made.at(-1)?.die();
      await w.pass(10);
    }
    assert(w.made.length >= 2 && w.made.length < 5, `${w.made.length}`);
  });

  it("with retryConnect false tells the one who waits longest of a failure, and tries for the next", async () => {
    const refused = new Error("refused");
    await using w = new PoolWorld({ max: 1, minIdle: 0, retryConnect: false });
    w.failures.push(refused);
    const first = w.pool.acquire();
    const second = w.pool.acquire();
    assertEquals(await assertRejects(() => first), refused);
    await w.settle();
    (await second).release();
    w.failures.push(refused);
    w.made[0].die();
    assertEquals(await assertRejects(() => w.pool.acquire()), refused);
    (await w.pool.acquire()).release();
  });

  it("ends connects that take too long, and closes what comes of them late", async () => {
    await using w = new PoolWorld({ max: 1, minIdle: 0, connectTimeout: 100, retryConnect: false });
    w.delay = 200;
    const waiting = w.pool.acquire();
    const late = assertRejects(() => waiting, Error, "No connection for pool pool within 100 ms");
    await w.pass(100);
    await late;
    await w.pass(100);
    assertEquals([w.made[0].isClosed, ...w.counts], [true, 0, 0, 0, 0, 0]);
  });

  it("names the place that took what is not given back, and says so when it is after all", async () => {
    const records: [string, Record<string, unknown>][] = [];
    const note = (msg: string, fields?: unknown) => records.push([msg, fields as Record<string, unknown>]);
    const logger = { debug() {}, info: note, warn: note, error: note };
    await using w = new PoolWorld({ max: 1, leakWarning: 1000, logger });
    await w.settle();
    async function forgetsIt(): Promise<Loan<Thing>> {
      return await w.pool.acquire();
    }
    const loan = await forgetsIt();
    await w.pass(999);
    assertEquals(records, []);
    await w.pass(1);
    assertEquals([records[0][0], records[0][1].age, w.pool.stats.leaks], ["Connection not given back", 1000, 1]);
    assertStringIncludes(String(records[0][1].stack), "forgetsIt");
    await w.pass(5000);
    assertEquals(records.length, 1);
    loan.release();
    assertEquals([records[1][0], records[1][1].age], ["Connection given back after all", 6000]);
    (await w.pool.acquire()).release();
    await w.pass(5000);
    assertEquals([records.length, w.pool.stats.leaks], [2, 1]);
  });

  it("gives back at the end of a block that uses it", async () => {
    await using w = new PoolWorld({ max: 1 });
    {
      using loan = await w.pool.acquire();
      assertEquals([loan.conn.number, w.pool.stats.inUse], [1, 1]);
    }
    {
      await using loan = await w.pool.acquire();
      assertEquals(loan.uses, 1);
    }
    assertEquals([w.pool.stats.inUse, w.made.length], [0, 1]);
  });

  it("use() gives what its work gives; a connection whose work failed is closed, or checked", async () => {
    await using w = new PoolWorld({ max: 1 });
    assertEquals(await w.pool.use((thing) => thing.number * 10), 10);
    const broken = new Error("broken");
    assertEquals(await assertRejects(() => w.pool.use(() => Promise.reject(broken))), broken);
    await w.settle();
    assertEquals([w.made[0].isClosed, w.pool.stats.closed.discarded], [true, 1]);

    let checks = 0;
    await using checked = new PoolWorld({ max: 1, validateAfter: 60_000, validate: () => ++checks > 0 });
    await assertRejects(() => checked.pool.use(() => Promise.reject(broken)));
    assertEquals([await checked.pool.use(({ number }) => number), checks], [1, 1]);
    assertEquals([await checked.pool.use(({ number }) => number), checks], [1, 1]);
  });

  it("discard() closes it, and makes another", async () => {
    await using w = new PoolWorld({ max: 1 });
    const loan = await w.pool.acquire();
    const next = w.pool.acquire();
    loan.discard("broken");
    loan.release();
    assertEquals((await next).conn.number, 2);
    assertEquals(loan.conn.isClosed, true);
    (await next).release();
  });

  it("drain() sends away who waits, waits for what is out, and closes everything", async () => {
    await using w = new PoolWorld({ max: 2 });
    const one = await w.pool.acquire();
    const two = await w.pool.acquire();
    const waiting = assertRejects(() => w.pool.acquire(), PoolClosedError);
    const drained = w.pool.drain();
    await waiting;
    assertEquals([w.pool.state, w.open, w.pool.drain() === drained], ["draining", 2, true]);
    await assertRejects(() => w.pool.acquire(), PoolClosedError);
    assertThrows(() => w.pool.tryAcquire(), PoolClosedError);
    one.release();
    await w.pass(700);
    assertEquals([one.conn.isClosed, two.conn.isClosed, w.pool.state], [true, false, "draining"]);
    two.release();
    assertEquals(await drained, { name: "pool", duration: 700, closed: 2, left: [] });
    assertEquals([w.pool.state, w.open, w.counts], ["closed", 0, [0, 0, 0, 0, 0]]);
  });

  it("drain() ends with its context, and names what is still out; that is closed when it comes back", async () => {
    await using w = new PoolWorld({ max: 2, leakWarning: 60_000 });
    const loan = await w.pool.acquire();
    const [ctx] = withTimeout(background(w.clock), 500);
    const drained = w.pool.drain(ctx);
    await w.pass(500);
    const { closed, left } = await drained;
    assertEquals([closed, left.length, left[0].age], [1, 1, 500]);
    assertStringIncludes(left[0].stack, "pool_test");
    assertEquals(loan.conn.isClosed, false);
    loan.release();
    assertEquals(loan.conn.isClosed, true);
  });

  it("drain() ends connects and checks that are under way", async () => {
    await using w = new PoolWorld({ max: 1, validate: () => new Promise(() => {}), validateAfter: 0 });
    await w.settle();
    const waiting = w.pool.acquire();
    const sentAway = assertRejects(() => waiting, PoolClosedError);
    await w.settle();
    const report = await w.pool.drain();
    await sentAway;
    assertEquals([report.closed, w.made[0].isClosed], [1, true]);
  });

  it("keeps no timers when it is drained", async () => {
    const w = new PoolWorld({ max: 3, leakWarning: 1000 });
    const loan = await w.pool.acquire();
    loan.release();
    await w.pool.drain();
    assertEquals(w.clock.pending, 0);
  });

  it("refuses what it can't use, by name", async () => {
    const make = () => ({ close() {} });
    const wrong: [PoolOptions<{ close(): void }>, string][] = [
      [{ max: 0 }, "max must be a whole number from 1 to 100000, got 0"],
      [{ max: 2, minIdle: 3 }, "minIdle must be at most max 2, got 3"],
      [{ leakWarning: -1 }, "leakWarning must be from 0 to 2147483647 milliseconds, got -1"],
      [{ lifetimeJitter: 2 }, "lifetimeJitter must be from 0 to 1, got 2"],
      [{ maxIdle: 3 } as PoolOptions<{ close(): void }>, "pool() has no option maxIdle, did you mean minIdle?"],
      [{ validate: true } as unknown as PoolOptions<{ close(): void }>, "validate must be a function, got true"],
    ];
    for (const [options, message] of wrong) assertThrows(() => pool(make, options), OptionError, message);
    assertThrows(() => pool(5 as unknown as () => object), OptionError, "connect must be a function");
    await using w = new PoolWorld({ max: 1 });
    assertThrows(() => w.pool.acquire(7 as unknown as AbortSignal), OptionError, "ctx must be a context");
    assertThrows(() => w.pool.use(7 as unknown as () => number), TypeError, "use() takes a function, got number");
  });

  it("counts how long was waited, used and connected", async () => {
    await using w = new PoolWorld({ max: 1, minIdle: 0 });
    w.delay = 20;
    const first = w.pool.acquire();
    await w.pass(20);
    const loan = await first;
    await w.pass(100);
    const second = w.pool.acquire();
    await w.pass(5);
    loan.release();
    (await second).release();
    const { waitTime, useTime, connectTime, acquired } = w.pool.stats;
    assertEquals([waitTime, useTime, connectTime, acquired], [25, 105, 20, 2]);
  });
});

describe("a member's states", () => {
  const states: MemberState[] = ["idle", "checking", "out", "doomed", "gone"];

  it("have an answer to every event, and nothing leads back from gone", () => {
    for (const [event, row] of Object.entries(TRANSITIONS)) {
      assertEquals(Object.keys(row), states, event);
      assertEquals(row.gone, "gone", event);
    }
  });

  it("lead from whoever has it to gone only by discard, or by its return", () => {
    const cutting = (Object.keys(TRANSITIONS) as MemberEvent[]).filter((event) => TRANSITIONS[event].out === "gone");
    assertEquals(cutting, ["discard"]);
  });
});

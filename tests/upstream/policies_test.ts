import { describe, it } from "node:test";
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertRejects, assertThrows } from "@std/assert";
import * as cockatiel from "cockatiel";
import { background, type Context, OptionError, withCancelCause, withTimeout } from "../../mod.ts";
import { reply, serveHttp } from "../../src/http/mod.ts";
import { silentLogger } from "../../mod.ts";
import { upstream } from "../../src/upstream/mod.ts";
import { type Cockatiel, hedge, policies, type PoliciesOptions } from "../../src/upstream/policies/mod.ts";
import { VirtualClock } from "../../src/testing/mod.ts";

const QUICK: PoliciesOptions = { backoff: 1, maxBackoff: 2 };

function waits(ms: number, ctx?: Context): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    ctx?.signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(ctx.cause());
    });
  });
}

describe("policies()", () => {
  it("tries a failure again, as often as it may, and each try has a context and a time of its own", async () => {
    const guarded = policies(cockatiel, { ...QUICK, timeout: 40, attempts: 3 });
    const contexts: Context[] = [];
    const result = await guarded.run(async (ctx) => {
      contexts.push(ctx);
      if (contexts.length < 3) await waits(5000, ctx);
      return contexts.length;
    });
    assertEquals(result, 3);
    assert(contexts.slice(0, 2).every((ctx) => (ctx.cause() as Error).message.includes("took longer")));
    const { runs, active, retries, timeouts, breaker } = guarded.stats;
    assertEquals([runs, active, retries, timeouts, breaker], [1, 0, 2, 2, "closed"]);
  });

  it("gives what failed last, and tries nothing again that may not be", async () => {
    const guarded = policies(cockatiel, { ...QUICK, attempts: 4, retryable: (error) => error !== final });
    const final = new Error("final");
    let tries = 0;
    assertEquals(
      await assertRejects(() => guarded.run(() => Promise.reject(++tries === 2 ? final : new Error("x")))),
      final,
    );
    assertEquals([tries, guarded.stats.retries], [2, 1]);
  });

  it("has a budget: when everything fails, retries are a tenth of the load, and no more", async () => {
    const guarded = policies(cockatiel, {
      ...QUICK,
      attempts: 3,
      breaker: false,
      budget: { ratio: 0.1, burst: 5 },
    });
    let tries = 0;
    for (let i = 0; i < 100; i++) await assertRejects(() => guarded.run(() => Promise.reject(new Error(`${++tries}`))));
    const { retries, overBudget } = guarded.stats;
    assert(retries >= 13 && retries <= 16, `${retries}`);
    assertEquals(tries, 100 + retries);
    assertGreaterOrEqual(overBudget, 80);
  });

  it("has a budget for those that fail in the same moment as well, and for none that are not made", async () => {
    const guarded = policies(cockatiel, {
      ...QUICK,
      attempts: 2,
      breaker: false,
      bulkhead: false,
      budget: { ratio: 0, burst: 5 },
    });
    const calls = Array.from({ length: 50 }, () => guarded.run(() => Promise.reject(new Error("down"))));
    await Promise.allSettled(calls);
    assertEquals([guarded.stats.retries, guarded.stats.budget], [5, 0]);
    const patient = policies(cockatiel, { ...QUICK, attempts: 2, breaker: false, budget: { ratio: 0, burst: 5 } });
    await assertRejects(() => patient.run(() => Promise.reject(new Error("down"))));
    assertEquals([patient.stats.retries, patient.stats.budget], [1, 4]);
  });

  it("opens its breaker after so many calls that failed after all their tries, and asks again later", async () => {
    const guarded = policies(cockatiel, {
      ...QUICK,
      attempts: 2,
      budget: false,
      breaker: { failures: 3, halfOpenAfter: 50 },
    });
    let tries = 0;
    const failing = () => Promise.reject(new Error(`${++tries}`));
    for (let i = 0; i < 3; i++) await assertRejects(() => guarded.run(failing));
    assertEquals([tries, guarded.stats.breaker, guarded.stats.breaks], [6, "open", 1]);
    await assertRejects(() => guarded.run(failing), cockatiel.BrokenCircuitError);
    assertEquals(tries, 6);
    await waits(60);
    assertEquals([await guarded.run(() => "well"), guarded.stats.breaker], ["well", "closed"]);
  });

  it("that a caller leaves is no failure of who was called", async () => {
    const guarded = policies(cockatiel, { ...QUICK, breaker: { failures: 1 } });
    const [ctx, cancel] = withCancelCause(background());
    const call = assertRejects(() => guarded.run((inner) => waits(5000, inner), ctx));
    const why = new Error("left");
    cancel(why);
    assertEquals(await call, why);
    assertEquals([guarded.stats.breaker, guarded.stats.retries, guarded.stats.active], ["closed", 0, 0]);
    assertEquals(await assertRejects(() => guarded.run(() => 1, ctx)), why);
  });

  it("ends its waits between two tries with the context", async () => {
    const guarded = policies(cockatiel, { backoff: 5000, maxBackoff: 5000 });
    const [ctx] = withTimeout(background(), 30);
    const began = performance.now();
    await assertRejects(() => guarded.run(() => Promise.reject(new Error("x")), ctx));
    assertLess(performance.now() - began, 2000);
  });

  it("lets so many in at once, and turns away who finds no place to wait", async () => {
    const guarded = policies(cockatiel, { bulkhead: { limit: 2, queue: 1 } });
    let open = () => {};
    const gate = new Promise<void>((resolve) => open = resolve);
    let active = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++active);
      await gate;
      active--;
    };
    const calls = [1, 2, 3].map(() => guarded.run(work));
    await assertRejects(() => guarded.run(work), cockatiel.BulkheadRejectedError);
    open();
    await Promise.all(calls);
    assertEquals([most, guarded.stats.rejected], [2, 1]);
  });

  it("guards calls to an upstream: three tries reach it, and the answer is read inside", async () => {
    let asked = 0;
    await using server = await serveHttp(
      { port: 0, hostname: "127.0.0.1", logger: silentLogger },
      async (_request, ctx) => {
        if (++asked === 1) await waits(60_000, ctx);
        return asked === 2 ? reply("no", { status: 503 }) : Response.json({ tea: 3 });
      },
    );
    const app = upstream(server.url, { logger: silentLogger });
    const guarded = policies(cockatiel, { ...QUICK, timeout: 1500, attempts: 3 });
    const price = await guarded.run(async (context) => {
      const answer = await app.fetch("/tea", { context });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return await answer.json() as { tea: number };
    });
    assertEquals([price, asked, guarded.stats.timeouts], [{ tea: 3 }, 3, 1]);
    await app.drain();
  });

  it("can be left out one by one, and refuses what it can't use", async () => {
    const bare = policies(cockatiel, { timeout: false, attempts: 1, breaker: false, bulkhead: false, budget: false });
    assertEquals([await bare.run(() => 5), bare.stats.breaker, bare.stats.budget], [5, null, Infinity]);
    const wrong: [PoliciesOptions, string][] = [
      [{ attempts: 0 }, "attempts must be a whole number from 1"],
      [{ timeout: -1 }, "timeout must be from 0"],
      [{ budget: { ratio: 2 } }, "ratio must be from 0 to 1"],
      [{ breaker: { failure: 2 } as object }, "breaker has no option failure, did you mean failures?"],
      [{ retries: 2 } as PoliciesOptions, "policies() has no option retries"],
    ];
    for (const [options, message] of wrong) assertThrows(() => policies(cockatiel, options), OptionError, message);
    assertThrows(() => policies({} as Cockatiel), OptionError, "got one without handleWhen");
    assertThrows(() => bare.run(5 as never), TypeError, "run() takes a function, got number");
  });
});

describe("hedge()", () => {
  it("asks once more when there is no answer in time, takes the first, and cancels the other", async () => {
    const clock = new VirtualClock();
    const ends: unknown[] = [];
    const call = hedge(async (ctx, n) => {
      ctx.signal.addEventListener("abort", () => ends.push(n));
      await new Promise<void>((resolve) => clock.setTimer(resolve, n === 0 ? 500 : 20));
      return n;
    }, { after: 100, clock });
    await clock.advance(200);
    assertEquals([await call, ends, clock.pending], [1, [0, 1], 1]);
  });

  it("asks nobody twice who answers in time, asks at once after a failure, and fails when all have failed", async () => {
    const clock = new VirtualClock();
    let calls = 0;
    assertEquals(await hedge(() => ++calls, { clock }), 1);
    assertEquals([calls, clock.pending], [1, 0]);
    assertEquals(await hedge((_, n) => n === 0 ? Promise.reject(new Error("first")) : n, { clock }), 1);
    const all = hedge((_, n) => Promise.reject(new Error(`${n}`)), { clock, max: 3 });
    assertEquals((await assertRejects(() => all, Error)).message, "2");
    assertEquals(clock.pending, 0);
  });

  it("ends with its context", async () => {
    const clock = new VirtualClock();
    const [ctx] = withTimeout(background(clock), 150);
    const call = assertRejects(() => hedge(() => new Promise(() => {}), { clock, after: 100 }, ctx), Error, "deadline");
    await clock.advance(150);
    await call;
    assertEquals(clock.pending, 0);
    assertThrows(() => hedge(() => 1, { aftr: 5 } as object), OptionError, "did you mean after?");
  });
});

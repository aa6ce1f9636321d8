import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { RequestLimit, type RequestLimits, type RequestWaiter } from "../../src/http/conn/request_limit.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

function setUp(limits: Partial<RequestLimits> = {}) {
  const clock = new VirtualClock();
  const all = { maxConcurrentRequests: 1, maxQueuedRequests: 3, queueTimeout: 1000, ...limits };
  const limit = new RequestLimit(all, clock);
  const seen: string[] = [];
  const waiter = (name: string, run?: () => void): RequestWaiter => ({
    run: () => {
      seen.push(`run ${name}`);
      run?.();
    },
    expired: () => seen.push(`expired ${name}`),
  });
  const configure = (changes: Partial<RequestLimits>) => limit.configure({ ...all, ...changes });
  return { clock, limit, seen, waiter, configure };
}

describe("RequestLimit", () => {
  it("lets in as many as the limit says", () => {
    const { limit } = setUp({ maxConcurrentRequests: 2 });
    assertEquals([limit.tryEnter(), limit.tryEnter(), limit.tryEnter()], [true, true, false]);
    assertEquals([limit.active, limit.queued], [2, 0]);
    limit.leave();
    assertEquals([limit.tryEnter(), limit.active], [true, 2]);
  });

  it("runs who waits in order of arrival, one for each that leaves", () => {
    const { limit, seen, waiter, clock } = setUp();
    assert(limit.tryEnter());
    for (const name of ["a", "b", "c"]) assert(limit.enqueue(waiter(name)) !== null);
    assertEquals(limit.queued, 3);
    limit.leave();
    assertEquals([seen, limit.active, limit.queued], [["run a"], 1, 2]);
    assertEquals(limit.tryEnter(), false);
    limit.leave();
    limit.leave();
    limit.leave();
    assertEquals([seen, limit.active, limit.queued], [["run a", "run b", "run c"], 0, 0]);
    assertEquals(clock.pending, 0);
  });

  it("turns away when the queue is full", () => {
    const { limit, waiter } = setUp({ maxQueuedRequests: 1 });
    limit.tryEnter();
    assert(limit.enqueue(waiter("a")) !== null);
    assertEquals(limit.enqueue(waiter("b")), null);
    assertEquals(setUp({ maxQueuedRequests: 0 }).limit.enqueue(waiter("c")), null);
  });

  it("expires each at its own time, with one timer for all", async () => {
    const { limit, waiter, clock, seen } = setUp();
    limit.tryEnter();
    limit.enqueue(waiter("a"));
    await clock.advance(400);
    limit.enqueue(waiter("b"));
    limit.enqueue(waiter("c"));
    assertEquals(clock.pending, 1);
    await clock.advance(599);
    assertEquals(seen, []);
    await clock.advance(1);
    assertEquals([seen, limit.queued, clock.pending], [["expired a"], 2, 1]);
    await clock.advance(399);
    assertEquals(seen.length, 1);
    await clock.advance(1);
    assertEquals(seen, ["expired a", "expired b", "expired c"]);
    assertEquals([limit.active, limit.queued, clock.pending], [1, 0, 0]);
  });

  it("waits for the new head when the old one ran before its time", async () => {
    const { limit, waiter, clock, seen } = setUp();
    limit.tryEnter();
    limit.enqueue(waiter("a"));
    await clock.advance(900);
    limit.enqueue(waiter("b"));
    limit.leave();
    await clock.advance(999);
    assertEquals(seen, ["run a"]);
    await clock.advance(1);
    assertEquals(seen, ["run a", "expired b"]);
  });

  it("lets one wait for ever with a timeout of 0", async () => {
    const { limit, waiter, clock, seen } = setUp({ queueTimeout: 0 });
    limit.tryEnter();
    limit.enqueue(waiter("a"));
    assertEquals(clock.pending, 0);
    await clock.advance(1_000_000);
    assertEquals([seen, limit.queued], [[], 1]);
  });

  it("forgets who gives the place up: at the head, in the middle, at the end", () => {
    for (const gone of [0, 1, 2]) {
      const { limit, waiter, seen, clock } = setUp();
      limit.tryEnter();
      const places = ["a", "b", "c"].map((name) => limit.enqueue(waiter(name))!);
      assertEquals([limit.cancel(places[gone]), limit.cancel(places[gone])], [true, false]);
      assertEquals(limit.queued, 2);
      assert(limit.enqueue(waiter("d")) !== null);
      for (let i = 0; i < 4; i++) limit.leave();
      assertEquals(seen, ["a", "b", "c", "d"].filter((_, i) => i !== gone).map((name) => `run ${name}`));
      assertEquals([limit.active, clock.pending], [0, 0]);
    }
  });

  it("leaves no timer when the last one gives up, and tells when a place was over", async () => {
    const { limit, waiter, clock } = setUp();
    limit.tryEnter();
    const place = limit.enqueue(waiter("a"))!;
    limit.cancel(place);
    assertEquals(clock.pending, 0);
    const expired = limit.enqueue(waiter("b"))!;
    await clock.advance(1000);
    assertEquals(limit.cancel(expired), false);
    const ran = limit.enqueue(waiter("c"))!;
    limit.leave();
    assertEquals([limit.cancel(ran), limit.active], [false, 1]);
  });

  it("keeps the stack flat when each handler ends within its run", () => {
    const count = 100_000;
    const { limit, waiter, seen } = setUp({ maxQueuedRequests: count });
    limit.tryEnter();
    for (let i = 0; i < count; i++) limit.enqueue(waiter("x", () => limit.leave()));
    limit.leave();
    assertEquals([seen.length, limit.active, limit.queued], [count, 0, 0]);
  });

  it("never runs more than the limit when handlers end within their run", () => {
    const { limit, waiter } = setUp({ maxConcurrentRequests: 2, maxQueuedRequests: 10 });
    limit.tryEnter();
    limit.tryEnter();
    let most = 0;
    for (let i = 0; i < 6; i++) {
      limit.enqueue(waiter("x", () => {
        most = Math.max(most, limit.active);
        if (i % 2 === 0) limit.leave();
      }));
    }
    for (let i = 0; i < 5; i++) limit.leave();
    assertEquals([most, limit.active, limit.queued], [2, 0, 0]);
  });

  it("lets nobody pass those who wait, not even from within a run", () => {
    const { limit, waiter, seen } = setUp();
    const entered: boolean[] = [];
    limit.tryEnter();
    limit.enqueue(waiter("a", () => {
      limit.leave();
      entered.push(limit.tryEnter());
    }));
    limit.enqueue(waiter("b"));
    limit.leave();
    assertEquals([entered, seen, limit.active], [[false], ["run a", "run b"], 1]);
  });

  it("takes new limits at run time: who waits runs, or expires by the new timeout", async () => {
    const { limit, waiter, clock, seen, configure } = setUp();
    limit.tryEnter();
    for (const name of ["a", "b", "c"]) limit.enqueue(waiter(name));
    configure({ maxConcurrentRequests: 2 });
    assertEquals([seen, limit.active], [["run a"], 2]);
    configure({ maxConcurrentRequests: 1, maxQueuedRequests: 1, queueTimeout: 100 });
    limit.leave();
    assertEquals([seen.length, limit.active, limit.queued], [1, 1, 2]);
    assertEquals(limit.enqueue(waiter("d")), null);
    await clock.advance(100);
    assertEquals(seen, ["run a", "expired b", "expired c"]);
  });
});

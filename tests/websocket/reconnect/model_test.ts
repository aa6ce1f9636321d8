import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { delayAfter } from "../../../src/websocket/reconnect/backoff.ts";
import type { WhenFull } from "../../../src/websocket/reconnect/mod.ts";
import { TRANSITIONS } from "../../../src/websocket/reconnect/reconnect_states.ts";
import { fate, setUp } from "../../fixtures/reconnect_tools.ts";
import { dice } from "../../support/dice.ts";

/** Numbers from 0 up to, but not including, 1. */
function seeded(seed: number): () => number {
  const roll = dice(seed);
  return () => roll(1 << 30) / (1 << 30);
}

describe("backoff with full jitter", () => {
  it("draws each delay from 0 to a ceiling that doubles up to the cap, evenly", () => {
    const ceilings = [100, 200, 400, 800, 1000, 1000];
    const sums = ceilings.map(() => 0);
    const rounds = 2000;
    const random = seeded(7);
    for (let round = 0; round < rounds; round++) {
      ceilings.forEach((ceiling, i) => {
        const delay = delayAfter(i, { minDelay: 100, maxDelay: 1000, random });
        assert(delay >= 0 && delay < ceiling);
        sums[i] += delay / ceiling;
      });
    }
    for (const sum of sums) assert(Math.abs(sum / rounds - 0.5) < 0.03, `mean ${sum / rounds}`);
  });

  it("stays finite and capped after any number of attempts", () => {
    const options = { minDelay: 1, maxDelay: 86_400_000, random: () => 0.999 };
    for (let i = 0; i < 5000; i++) assert(delayAfter(i, options) < 86_400_000);
    assertEquals(delayAfter(5000, options), 0.999 * 86_400_000);
  });
});

type World = ReturnType<typeof setUp>;

/** What may happen, each with a number to make use of. */
const STEPS: Readonly<Record<string, (world: World, n: number) => void | Promise<void>>> = {
  open: (t) => t.last?.open(),
  lose: (t, n) => t.last?.end([1006, 1001, 1011, 1005][n % 4]),
  farewell: (t, n) => t.last?.end(1001, `normal wait=0 retry=${n % 3000}`),
  message: (t, n) => t.last?.events.message(`m${n}`),
  stall: (t) => {
    if (t.last !== undefined) t.last.stalled = true;
  },
  // A transport that was given up still says something.
  echo: (t, n) => {
    const old = t.sockets[n % Math.max(t.sockets.length, 1)];
    if (old === undefined || old.live || old.ended || t.client.state === "closing") return;
    old.open();
    old.events.message("of the dead");
    old.end(1000);
  },
  offline: (t) => t.page.tell("offline"),
  online: (t) => t.page.tell("online"),
  hide: (t) => t.page.tell("pagehide"),
  show: (t) => t.page.tell("pageshow"),
  look: (t) => t.page.tell("visibilitychange"),
  tick: (t, n) => t.clock.advance(n % 50),
  wait: (t, n) => t.clock.advance(n % 20_000),
  refuse: (t) => t.last?.end(1008),
  close: (t) => void t.client.close(),
};

const usual = fc.constantFrom("send", "send", "send", ...Object.keys(STEPS).slice(0, -2));
const step = fc.record({
  what: fc.oneof({ weight: 40, arbitrary: usual }, { weight: 1, arbitrary: fc.constantFrom("refuse", "close") }),
  n: fc.nat(1_000_000),
});

/** What has to hold after every step. */
function assertSound({ client, clock, sockets, changes }: World, maxQueued: number): void {
  assert(sockets.filter((socket) => socket.live).length <= 1, "two live connections");
  assert(client.queued <= maxQueued, "the queue is beyond its bound");
  // Of an open connection: whether it lasts, and whether it lives.
  const timers = { connecting: 1, open: [0, 1, 2], waiting: 1, away: 0, closing: 1, closed: 0 }[client.state];
  assert([timers].flat().includes(clock.pending), `${clock.pending} timers while ${client.state}`);
  for (const { previous, state } of changes) {
    assert(Object.values(TRANSITIONS[previous]).includes(state), `${previous} → ${state}`);
  }
  changes.forEach((change, i) => assertEquals(change.previous, i === 0 ? "connecting" : changes[i - 1].state));
}

async function play(steps: readonly { what: string; n: number }[], whenFull: WhenFull, seed: number): Promise<void> {
  const maxQueued = 3;
  const t = setUp({ random: seeded(seed), whenFull, maxQueued, maxAttempts: 20, connectTimeout: 2000 });
  const fates: { now: string }[] = [];
  await t.clock.settle();
  for (const { what, n } of steps) {
    if (what === "send") fates.push(fate(t.client.send(String(fates.length))));
    else await STEPS[what](t, n);
    assertSound(t, maxQueued);
  }
  void t.client.close();
  await t.clock.advance(10_000);
  await t.client.closed;
  assertSound(t, maxQueued);
  assertEquals([t.client.state, t.clock.pending, t.page.listeners, t.client.queued], ["closed", 0, 0, 0]);
  assert(!t.messages.includes("of the dead"), "a connection that was given up is still heard");
  const sent = t.sockets.flatMap((socket) => socket.sent).map(Number);
  assertEquals(sent, [...new Set(sent)].sort((a, b) => a - b), "each once, and in order");
  const fulfilled = fates.flatMap(({ now }, i) => now === "sent" ? [i] : []);
  assertEquals(sent, fulfilled, "fulfilled are those that were handed over, and no others");
  assert(fates.every(({ now }) => now !== "pending"), "every send() settles");
  assertEquals(fates.filter(({ now }) => now === "ERR_QUEUE_FULL").length, t.client.dropped);
}

describe("whatever happens to a ReconnectingWebSocket", () => {
  it("one connection at most, a bounded queue, each message once and in order, and nothing left after close()", async () => {
    const reached = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60 }),
        fc.constantFrom<WhenFull>("reject", "dropOldest"),
        fc.nat(),
        async (steps, whenFull, seed) => {
          await play(steps, whenFull, seed);
          for (const { what } of steps) reached.add(what);
        },
      ),
      { numRuns: 150 },
    );
    assertEquals(reached.size, Object.keys(STEPS).length + 1);
  });
});

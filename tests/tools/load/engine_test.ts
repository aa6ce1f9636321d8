/** The engine of `sluice load` in virtual time: what is sent when, what is counted, and how it ends. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { background, withCancel } from "../../../mod.ts";
import type { LoadProgress } from "../../../src/tools/load/load_api.ts";
import { type Answer, loadFake } from "../../fixtures/load_tools.ts";

const SECOND = { duration: 1000 };

describe("a closed loop", () => {
  it("sends each client's next request when its answer is there", async () => {
    const { report, server } = await loadFake({ ...SECOND, clients: 5 });
    assertEquals(report.requests, { sent: 500, answered: 500, failed: 0, unanswered: 0, unsent: 0 });
    assertEquals(report.rate, 500);
    assertEquals(report.ended, "duration");
    assertEquals(report.corrected, false);
    assert(server.sends.every((at) => at % 10 === 0));
  });

  it("keeps as many requests under way as the pipeline is long", async () => {
    const { report } = await loadFake({ ...SECOND, clients: 2, pipeline: 8 });
    assertEquals(report.requests.sent, 1600);
  });

  it("pauses between an answer and the next request", async () => {
    const { report, server } = await loadFake({ ...SECOND, clients: 1, think: { min: 40, max: 40 } });
    assertEquals(report.requests.sent, 20);
    assertEquals(server.sends.slice(0, 3), [0, 50, 100]);
    assertEquals(report.latency.max, 10);
  });

  it("has the same pauses with the same seed, and others with another", async () => {
    const sends = async (seed: number) => {
      const { server } = await loadFake({ ...SECOND, clients: 3, think: { min: 0, max: 100 }, seed });
      return server.sends;
    };
    const first = await sends(7);
    assertEquals(await sends(7), first);
    assert(String(await sends(8)) !== String(first));
    assert(first.length > 30 && first.length < 90, `${first.length} requests`);
  });

  it("sends exactly `count` requests", async () => {
    const { report } = await loadFake({ count: 1003, clients: 4, pipeline: 16 });
    assertEquals(report.requests.sent, 1003);
    assertEquals(report.requests.answered, 1003);
    assertEquals(report.ended, "count");
    assertEquals(report.options.duration, null);
  });
});

/** Stalls from 500 to 1000 ms: what is asked meanwhile is answered when that is over. */
const stalling: Answer = (now) => now >= 500 && now < 1000 ? 1000 - now : 1;

describe("an open loop", () => {
  it("sends by its plan, whatever the server does", async () => {
    const { report, server } = await loadFake({ ...SECOND, rate: 100, clients: 50 }, { answer: () => 300 });
    assertEquals(report.requests.sent, 100);
    assertEquals(server.sends.slice(0, 4), [0, 10, 20, 30]);
    assertEquals(report.latency.min, 300);
    assertEquals(report.latency.max, 300);
    assertEquals(report.corrected, true);
  });

  it("has as many requests under way on a connection as its pipeline is long", async () => {
    const { report } = await loadFake({ ...SECOND, rate: 100, clients: 1, pipeline: 40 }, { answer: () => 300 });
    assertEquals([report.requests.sent, report.requests.unsent, report.latency.max], [100, 0, 300]);
  });

  it("lets all clients take turns", async () => {
    const { server } = await loadFake({ ...SECOND, rate: 100, clients: 4 }, { answer: () => 1 });
    const first = server.clients.map((client) => client.turns[0]).sort((a, b) => a - b);
    assertEquals(first, [0, 10, 20, 30]);
    assertEquals(server.clients.map((client) => client.turns.length), [25, 25, 25, 25]);
  });

  it("counts latency from when a request was due: a stall of 500 ms shows in every request that it delayed", async () => {
    const options = { duration: 2000, clients: 1 };
    const { report } = await loadFake({ ...options, rate: 100 }, { answer: stalling });
    // Due at 500 + 10 k, sent when the one before is answered, answered at 1000 + k: 500 - 9 k ms.
    const delayed = Array.from({ length: 56 }, (_, k) => Math.max(1, 500 - 9 * k));
    const all = [...delayed, ...new Array(200 - 56).fill(1)].sort((a, b) => a - b);
    const mean = all.reduce((sum, ms) => sum + ms, 0) / all.length;
    assertEquals(report.requests.answered, 200);
    assertEquals(report.latency.max, 500);
    near(report.latency.mean, mean);
    near(report.latency.p75, all[149]);
    near(report.latency.p90, all[179]);
    near(report.latency.p99, all[197]);
  });

  it("differs in that from a closed loop, which asks a stalling server less", async () => {
    const { report } = await loadFake({ duration: 2000, clients: 1, think: { min: 9, max: 9 } }, { answer: stalling });
    assertEquals(report.latency.max, 500);
    assertEquals(report.latency.p99, 1);
  });

  it("counts its own delays too: what is due while it is held up is late, or was never sent", async () => {
    const { report } = await loadFake({ ...SECOND, rate: 100, clients: 50 }, { answer: () => 0.1, late: 95 });
    const { sent, unsent } = report.requests;
    assertEquals(sent + unsent, 100);
    assert(unsent > 0 && unsent < 20, `${unsent} unsent`);
    assert(report.latency.max >= 85, `${report.latency.max} ms`);
  });

  it("tells how many requests were due and never sent", async () => {
    const { report } = await loadFake({ ...SECOND, rate: 100, clients: 1 }, { answer: () => 100 });
    assertEquals(report.requests.sent, 10);
    assertEquals(report.requests.unsent, 90);
  });

  it("has no such rest if it is to send a number of requests", async () => {
    const { report } = await loadFake({ count: 20, rate: 100, clients: 1 }, { answer: () => 100 });
    assertEquals(report.requests, { sent: 20, answered: 20, failed: 0, unanswered: 0, unsent: 0 });
  });
});

describe("a ramp", () => {
  it("of clients grows in steps, and each step has its own figures", async () => {
    const { report, server } = await loadFake({ ramp: { from: 1, to: 5, over: 1000 } });
    assertEquals(report.options.clients, 5);
    assertEquals(report.duration, 1000);
    assertEquals(report.ramp?.steps.map(({ load, rate }) => [load, Math.round(rate / 10) * 10]), [
      [1, 100],
      [2, 200],
      [3, 300],
      [4, 400],
      [5, 500],
    ]);
    assertEquals(server.attempts, [0, 200, 400, 600, 800]);
  });

  it("that shrinks lets clients go when they have their answers", async () => {
    const { report, server } = await loadFake({ ramp: { from: 3, to: 1, over: 900 } }, {}, async ({ clock }) => {
      await clock.advance(850);
    });
    assertEquals(server.clients.map(({ isAborted }) => isAborted), [false, false, false]);
    assertEquals(report.ramp?.steps.map(({ load }) => load), [3, 2, 1]);
    assertEquals(report.timeline.map(({ clients }) => clients), [3, 3, 3, 2, 2, 2, 1, 1, 1]);
    assertEquals(report.faults.reset, 0);
    assertEquals(server.sends.filter((at) => at >= 600).length, 30);
  });

  it("of a rate changes the plan", async () => {
    const ramp = { from: 10, to: 100, over: 1000, steps: 2, unit: "rate" as const };
    const { report, server } = await loadFake({ ramp, clients: 20 });
    assertEquals(server.sends.filter((at) => at < 500).length, 5);
    assertEquals(server.sends.filter((at) => at >= 500).length, 50);
    assertEquals(report.ramp?.steps.map(({ load }) => load), [10, 100]);
    assertEquals(report.corrected, true);
  });

  it("is followed by its last load until the whole is over", async () => {
    const { report } = await loadFake({ ramp: { from: 1, to: 2, over: 200 }, duration: 1000 });
    assertEquals(report.requests.sent, 10 + 180);
    near(report.ramp!.steps[1].rate, 200);
  });
});

describe("time and counts", () => {
  it("a request without an answer is a time-out, and the client goes on with another connection", async () => {
    const answer: Answer = (_now, connection) => connection === 0 ? null : 10;
    const { report } = await loadFake({ ...SECOND, clients: 1, timeout: 300 }, { answer });
    assertEquals(report.faults, { refused: 0, reset: 0, truncated: 0, timeout: 1, wrong: 0 });
    assertEquals(report.requests.failed, 1);
    assertEquals(report.connections.opened, 2);
    const { at } = report.samples[0];
    assert(at >= 300 && at <= 500, `after ${at} ms`);
    assert(report.requests.answered > 40);
  });

  it("divides what happened among slots that add up to the whole", async () => {
    const { report } = await loadFake({ ...SECOND, clients: 5 });
    assertEquals(report.timeline.map(({ at }) => at), [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    assertEquals(report.timeline.map(({ clients }) => clients).slice(0, 9), new Array(9).fill(5));
    near(report.timeline.reduce((sum, { rate }) => sum + rate / 10, 0), 500);
    near(report.timeline[4].p50, 10);
  });

  it("counts an answer to the slot in which it comes", async () => {
    const { report } = await loadFake({ ...SECOND, clients: 5 }, { answer: () => 100 });
    assertEquals(report.timeline.slice(0, 3).map(({ rate }) => rate), [0, 50, 50]);
  });

  it("makes slots longer when a load of unknown length has too many", async () => {
    const { report } = await loadFake({ count: 300, clients: 1 }, { answer: () => 500 });
    assertEquals(report.duration, 150_000);
    assert(report.timeline.length <= 600, `${report.timeline.length} slots`);
    const length = report.timeline[1].at - report.timeline[0].at;
    near(report.timeline.reduce((sum, { rate }) => sum + (rate * length) / 1000, 0), 300);
  });

  it("tells about four times a second how it gets on", async () => {
    const told: LoadProgress[] = [];
    await loadFake({ ...SECOND, clients: 5, onProgress: (progress) => told.push(progress) });
    assertEquals(told.length, 3);
    assertEquals(told[0].clients, 5);
    near(told[1].share, told[1].elapsed / 1000);
    near(told[1].rate, 500);
    near(told[1].p99, 10);
  });

  it("looks at the server's process about twice a second", async () => {
    let calls = 0;
    const probe = { pid: 42, sample: () => ({ cpu: ++calls, rss: 1000, descriptors: 7 }) };
    const { report } = await loadFake({ duration: 2000, server: probe });
    assertEquals(report.server?.pid, 42);
    // The first call only begins the count of processor time.
    assertEquals(report.server?.samples.slice(0, 3).map(({ cpu, at }) => [cpu, at]), [[2, 500], [3, 1000], [4, 1500]]);
    assertEquals(report.timeline.filter(({ server }) => server !== undefined).length, report.server?.samples.length);
  });
});

describe("connections", () => {
  it("that the server ends with nothing under way are made again, and no fault", async () => {
    const options = { ...SECOND, clients: 1, think: { min: 90, max: 90 } };
    const { report } = await loadFake(options, {}, async (server) => {
      await server.clock.advance(50);
      server.clients[0].drop();
    });
    assertEquals(report.faults, { refused: 0, reset: 0, truncated: 0, timeout: 0, wrong: 0 });
    assertEquals(report.connections, { opened: 2, closedByServer: 1, failed: 0 });
    assertEquals(report.requests.sent, 10);
  });

  it("that end with a request under way fail it", async () => {
    const { report } = await loadFake({ ...SECOND, clients: 1 }, {}, async (server) => {
      await server.clock.advance(55);
      server.clients[0].drop();
    });
    assertEquals(report.faults.reset, 1);
    assertEquals(report.samples, [{ fault: "reset", detail: "Dropped", at: 55 }]);
    assertEquals(report.requests.answered + 1, report.requests.sent);
  });

  it("are not tried without a pause at a server that is dead", async () => {
    const fake = { refuses: (now: number) => now >= 100 };
    const { report, server } = await loadFake({ duration: 10_000, clients: 1 }, fake, async (server) => {
      await server.clock.advance(105);
      server.clients[0].drop();
    });
    const tries = server.attempts.length - 1;
    assert(tries >= 8 && tries <= 25, `${tries} attempts in 10 s`);
    assertEquals(report.faults.refused, tries);
    assertEquals(report.ended, "duration");
  });

  it("are not made without a pause at a server that accepts and closes", async () => {
    const { server } = await loadFake({ duration: 5000, clients: 1 }, { answer: () => null }, async (server) => {
      for (let i = 0; i < 100; i++) {
        await server.clock.advance(50);
        server.clients.at(-1)!.drop();
      }
    });
    assert(server.attempts.length < 20, `${server.attempts.length} attempts`);
  });

  it("that nobody can make end the load at once", async () => {
    const { report, server } = await loadFake({ duration: 60_000, clients: 7 }, { refuses: () => true });
    assertEquals(report.ended, "unreachable");
    assertEquals(report.faults.refused, 7);
    assertEquals(report.connections.failed, 7);
    assertEquals(server.clock.now() < 1000, true);
  });

  it("that nobody can make any more end a load that has only a count", async () => {
    const fake = { refuses: (now: number) => now > 0 };
    const { report } = await loadFake({ count: 1000, clients: 1, timeout: 2000 }, fake, async (server) => {
      await server.clock.advance(500);
      server.clients[0].drop();
    });
    assertEquals(report.ended, "unreachable");
  });
});

describe("the end", () => {
  it("waits for answers that are under way, and sends nothing more", async () => {
    const { report, server } = await loadFake({ ...SECOND, clients: 3 }, { answer: () => 700 });
    assertEquals(server.sends, [0, 0, 0, 700, 700, 700]);
    assertEquals(report.requests, { sent: 6, answered: 6, failed: 0, unanswered: 0, unsent: 0 });
    assertEquals(report.duration, 1400);
    assertEquals(server.connected, 0);
    assertEquals(server.clients.some(({ isAborted }) => isAborted), false);
  });

  it("waits for them no longer than the time-out", async () => {
    const { report } = await loadFake({ ...SECOND, clients: 2, timeout: 1500 }, { answer: () => null });
    assertEquals(report.faults.timeout, 2);
    assertEquals(report.requests.unanswered, 0);
  });

  it("does not wait for ever for a connection that does not close", async () => {
    const { server } = await loadFake({ ...SECOND, clients: 2 }, { closeTime: 1_000_000 });
    assert(server.clock.now() < 5000, `${server.clock.now()} ms`);
    assert(server.clients.every(({ isAborted }) => isAborted));
  });

  it("comes early with a context that ends: the report is of what was done", async () => {
    const [context, cancel] = withCancel(background());
    const { report, server } = await loadFake({ ...SECOND, clients: 3, context }, {}, async ({ clock }) => {
      await clock.advance(505);
      cancel();
      await clock.settle();
    });
    assertEquals(report.ended, "cancelled");
    assertEquals(report.requests, { sent: 153, answered: 150, failed: 0, unanswered: 3, unsent: 0 });
    assertEquals(report.duration, 505);
    assertEquals(server.connected, 0);
  });

  it("does not wait for answers once the context has ended", async () => {
    const [context, cancel] = withCancel(background());
    const { report, server } = await loadFake(
      { ...SECOND, clients: 2, context },
      { answer: () => null },
      async (fake) => {
        await fake.clock.advance(1500);
        cancel();
        await fake.clock.settle();
      },
    );
    assertEquals([report.ended, report.requests.unanswered, report.faults.timeout], ["duration", 2, 0]);
    assert(server.clock.now() < 1700, `${server.clock.now()} ms`);
  });

  it("comes at once with a context that has ended before", async () => {
    const [context, cancel] = withCancel(background());
    cancel();
    const { report } = await loadFake({ ...SECOND, context });
    assertEquals(report.ended, "cancelled");
    assertEquals(report.requests.sent, 0);
  });

  it("leaves no timer behind", async () => {
    for (const options of [{ ...SECOND }, { count: 5 }, { ...SECOND, rate: 50 }]) {
      const { server } = await loadFake(options);
      assertEquals(server.clock.pending, 0);
    }
  });
});

/** Histograms keep a thousandth of a value, those of slots a hundredth. */
function near(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) <= expected * 0.011, `${actual} is not about ${expected}`);
}

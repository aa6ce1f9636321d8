/**
 * Made reports of load runs, as a run might have given them: for tests of what shows them.
 *
 * @module
 */
import type { LoadReport } from "../../src/tools/load/load_api.ts";

type Slot = LoadReport["timeline"][number];

/** Options as they are shown when few were given. */
export const OPTIONS: LoadReport["options"] = {
  clients: 50,
  duration: 10_000,
  count: null,
  rate: null,
  think: null,
  pipeline: 1,
  size: null,
  ramp: null,
  method: "GET",
  headers: [],
  body: null,
  check: "same",
  timeout: 10_000,
  tlsInsecure: false,
  proxyProtocol: null,
};

/** A run without failures. */
export const NO_FAULTS: LoadReport["faults"] = { refused: 0, reset: 0, truncated: 0, timeout: 0, wrong: 0 };

/** Numbers in [0, 1) that only look random, the same ones each time. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

/** Fifty clients on an HTTP server for ten seconds; nothing fails. */
export function steadyReport(slots = 40, duration = 10_000): LoadReport {
  const random = dice(1);
  const timeline = Array.from({ length: slots }, (_, i): Slot => {
    const warm = Math.min(1, 0.55 + i / 12);
    const pause = i % 23 === 17 ? 3.5 : 1;
    return {
      at: i * duration / slots,
      clients: 50,
      rate: 21_400 * warm * (0.95 + random() * 0.1) / (pause > 1 ? 1.3 : 1),
      p50: 2.1 / warm * (0.95 + random() * 0.1),
      p99: 6.2 / warm * (0.8 + random() * 0.5) * pause,
      faults: 0,
    };
  });
  return {
    target: "http://127.0.0.1:8080/",
    kind: "http",
    runtime: "Node 20.20.2",
    options: { ...OPTIONS, duration },
    seed: 80_421,
    duration: duration + 3.4,
    ended: "duration",
    requests: { sent: 205_433, answered: 205_383, failed: 0, unanswered: 50, unsent: 0 },
    connections: { opened: 50, closedByServer: 0, failed: 0 },
    rate: 20_531.4,
    bytes: { sent: 12_941_279, received: 30_807_450 },
    latency: { min: 0.31, mean: 2.4, p50: 2.11, p75: 2.55, p90: 3.36, p99: 6.4, p999: 11.2, max: 41.2 },
    percentiles: percentiles(205_383, [0.31, 2.11, 6.4, 41.2]),
    faults: NO_FAULTS,
    samples: [],
    timeline,
    corrected: false,
  };
}

/** A ramp of clients, with a knee at 120 of them, and a look at the server's process. */
export function rampReport(): LoadReport {
  const random = dice(2);
  const loads = [10, 64, 119, 173, 228, 282, 337, 391, 446, 500];
  const steps = loads.map((load) => {
    const over = Math.max(0, load - 120);
    return {
      load,
      rate: Math.min(load, 120) * 170 * (1 - over / 6000) * (0.98 + random() * 0.04),
      p50: 0.9 + load / 400 + over / 21,
      p99: 2.2 + load / 90 + over / 8 + random(),
      faults: 0,
    };
  });
  const timeline = Array.from({ length: 120 }, (_, i): Slot => {
    const step = steps[Math.floor(i / 12)];
    const noise = () => 0.94 + random() * 0.12;
    return {
      at: i * 250,
      clients: step.load,
      rate: step.rate * noise(),
      p50: step.p50 * noise(),
      p99: step.p99 * noise(),
      faults: 0,
    };
  });
  const samples = timeline.filter((_, i) => i % 4 === 0).map(({ at, clients }) => ({
    at,
    cpu: Math.min(0.99, 0.12 + clients / 150),
    rss: 62e6 + at * 900 + clients * 40_000,
    descriptors: 21 + clients,
  }));
  return {
    ...steadyReport(),
    options: {
      ...OPTIONS,
      clients: 10,
      duration: 30_000,
      ramp: { from: 10, to: 500, over: 30_000, steps: 10, unit: "clients" },
    },
    duration: 30_002,
    requests: { sent: 560_112, answered: 559_612, failed: 0, unanswered: 500, unsent: 0 },
    rate: 18_651.2,
    latency: { min: 0.4, mean: 9.8, p50: 8.2, p75: 11.3, p90: 17.1, p99: 48.3, p999: 56.6, max: 88.4 },
    percentiles: percentiles(559_612, [0.4, 8.2, 48.3, 88.4]),
    timeline,
    ramp: {
      unit: "clients",
      steps,
      knee: {
        load: 119,
        words: "Up to 119 clients the rate grows with the load and half of the answers come within 1.2 ms; beyond, " +
          "more clients only wait longer.",
      },
    },
    server: { pid: 48_213, samples },
  };
}

/** WebSockets at a fixed rate, with faults of every class, answers that hold markup, and gaps while the server was gone. */
export function faultyReport(): LoadReport {
  const base = steadyReport(60, 15_000);
  const gone = (i: number) => i >= 30 && i < 36;
  const timeline = base.timeline.map((slot, i) => ({
    ...slot,
    rate: gone(i) ? 0 : 1998 + i % 5,
    p50: gone(i) ? 0 : 0.4 + (i % 7) / 30,
    p99: gone(i) ? 0 : i > 36 && i < 42 ? 900 / (i - 35) : 2.2 + (i % 5) / 3,
    faults: i === 30 ? 564 : gone(i) ? 500 : i === 50 ? 1 : 0,
  }));
  return {
    ...base,
    target: "ws://127.0.0.1:8080/ws",
    kind: "ws",
    runtime: "Deno 2.9.6",
    options: {
      ...OPTIONS,
      clients: 20,
      duration: 15_000,
      rate: 2000,
      size: { min: 16, max: 4096 },
      check: "echo",
      headers: [["Cookie", "who=O'Hara & <sons>"]],
    },
    requests: { sent: 29_001, answered: 25_936, failed: 3065, unanswered: 0, unsent: 0 },
    connections: { opened: 40, closedByServer: 0, failed: 2500 },
    rate: 1728.9,
    latency: { min: 0.2, mean: 3.1, p50: 0.5, p75: 1.5, p90: 6, p99: 210, p999: 388, max: 902 },
    percentiles: percentiles(25_936, [0.2, 0.5, 210, 902]),
    faults: { refused: 2500, reset: 61, truncated: 2, timeout: 500, wrong: 2 },
    samples: [
      { fault: "reset", at: 7502, detail: "ECONNRESET: the connection was reset with 4 requests under way" },
      { fault: "truncated", at: 7503, detail: "A frame of 2,048 bytes ended after 1,200" },
      { fault: "refused", at: 7540, detail: "ECONNREFUSED: nobody listens on 127.0.0.1:8080" },
      {
        fault: "wrong",
        at: 12_502,
        detail: `Asked for "42 abc", got "<script>alert(1)</script>\n\u202e<b onclick='x'>&amp;"`,
      },
      { fault: "wrong", at: 12_503, detail: `Asked for "43 abc", got "${"x".repeat(3000)}"` },
    ],
    timeline,
    corrected: true,
  };
}

/** Nobody was there. */
export function emptyReport(): LoadReport {
  return {
    ...steadyReport(),
    duration: 0,
    requests: { sent: 0, answered: 0, failed: 0, unanswered: 0, unsent: 0 },
    connections: { opened: 0, closedByServer: 0, failed: 0 },
    rate: 0,
    bytes: { sent: 0, received: 0 },
    latency: { min: 0, mean: 0, p50: 0, p75: 0, p90: 0, p99: 0, p999: 0, max: 0 },
    percentiles: [],
    timeline: [],
  };
}

/** Half an hour in as many moments as a report may have. */
export function hugeReport(): LoadReport {
  const report = steadyReport(600, 1_800_000);
  return {
    ...report,
    requests: { sent: 36_871_004, answered: 36_870_954, failed: 0, unanswered: 50, unsent: 0 },
    percentiles: percentiles(36_870_954, [0.12, 2.11, 6.4, 2410]),
    latency: { ...report.latency, max: 2410 },
    server: {
      pid: 7,
      samples: report.timeline.map(({ at }, i) => ({
        at,
        cpu: 0.9 + (i % 10) / 100,
        rss: 80e6 + i * 1e4,
        descriptors: 71,
      })),
    },
  };
}

/** The steps of a histogram, as fine as one gives them, through least, p50, p99 and most. */
function percentiles(
  answers: number,
  [least, p50, p99, most]: readonly [number, number, number, number],
): LoadReport["percentiles"] {
  const nines = Math.log10(answers);
  const known = [[0, least], [0.301, p50], [2, p99], [nines, most]] as const;
  const rows = [];
  for (let at = 0; at < nines; at += 0.08) {
    const i = known.findIndex(([place]) => place > at);
    const [[x0, y0], [x1, y1]] = [known[i - 1], known[i]];
    const ms = y0 * (y1 / y0) ** ((at - x0) / (x1 - x0));
    const percentile = 100 * (1 - 10 ** -at);
    rows.push({ percentile, ms, count: Math.round(answers * percentile / 100) });
  }
  return [...rows, { percentile: 100, ms: most, count: answers }];
}

/** What `sluice load` prints for people. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { bytes, count, figure, plural, time } from "../../../src/tools/cli/load/numbers.ts";
import { progressLine } from "../../../src/tools/cli/load/progress_bar.ts";
import { formatLoad } from "../../../src/tools/cli/load/table.ts";
import type { LoadReport } from "../../../src/tools/load/load_api.ts";
import { NO_FAULTS, OPTIONS } from "../../support/load_reports.ts";

describe("numbers", () => {
  it("have the digits that say something, and the unit that suits them", () => {
    assertEquals([0, 84, 1234567].map(count), ["0", "84", "1,234,567"]);
    assertEquals([0, 0.1234, 12.34, 99.96, 1234.5].map(figure), ["0", "0.123", "12.3", "100", "1,235"]);
    assertEquals([0, 0.084, 1.239, 999, 3500].map(time), ["0 ms", "84 µs", "1.24 ms", "999 ms", "3.5 s"]);
    assertEquals([512, 1024, 1536, 5 * 2 ** 30].map(bytes), ["512 B", "1 KiB", "1.5 KiB", "5 GiB"]);
    assertEquals([plural(1, "fault"), plural(2000, "fault")], ["1 fault", "2,000 faults"]);
  });
});

describe("the progress bar", () => {
  const progress = {
    elapsed: 4200,
    share: 0.42,
    clients: 50,
    answered: 9,
    faults: 3,
    rate: 12345.6,
    p50: 0.4,
    p99: 3.2,
  };

  it("tells rate, latency and faults in one line", () => {
    assertEquals(
      progressLine(progress, 100),
      "[########------------]  42 %  50 clients  12,346/s  3 faults  p50 0.4 ms, p99 3.2 ms",
    );
  });

  it("is never longer than the terminal is wide", () => {
    assertEquals(progressLine(progress, 30), "[########------------]  42 %  ".slice(0, 29));
    assertEquals(progressLine(progress, 0), "");
  });
});

describe("the table", () => {
  it("shows a load with nothing wrong", () => {
    assertEquals(formatLoad(REPORT).split("\n"), [
      "  target       tcp://127.0.0.1:9000 (tcp, from bun)",
      "  took         10 s",
      "  requests     1,000 sent, 1,000 answered right, 0 failed",
      "  rate         100 right answers/s",
      "  bytes        31.3 KiB sent, 40 KiB received",
      "  connections  10 made, 0 ended by the server, 0 attempts failed",
      "  latency      0.1 ms least, 0.5 ms mean, 9 ms most, from when a request was sent",
      "               p50 0.4 ms, p75 0.6 ms, p90 1 ms, p99 3 ms, p99.9 8 ms",
      "  faults       none",
      "  seed         7",
    ]);
  });

  it("shows what went wrong: counts by class, and one example of each kind", () => {
    const detail = (n: number) => `Sent "1.${n} a" to be echoed, got "x${n}"`;
    const lines = formatLoad({
      ...REPORT,
      ended: "cancelled",
      corrected: true,
      requests: { sent: 9, answered: 4, failed: 3, unanswered: 2, unsent: 5 },
      faults: { refused: 0, reset: 1, truncated: 0, timeout: 0, wrong: 2 },
      samples: [
        { fault: "wrong", detail: detail(1), at: 12 },
        { fault: "wrong", detail: detail(2), at: 13 },
        { fault: "reset", detail: "The connection ended", at: 2000 },
      ],
    }).split("\n");
    assertEquals(lines[1], "  took         10 s, interrupted");
    assertEquals(
      lines[2],
      "  requests     9 sent, 4 answered right, 3 failed, 2 under way at the end, " +
        "5 due and not sent in time",
    );
    assertEquals(lines[6].endsWith("from when a request was due"), true);
    assertEquals(lines.slice(8, 11), [
      "  faults       1 reset, 2 wrong",
      `               wrong after 12 ms: ${detail(1)}`,
      "               reset after 2 s: The connection ended",
    ]);
  });

  it("shows a ramp with its knee, and what the server used", () => {
    const step = { rate: 99, p50: 1, p99: 2, faults: 0 };
    const lines = formatLoad({
      ...REPORT,
      ramp: { unit: "clients", steps: [{ load: 10, ...step }, { load: 1000, ...step }], knee: null },
      server: { pid: 4711, samples: [{ at: 1, cpu: 0.5, rss: 2 ** 20, descriptors: 12 }] },
    }).split("\n");
    assertEquals(lines.slice(9, 14), [
      "  ramp         clients  answers/s   p50   p99  faults",
      "                    10         99  1 ms  2 ms       0",
      "                 1,000         99  1 ms  2 ms       0",
      "  knee         No knee: latency stays in line with the load",
      "  server       process 4711: 50 % of a core, at most 1 MiB and 12 descriptors",
    ]);
  });
});

const REPORT: LoadReport = {
  target: "tcp://127.0.0.1:9000",
  kind: "tcp",
  runtime: "bun",
  options: { ...OPTIONS, clients: 10, check: "echo" },
  seed: 7,
  ended: "duration",
  duration: 10_000,
  requests: { sent: 1000, answered: 1000, failed: 0, unanswered: 0, unsent: 0 },
  connections: { opened: 10, closedByServer: 0, failed: 0 },
  rate: 100,
  bytes: { sent: 32_000, received: 41_000 },
  latency: { min: 0.1, mean: 0.5, p50: 0.4, p75: 0.6, p90: 1, p99: 3, p999: 8, max: 9 },
  percentiles: [],
  faults: NO_FAULTS,
  samples: [],
  timeline: [],
  corrected: false,
};

/** The table of metrics, and what is made of it. */
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { METRICS } from "../../src/cli/metrics.ts";
import { UsageError } from "../../src/cli/usage_errors.ts";
import { DEFINITIONS } from "../../src/metrics/definitions.ts";
import { alertRules, ALERTS, dashboard } from "../../src/metrics/deploy/mod.ts";
import { familyName, promName, underscored } from "../../src/metrics/spelling.ts";
import { ALERTS_FILE, DASHBOARD_FILE } from "../docs/metrics_files.ts";
import { root } from "../support/processes.ts";

/** Names of metrics in an expression: what stands before a brace, or is no word of PromQL. */
function metricsIn(expr: string): string[] {
  const without = expr.replaceAll(/"[^"]*"/g, '""').replaceAll(/\b(by|on) \([^)]*\)/g, "");
  return [...without.matchAll(/\b((?:sluice|http|process)_\w+)/g)].map(([name]) => name)
    .filter((name) => !LABELS.has(name));
}

const LABELS = new Set(DEFINITIONS.flatMap(({ labels }) => labels.map(underscored)));

/** All names that Prometheus has series of. */
const SERIES = new Set(
  DEFINITIONS.flatMap((definition) =>
    definition.kind === "histogram"
      ? ["_bucket", "_sum", "_count"].map((ending) => promName(definition) + ending)
      : [promName(definition)]
  ),
);

describe("the table of metrics", () => {
  it("has names that differ, as OpenTelemetry and as Prometheus spell them", () => {
    assertEquals(new Set(DEFINITIONS.map(({ name }) => name)).size, DEFINITIONS.length);
    assertEquals(new Set(DEFINITIONS.map(familyName)).size, DEFINITIONS.length);
  });

  it("has OpenTelemetry's names, units and buckets for requests", () => {
    const [duration] = DEFINITIONS;
    assertEquals([duration.name, duration.unit, promName(duration)], [
      "http.server.request.duration",
      "s",
      "http_server_request_duration_seconds",
    ]);
    assertEquals(duration.buckets, [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]);
  });

  it("says of each what it is, in a sentence, with a unit and labels that formats know", () => {
    for (const { name, help, unit, labels, kind, buckets } of DEFINITIONS) {
      assertMatch(help, /^[A-Z1].*\.$/, name);
      assertMatch(unit, /^(s|By|1|\{[a-z]+\})$/, name);
      for (const label of labels) assertMatch(label, /^[a-z][a-z_.]*$/, name);
      assertEquals(buckets !== undefined, kind === "histogram", name);
    }
  });
});

describe("the dashboard", () => {
  it("shows every metric, and none that there is not", () => {
    const { panels } = JSON.parse(dashboard());
    const all = panels.flatMap(({ panels = [], ...own }) => [own, ...panels]);
    const exprs: string[] = all.flatMap(({ targets = [] }) => targets.map(({ expr }: { expr: string }) => expr));
    const shown = new Set(exprs.flatMap(metricsIn).map((name) => name.replace(/_bucket$/, "")));
    assertEquals([...shown].sort(), DEFINITIONS.map(promName).sort());
    assertEquals(new Set(all.map(({ id }: { id: number }) => id)).size, all.length);
  });

  it("is the file in the repository", () => {
    assertEquals(readFileSync(root + DASHBOARD_FILE, "utf8"), dashboard(), "run npm run docs");
  });
});

describe("the alerts", () => {
  it("ask for metrics that there are", () => {
    for (const { name, expr } of ALERTS) {
      const asked = metricsIn(expr);
      assert(asked.length > 0, name);
      assertEquals(asked.filter((metric) => !SERIES.has(metric)), [], name);
    }
  });

  it("have names that differ, and say what to do", () => {
    assertEquals(new Set(ALERTS.map(({ name }) => name)).size, ALERTS.length);
    for (const { name, summary, advice } of ALERTS) {
      assertMatch(name, /^Sluice[A-Z]\w+$/);
      assertMatch(summary, /\.$/, name);
      assertMatch(advice, /[.?]$/, name);
    }
  });

  it("are the file in the repository", () => {
    assertEquals(readFileSync(root + ALERTS_FILE, "utf8"), alertRules(), "run npm run docs");
  });
});

describe("sluice metrics", () => {
  async function printed(which: string): Promise<string> {
    const lines: string[] = [];
    const input = { words: [which], operands: [which], command: [], options: {} };
    const code = await METRICS.run(input, (line) => {
      lines.push(line);
      return Promise.resolve();
    });
    assertEquals(code, 0);
    return `${lines.join("\n")}\n`;
  }

  it("prints the rules and the dashboard, and nothing else", async () => {
    assertEquals([await printed("alerts"), await printed("dashboard")], [alertRules(), dashboard()]);
    await assertRejects(() => printed("alarms"), UsageError, 'There is no "alarms" to print');
  });
});

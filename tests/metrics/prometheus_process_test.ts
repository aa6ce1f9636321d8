/**
 * A real Prometheus scrapes a program under load, with the rules as they are but for their times: minutes are seconds.
 * Each alert fires when its cause is made, and resolves after.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { serveHttp } from "../../src/http/mod.ts";
import { alertRules, ALERTS } from "../../src/metrics/deploy/mod.ts";
import { runLoad } from "../../src/tools/load/mod.ts";
import { AlertCauses } from "../support/alert_causes.ts";
import { freePort } from "../support/http_proxies.ts";
import { skipWithout, toolPath } from "../support/http_tools.ts";
import { type Program, startCommand } from "../support/processes.ts";

/** Longest that all alerts may take to fire, or to resolve, in ms: windows are 15 s at the most. */
const LIMIT = 60_000;
const STEP = 250;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Minutes are seconds. */
function hurried(rules: string): string {
  return rules.replaceAll(/\[(\d+)m\]/g, "[$1s]").replaceAll(/for: (\d+)m/g, "for: $1s");
}

/** A Prometheus that scrapes one target twice a second. */
class Prometheus implements AsyncDisposable {
  readonly #program: Program;
  readonly #dir: string;
  readonly #url: string;

  private constructor(program: Program, dir: string, url: string) {
    this.#program = program;
    this.#dir = dir;
    this.#url = url;
  }

  static async start(target: string, rules: string): Promise<Prometheus> {
    const dir = mkdtempSync(join(tmpdir(), "sluice-prometheus-"));
    const port = await freePort();
    writeFileSync(join(dir, "rules.yml"), rules);
    writeFileSync(
      join(dir, "prometheus.yml"),
      `global: { scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms }
rule_files: [rules.yml]
scrape_configs:
  - job_name: sluice
    static_configs: [{ targets: ["${target}"] }]
`,
    );
    const program = startCommand([
      toolPath("prometheus")!,
      `--config.file=${dir}/prometheus.yml`,
      `--storage.tsdb.path=${dir}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ]);
    return new Prometheus(program, dir, `http://127.0.0.1:${port}`);
  }

  /** Asks until it answers. */
  async ask<T>(path: string): Promise<T> {
    const end = performance.now() + LIMIT;
    for (;;) {
      try {
        const answer = await fetch(`${this.#url}${path}`);
        const { data } = await answer.json() as { data: T };
        if (data !== undefined) return data;
      } catch {
        // It is starting.
      }
      if (performance.now() > end) throw new Error(`Prometheus does not answer\n${this.#program.stderr}`);
      await pause(STEP);
    }
  }

  /** Names of the alerts that fire. */
  async firing(): Promise<string[]> {
    type Alerts = { alerts: { state: string; labels: { alertname: string } }[] };
    const { alerts } = await this.ask<Alerts>("/api/v1/alerts");
    return [...new Set(alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname))];
  }

  /** A value of the only series that fits. */
  async value(query: string): Promise<number> {
    type Result = { result: { value: [number, string] }[] };
    const { result } = await this.ask<Result>(`/api/v1/query?query=${encodeURIComponent(query)}`);
    return result.length === 0 ? NaN : Number(result[0].value[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program.kill();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

describe("Prometheus", { skip: skipWithout("prometheus") }, () => {
  it("scrapes a program under load; each alert fires when its cause is made, and resolves after", async () => {
    await using causes = await AlertCauses.start();
    await using scraped = await serveHttp({ port: 0, hostname: "127.0.0.1" }, causes.metrics.handler());
    const { host } = new URL(scraped.url);
    await using prometheus = await Prometheus.start(host, hurried(alertRules()));
    const all = ALERTS.map(({ name }) => name).sort();
    assertEquals(Object.keys(causes.byAlert).sort(), all);
    await untilTrue("the first scrapes", async () => await prometheus.value("up") === 1);
    await pause(1000);
    assertEquals(await prometheus.firing(), []);
    const load = runLoad(causes.api.url, { clients: 2, think: { min: 20, max: 40 }, duration: 5000 });

    const list = Object.values(causes.byAlert);
    for (const cause of list) await cause.begin?.();
    const fired = new Set<string>();
    await untilTrue(() => `fired: ${all.filter((name) => !fired.has(name))} did not`, async () => {
      for (const cause of list) await cause.pulse?.();
      for (const name of await prometheus.firing()) fired.add(name);
      return fired.size === all.length;
    });

    for (const cause of list) await cause.end?.();
    let left: string[] = [];
    await untilTrue(() => `resolved: ${left} did not`, async () => {
      left = await prometheus.firing();
      return left.length === 0;
    });
    const { requests } = await load;
    const counted = await prometheus.value("sum(http_server_request_duration_seconds_count)");
    if (!(counted >= requests.answered)) throw new Error(`${requests.answered} answered, ${counted} counted`);
  });
});

async function untilTrue(what: string | (() => string), look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT;
  while (!await look()) {
    if (performance.now() > end) throw new Error(`not within ${LIMIT} ms: ${typeof what === "string" ? what : what()}`);
    await pause(STEP);
  }
}

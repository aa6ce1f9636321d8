/** `sluice run --metrics`: what workers count, added up, through reloads, deaths and the stop. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../support/apps.ts";
import { freePort } from "../support/http_proxies.ts";
import { type Program, root, startProgram } from "../support/processes.ts";

const CLI = `${root}src/cli/main.ts`;
const SERVER = `${root}tests/programs/metered_server.ts`;
const LIMIT = 60_000;

/** A supervisor whose workers count. */
class Metered implements AsyncDisposable {
  readonly program: Program;
  readonly #control: string;
  readonly #at: number;
  #url = "";

  private constructor(program: Program, control: string, at: number) {
    this.program = program;
    this.#control = control;
    this.#at = at;
  }

  static async start(control: string, more: readonly string[] = []): Promise<Metered> {
    const at = await freePort();
    const args = ["run", SERVER, "--workers", "2", "--control", control, "--metrics", `127.0.0.1:${at}`, ...more];
    const made = new Metered(startProgram(CLI, { args }), control, at);
    const line = await made.program.line(/http http/, LIMIT);
    made.#url = /http (http:\S+)/.exec(line)![1];
    await until(() => "two workers that are ready", async () => {
      const text = await made.text().catch(() => "");
      return valueOf(text, 'sluice_supervisor_workers{state="ready",sluice_supervisor="metered_server"}') === 2;
    });
    return made;
  }

  /** Metrics, as text. */
  async text(): Promise<string> {
    return await (await fetch(`http://127.0.0.1:${this.#at}/metrics`, { headers: { connection: "close" } })).text();
  }

  /** The same, once so many orders are counted: of a worker that is behind the supervisor has what it said last. */
  async textWith(orders: number): Promise<string> {
    let text = "";
    await until(() => `${orders} orders among\n${text}`, async () => {
      text = await this.text();
      return valueOf(text, ORDERS) === orders;
    });
    return text;
  }

  /** Asks for something on a connection of its own; which process has answered. */
  async get(path: string): Promise<string> {
    return await (await fetch(`${this.#url}${path}`, { headers: { connection: "close" } })).text();
  }

  /** Orders until both workers have had one; gives how many. */
  async orderOfBoth(): Promise<number> {
    const pids = new Set<string>();
    let orders = 0;
    await until(() => `both workers have answered, ${[...pids]}`, async () => {
      pids.add(await this.get("order"));
      orders++;
      return pids.size === 2;
    });
    return orders;
  }

  async reload(): Promise<void> {
    const { code } = await startProgram(CLI, { args: ["reload", "--control", this.#control] }).exited(LIMIT);
    assertEquals(code, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.program.signal("SIGTERM");
      await this.program.exited(LIMIT);
    } catch {
      // It has ended, or does not.
      await this.program.kill();
    }
  }
}

function valueOf(text: string, series: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? NaN : Number(line.slice(series.length + 1));
}

const ORDERS = 'test_orders_total{kind="book"}';

describe("sluice run --metrics", () => {
  let folder = "";
  let count = 0;
  before(() => void (folder = mkdtempSync(join(tmpdir(), "sluice-metered-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));
  const control = (): string => join(folder, `${++count}.sock`);

  it("serves the sum of its workers, whose counters don't fall when they are replaced, or die", async () => {
    await using metered = await Metered.start(control());
    let orders = await metered.orderOfBoth();
    const first = await metered.textWith(orders);
    const uptimes = Array.from(first.matchAll(/^process_uptime_seconds\{(.*)\} /gm), ([, labels]) => labels).sort();
    assertEquals(uptimes, ['sluice_worker="1"', 'sluice_worker="2"', 'sluice_worker="supervisor"']);
    assertEquals(first.match(/^test_highest /gm)?.length, 1);
    assertEquals(valueOf(first, 'sluice_supervisor_wanted_workers{sluice_supervisor="metered_server"}'), 2);

    await metered.reload();
    assertEquals(valueOf(await metered.text(), ORDERS), orders);
    const text = await metered.text();
    assertEquals(
      valueOf(text, 'sluice_supervisor_reloads_total{outcome="clean",sluice_supervisor="metered_server"}'),
      1,
    );
    assertEquals(valueOf(text, 'sluice_drains_total{outcome="clean",sluice_server="http"}'), 2);
    orders += await metered.orderOfBoth();
    await metered.textWith(orders);

    await metered.get("kill").catch(() => {});
    await until(() => "a worker in place of the one that died", async () => {
      const restarts = valueOf(
        await metered.text(),
        'sluice_supervisor_restarts_total{sluice_supervisor="metered_server"}',
      );
      return restarts === 1;
    });
    assertEquals(valueOf(await metered.text(), ORDERS), orders);
  });

  it("waits at the stop for one more scrape, which sees what the drains have cost", async () => {
    await using metered = await Metered.start(control(), ["--last-scrape", "30s"]);
    const orders = await metered.orderOfBoth();
    metered.program.signal("SIGTERM");
    let text = "";
    const gone = 'sluice_drains_total{outcome="clean",sluice_server="http"}';
    await until(() => `both drains: ${valueOf(text, gone)}`, async () => {
      text = await metered.text();
      return valueOf(text, gone) === 2;
    });
    assertEquals(valueOf(text, ORDERS), orders);
    const began = performance.now();
    let over = false;
    const ended = metered.program.exited(LIMIT).finally(() => over = true);
    // That scrape may have come before the last worker was gone: who scrapes goes on doing so.
    while (!over) {
      await metered.text().catch(() => "");
      await pause(100);
    }
    assertEquals((await ended).code, 0);
    assert(performance.now() - began < 20_000, "it has waited for its time to be over");
  });

  it("counts a module that it serves itself, and how its sluice.json fares", async () => {
    const at = await freePort();
    const config = join(folder, "sluice.json");
    const settings = { program: `${root}tests/programs/default_handler.ts`, port: 0, metrics: `127.0.0.1:${at}` };
    writeFileSync(config, JSON.stringify(settings));
    const args = ["run", "--config", config, "--workers", "1", "--control", control()];
    await using program = startProgram(CLI, { args });
    let url = "";
    await until(() => `the place where it listens: ${program.stderr}`, () => {
      url = /Listening on (http:\/\/\S+:\d+\/)/.exec(program.stderr)?.[1] ?? "";
      return Promise.resolve(url !== "");
    });
    await (await fetch(url, { headers: { connection: "close" } })).text();
    let text = "";
    await until(() => `a request that is counted, and a sample of the process: ${text}`, async () => {
      text = await (await fetch(`http://127.0.0.1:${at}/`, { headers: { connection: "close" } })).text();
      return /^http_server_request_duration_seconds_count\{.*\} 1$/m.test(text) &&
        text.includes("process_memory_usage_bytes");
    });
    writeFileSync(config, "{");
    await until(() => `a file that is not in use: ${text}`, async () => {
      text = await (await fetch(`http://127.0.0.1:${at}/`, { headers: { connection: "close" } })).text();
      return text.includes('sluice_config_stale{sluice_config="sluice.json"} 1\n');
    });
    program.signal("SIGTERM");
    await program.exited(LIMIT);
  });

  it("refuses a place that is none", async () => {
    const { code, stderr } = await startProgram(CLI, { args: ["run", SERVER, "--metrics", "nowhere"] }).exited(LIMIT);
    assertEquals(code, 2);
    assertMatch(stderr, /--metrics must be a port, or an address and a port/);
  });
});

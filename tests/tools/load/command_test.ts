/** The command `sluice load`, against servers that answer right and against servers made to do wrong. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { OptionError, serve, silentLogger } from "../../../mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { upgradeWebSocket } from "../../../src/websocket/mod.ts";
import { StartError, UsageError } from "../../../src/cli/usage_errors.ts";
import { optionMessage } from "../../../src/cli/hints.ts";
import { COMMAND } from "../../../src/tools/cli/load/command.ts";
import { header, pause, ramp, size } from "../../../src/tools/cli/load/values.ts";
import { readArgs } from "../../../src/cli/read_args.ts";
import type { FaultClass, LoadReport } from "../../../src/tools/load/load_api.ts";
import {
  deadUrl,
  dropped,
  echo,
  halfOf,
  httpAnswers,
  httpServer,
  lineServer,
  type LoadedServer,
  rawHttpServer,
  silent,
  wrongEach,
  wsServer,
} from "../../fixtures/load_servers.ts";
import { startCommand } from "../../support/processes.ts";

const NO_FAULTS: Readonly<Record<FaultClass, number>> = { refused: 0, reset: 0, truncated: 0, timeout: 0, wrong: 0 };
const WHOLE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const OTHER = "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno";
const PART = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello";

describe("the values of sluice load", () => {
  it("have units", () => {
    assertEquals(size("--size", "16,1KiB"), { min: 16, max: 1024 });
    assertEquals(size("--size", "2MiB"), { min: 2_097_152, max: 2_097_152 });
    assertEquals(pause("--think", "10ms,2s"), { min: 10, max: 2000 });
    assertEquals(ramp("--ramp", "10..500/30s"), { from: 10, to: 500, over: 30_000, unit: "clients" });
    assertEquals(ramp("--ramp", "0.5..9000rps/1m"), { from: 0.5, to: 9000, over: 60_000, unit: "rate" });
    assertEquals(header("--header", "Authorization: Basic a:b"), ["Authorization", "Basic a:b"]);
  });
});

describe("sluice load, at a server that answers right", () => {
  for (const [kind, open, args] of RIGHT()) {
    it(`finds no fault: ${kind} ${args.join(" ")}`, async () => {
      await using server = await open();
      const { report, code } = await load(server.url, ["--clients", "4", "--count", "400", ...args]);
      assertEquals(code, 0);
      assertEquals(report.faults, NO_FAULTS);
      assertEquals(report.requests, { sent: 400, answered: 400, failed: 0, unanswered: 0, unsent: 0 });
      assertEquals([report.kind, report.connections], [kind, { opened: 4, closedByServer: 0, failed: 0 }]);
      assert(report.bytes.received > 400 && report.latency.p50 > 0 && report.percentiles.length > 10);
    });
  }

  for (const version of ["v1", "v2"]) {
    it(`speaks to servers behind proxies: --proxy-protocol ${version}`, async () => {
      const options = { port: 0, hostname: "127.0.0.1", logger: silentLogger, proxyProtocol: { from: ["loopback"] } };
      const seen = new Set<number | undefined>();
      await using tcp = await serve(options, (conn, ctx) => {
        seen.add(conn.proxy?.version);
        return echo(conn, ctx);
      });
      await using http = await serveHttp(
        options,
        (req) =>
          req.headers.has("upgrade")
            ? upgradeWebSocket(req, async (ws) => {
              for await (const message of ws) await ws.send(message);
            })
            : new Response("hello"),
      );
      for (const url of [tcp.url, http.url, http.url.replace("http", "ws")]) {
        const { report, code } = await load(url, ["--clients", "3", "--count", "60", "--proxy-protocol", version]);
        assertEquals([code, report.faults, report.requests.answered], [0, NO_FAULTS, 60], url);
        assertEquals(report.options.proxyProtocol, version);
      }
      assertEquals([...seen], [version === "v1" ? 1 : 2]);
    });
  }

  it("ends with the duration", async () => {
    await using server = await lineServer(echo);
    const { report, code } = await load(server.url, ["--duration", "400ms", "--rate", "200"]);
    assertEquals([code, report.ended, report.corrected], [0, "duration", true]);
    assertEquals(report.requests.sent + report.requests.unsent, 80);
  });

  it("goes through the steps of a ramp", async () => {
    await using server = await lineServer(echo);
    const { report, code } = await load(server.url, ["--ramp", "1..4/400ms", "--steps", "2", "--think", "5ms"]);
    assertEquals([code, report.ramp?.steps.map(({ load }) => load)], [0, [1, 4]]);
    assertEquals(server.accepted, 4);
  });

  it("reports what a process uses, and writes the page", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-load-"));
    try {
      await using server = await lineServer(echo);
      const page = join(folder, "page.html");
      const args = ["--duration", "1200ms", "--think", "5ms", "--pid", String(process.pid), "--html", page];
      const { report, code } = await load(server.url, args);
      assertEquals(code, 0);
      assertEquals(report.server?.pid, process.pid);
      const { cpu, rss, descriptors } = report.server!.samples[0];
      assert(cpu >= 0 && cpu < 9 && rss > 1_000_000 && descriptors > 3, JSON.stringify(report.server));
      assertMatch(readFileSync(page, "utf8"), /^<!doctype html>/i);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("ends when the process that it watches does", async () => {
    await using server = await lineServer(echo);
    await using watched = startCommand(["sleep", "0.7"]);
    const args = ["--duration", "60s", "--think", "5ms", "--watch-pid", String(watched.pid)];
    const { report, code } = await load(server.url, args);
    assertEquals([code, report.ended, report.faults], [0, "cancelled", NO_FAULTS]);
  });
});

describe("sluice load, at a server that does wrong", () => {
  for (const [fault, what, open, args = []] of WRONG()) {
    it(`counts each fault as ${fault}: ${what}`, async () => {
      await using server = await open();
      const { report, code } = await load(server.url, ["--clients", "2", "--count", "4", ...args]);
      assertEquals(report.faults, { ...NO_FAULTS, [fault]: 4 }, JSON.stringify(report.samples));
      assertEquals([code, report.requests.failed, report.requests.answered], [1, 4, 0]);
    });
  }

  it("counts the wrong ones alone", async () => {
    await using server = await lineServer(wrongEach(10));
    const { report, code } = await load(server.url, ["--clients", "3", "--count", "200"]);
    assertEquals(report.faults, { ...NO_FAULTS, wrong: 20 });
    assertEquals([code, report.requests.answered], [1, 180]);
  });

  it("says at once that nobody listens", async () => {
    const { report, code } = await load(await deadUrl(), ["--clients", "3"]);
    assertEquals([code, report.ended, report.faults], [1, "unreachable", { ...NO_FAULTS, refused: 3 }]);
    assert(report.requests.sent === 0 && report.duration < 5000);
  });
});

describe("sluice load, used wrongly", () => {
  for (const [message, args] of MISUSE()) {
    it(`says: ${message.source}`, async () => {
      const error = await assertRejects(() => run(args), Error);
      assert(error instanceof UsageError || error instanceof OptionError, String(error));
      assertMatch(error instanceof OptionError ? optionMessage(error, COMMAND.rows) : error.message, message);
    });
  }

  it("says that a process is not there", async () => {
    const error = await assertRejects(() => run(["tcp://127.0.0.1:9", "--pid", "999999999"]), StartError);
    assertEquals(error.message, "--pid 999999999: there is no such process");
  });
});

type Open = () => Promise<LoadedServer>;

function RIGHT(): readonly (readonly [kind: string, open: Open, args: readonly string[]])[] {
  return [
    ["tcp", () => lineServer(echo), []],
    ["tcp", () => lineServer(echo), ["--pipeline", "8", "--size", "1,4KiB"]],
    ["http", httpServer, []],
    ["http", httpServer, ["--pipeline", "4", "--size", "10,20KiB"]],
    ["http", httpServer, ["--body", "hello", "--header", "X-A: b", "--method", "POST"]],
    ["ws", () => wsServer(), []],
    ["ws", () => wsServer(), ["--pipeline", "8", "--size", "0,70KiB"]],
  ];
}

function WRONG(): readonly (readonly [fault: FaultClass, what: string, open: Open, args?: readonly string[]])[] {
  const slow = ["--timeout", "300ms"];
  return [
    ["wrong", "another line", () => lineServer(wrongEach(1))],
    ["truncated", "half a line", () => lineServer(halfOf)],
    ["reset", "a connection dropped without an answer", () => lineServer(dropped)],
    ["timeout", "no line", () => lineServer(silent), slow],
    ["wrong", "a status of 500", () => rawHttpServer(httpAnswers(OTHER, "on")), ["--check", "whole"]],
    ["wrong", "no HTTP", () => rawHttpServer(httpAnswers("220 ready\r\n\r\n", "on"))],
    ["truncated", "a body that ends early by FIN", () => rawHttpServer(httpAnswers(PART, "fin"))],
    ["reset", "a connection dropped in place of an answer", () => rawHttpServer(dropped)],
    ["wrong", "a body that is not the one sent", () => rawHttpServer(httpAnswers(WHOLE, "on")), [
      "--body",
      "x",
      "--check",
      "echo",
    ]],
    ["timeout", "no response", () => rawHttpServer(silent), slow],
    ["wrong", "another message", () => wsServer(() => "something else")],
    ["reset", "a WebSocket dropped without a Close", () => wsServer(() => null)],
  ];
}

function MISUSE(): readonly (readonly [message: RegExp, args: readonly string[]])[] {
  const url = "tcp://127.0.0.1:9";
  return [
    [/the first argument is missing/, []],
    [/must be tcp:\/\/host:port/, ["somewhere"]],
    [/--clients must be a whole number from 1/, [url, "--clients", "0"]],
    [/--ramp must be like 10\.\.500\/30s/, [url, "--ramp", "10-500"]],
    [/--size must be a size or two, like 100, 64KiB/, [url, "--size", "1KB"]],
    [/--think must be a duration or two/, [url, "--think", "1,2,3"]],
    [/--rate is fixed and a ramp is not/, [url, "--rate", "5", "--ramp", "1..2/1s"]],
    [/--header must be like "Name: value"/, [url, "--header", "nothing"]],
    [/--pid and --watch-pid exclude each other/, [url, "--pid", "1", "--watch-pid", "1"]],
    [/--steps needs --ramp/, [url, "--steps", "3"]],
  ];
}

interface Run {
  readonly code: number;
  readonly report: LoadReport;
}

async function load(url: string, args: readonly string[]): Promise<Run> {
  const { code, printed } = await run([url, "--json", ...args]);
  return { code, report: JSON.parse(printed) };
}

/** The command as the program runs it, without a process of its own. */
async function run(args: readonly string[]): Promise<{ code: number; printed: string }> {
  const printed: string[] = [];
  const code = await COMMAND.run(readArgs(args, COMMAND), (line) => {
    printed.push(line);
    return Promise.resolve();
  });
  return { code, printed: printed.join("\n") };
}

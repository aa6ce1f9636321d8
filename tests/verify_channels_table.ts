/**
 * Prints the table of what channels lose: Sluice's with each of its logs and on each runtime, and Socket.IO with
 * connection state recovery and its adapter of Redis streams, under the same load and the same faults.
 *
 * `npm run verify-channels -- --duration 5m --only redis,socket`
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { duration as readDuration } from "../src/cli/kit.ts";
import { runChannels } from "../src/tools/cli/verify/channels/channel_run.ts";
import { describeFault } from "../src/tools/cli/verify/channels/fault_plan.ts";
import { readSettings } from "../src/tools/cli/verify/verify_options.ts";
import type { ChannelFault, ChannelReport } from "../src/tools/verify/mod.ts";
import { freePort } from "./support/http_proxies.ts";
import { commandLine, root, type RuntimeName, runtimeNames } from "./support/processes.ts";
import { SOCKET_IO } from "./support/socket_io_speech.ts";

const SERVER = "tests/programs/channels/server.ts";
const SOCKET_IO_SERVER = "tests/programs/peers/socket_io_channels.ts";
const REDIS = `${root}tests/programs/channels/redis.sh`;
const NAMES: Readonly<Record<RuntimeName, string>> = { node: "Node", deno: "Deno", bun: "Bun" };

interface Row {
  readonly name: string;
  readonly runtime: RuntimeName;
  readonly program: string;
  readonly log: "memory" | "file" | "redis";
  readonly instances: number;
  readonly faults: readonly ChannelFault[];
  readonly isSocketIo?: boolean;
}

function rows(): Row[] {
  const ours = (log: Row["log"], what: string, instances: number, faults: Row["faults"]) =>
    runtimeNames.map((runtime): Row => {
      return { name: `Sluice on ${NAMES[runtime]}, ${what}`, runtime, program: SERVER, log, instances, faults };
    });
  const cluster: readonly ChannelFault[] = ["term", "kill", "stop", "roll", "network", "engine"];
  return [
    ...ours("memory", "memory", 1, ["network", "stop"]),
    ...ours("file", "files", 1, ["term", "kill", "stop", "network"]),
    ...ours("redis", "Redis, 3 instances", 3, cluster),
    {
      name: "Socket.IO on Node, recovery, Redis streams, 3 instances",
      ...{ runtime: "node", program: SOCKET_IO_SERVER, log: "redis", instances: 3, faults: cluster, isSocketIo: true },
    },
  ];
}

interface Options {
  readonly duration: number;
  readonly rate: number;
  readonly clients: number;
  readonly seed: number;
}

async function play(row: Row, { duration, rate, clients, seed }: Options): Promise<ChannelReport> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-channels-"));
  const port = await freePort();
  const script = (what: string) => ["sh", REDIS, what, folder, String(port)];
  const redis = (what: string) => row.log === "redis" && execFileSync("sh", script(what).slice(1));
  const where = row.log === "redis" ? `redis://127.0.0.1:${port}` : folder;
  const args = row.isSocketIo ? [where] : [row.log, where];
  redis("start");
  try {
    const engine = row.log === "redis" ? { engineCommand: script("restart").join(" ") } : {};
    const options = {
      kind: "channel",
      instances: row.instances,
      faults: [[...row.faults]],
      duration,
      rate,
      clients,
      seed,
      ...row.isSocketIo ? {} : { also: [["direct", "messages", "calls", "tcp"]] },
    };
    const settings = readSettings({
      command: commandLine(root + row.program, { runtime: row.runtime, args }),
      options: { ...options, ...engine, grace: 10_000 },
      words: [],
      operands: [],
    });
    const events = {
      started: () => {},
      fault: (...[fault, at]: Parameters<Parameters<typeof runChannels>[1]["fault"]>) => {
        if (process.env.VERBOSE !== undefined) console.error(`${(at / 1000).toFixed(1)} s: ${describeFault(fault)}`);
      },
    };
    return await runChannels(settings, events, () => false, row.isSocketIo ? SOCKET_IO : undefined);
  } finally {
    redis("stop");
    rmSync(folder, { recursive: true, force: true });
  }
}

const HEAD = [
  ...["server", "minutes", "faults", "acknowledged", "delivered", "lost", "duplicated", "reordered"],
  ...["undeclared gaps", "declared gaps", "presence wrong", "direct", "wrong", "calls", "wrong", "other", "seed"],
];

function cells({ name }: Row, report: ChannelReport, { seed }: Options): string[] {
  const { losses, gaps, parts, acknowledged, delivered, took, presenceChecks } = report;
  const { lost, duplicated, reordered, undeclaredGap, memberMissing, memberTwice, memberZombie, ...rest } = losses;
  const { letterLost, letterAgain, letterEarly, letterAttempt, letterAstray, ...unspoken } = rest;
  const { callLost, callSwapped, callTwice, ...others } = unspoken;
  const { letters, calls, clients } = report;
  const sum = (counts: readonly number[]) => counts.reduce((all, count) => all + count, 0);
  const count = (found: number) => found === 0 ? "0" : `**${found.toLocaleString("en")}**`;
  const declared = Object.entries(gaps).map(([reason, times]) => `${times.toLocaleString("en")} ${reason}`).join(", ");
  const has = (who: number, cells: readonly [string, string]) => who > 0 ? cells : ["none", "none"];
  const presence = presenceChecks > 0 && report.clients.members > 0;
  return [
    name,
    (took / 60_000).toFixed(1),
    String(sum(parts.map(({ times }) => times))),
    acknowledged.toLocaleString("en"),
    delivered.toLocaleString("en"),
    ...[lost, duplicated, reordered, undeclaredGap].map(count),
    declared === "" ? "0" : declared,
    presence ? count(memberMissing + memberTwice + memberZombie) : "none",
    ...has(clients.receivers, [
      letters.dealt.toLocaleString("en"),
      count(letterLost + letterAgain + letterEarly + letterAttempt + letterAstray),
    ]),
    ...has(clients.callers, [calls.answered.toLocaleString("en"), count(callLost + callSwapped + callTwice)]),
    count(sum(Object.values(others))),
    String(seed),
  ];
}

function line(parts: readonly string[]): string {
  return `| ${parts.join(" | ")} |`;
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ options: { only: text, duration: text, rate: text, clients: text, seed: text } });
  const words = values.only?.toLowerCase().split(",") ?? [""];
  const options: Options = {
    duration: readDuration("--duration", values.duration ?? "60s"),
    rate: Number(values.rate ?? 200),
    clients: Number(values.clients ?? 18),
    seed: Number(values.seed ?? Math.floor(Math.random() * 2 ** 32)),
  };
  console.log(line(HEAD));
  console.log(line(HEAD.map((_, i) => i === 0 ? "---" : "---:")));
  for (const row of rows()) {
    if (!words.some((word) => row.name.toLowerCase().includes(word))) continue;
    try {
      const report = await play(row, options);
      console.log(line(cells(row, report, options)));
      for (const detail of report.details) console.error(`  ${detail}`);
    } catch (error) {
      console.error(`${row.name}: ${(error as Error).message}`);
    }
  }
  // What clients of others leave behind keeps no process alive.
  process.exit(0);
}

await main();

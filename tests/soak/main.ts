/**
 * The soak: thousands of clients for minutes, with messages of random sizes, resets, slow readers and reconnects.
 * Every message is accounted for, and the server's memory must stay flat. Linux only: it reads /proc.
 *
 *   npm run soak -- [--runtime node|deno|bun] [--minutes 10] [--clients 2000]
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import type { Present } from "../programs/websocket_routes.ts";
import { pause } from "../support/http_loads.ts";
import { type RuntimeName, runtimeNames } from "../support/processes.ts";
import { type WsDrained, wsDrained } from "../support/ws_drained.ts";
import { Ledger, SoakClient } from "./client.ts";
import { megabytes, showTrend, trendOf } from "./memory.ts";

/** Every so many clients, one compresses: its side costs this process a lot. */
const DEFLATES = 20;
/** Connections begun per second. */
const ARRIVALS = 400;
/** Looks at the server's memory, all in all. */
const LOOKS = 40;
/** What is on its way when the clients stop has so long to arrive, in ms. */
const SETTLE = 20_000;
/** The kernel counts processor time in so many ticks a second. */
const TICKS = 100;

const GC_FLAGS: Readonly<Record<RuntimeName, readonly string[]>> = {
  node: ["--expose-gc"],
  deno: ["--v8-flags=--expose-gc"],
  bun: [],
};

interface Options {
  readonly runtime: RuntimeName;
  readonly minutes: number;
  readonly clients: number;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      runtime: { type: "string", default: "node" },
      minutes: { type: "string", default: "10" },
      clients: { type: "string", default: "2000" },
    },
  });
  const runtime = runtimeNames.find((name) => name === values.runtime);
  const [minutes, clients] = [Number(values.minutes), Number(values.clients)];
  if (runtime === undefined || !(minutes > 0) || !(clients > 0)) {
    throw new Error("usage: npm run soak -- [--runtime node|deno|bun] [--minutes 10] [--clients 2000]");
  }
  return { runtime, minutes, clients };
}

async function arrive(server: WsDrained, ledger: Ledger, number: number): Promise<SoakClient[]> {
  const clients: SoakClient[] = [];
  while (clients.length < number) {
    for (let i = 0; i < ARRIVALS / 10 && clients.length < number; i++) {
      clients.push(new SoakClient(server.port, ledger, clients.length % DEFLATES === 0));
    }
    await pause(100);
  }
  return clients;
}

/** Looks at the server from time to time; gives what was seen. */
async function watch(server: WsDrained, ledger: Ledger, minutes: number): Promise<Present[]> {
  const samples: Present[] = [];
  const began = performance.now();
  for (let i = 1; i <= LOOKS; i++) {
    await pause(began + minutes * 60_000 * i / LOOKS - performance.now());
    const sample = await server.present(true);
    samples.push(sample);
    if (i % (LOOKS / 10) !== 0) continue;
    const { sent, echoed, lost, opened, problems } = ledger;
    const time = `${((performance.now() - began) / 60_000).toFixed(1)} min`;
    console.log(
      `${time}: ${sample.open} open of ${opened}, ${sent} sent, ${echoed} echoed, ${lost} lost with their connection, ` +
        `rss ${megabytes(sample.rss)}, heap ${megabytes(sample.heap)}, ${problems.length} problems`,
    );
  }
  return samples;
}

/** Milliseconds of processor time of a process. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS;
}

/** Stops the clients and waits for what is on its way. */
async function settle(ledger: Ledger): Promise<void> {
  SoakClient.stopping = true;
  const until = performance.now() + SETTLE;
  while (ledger.awaited > 0 && performance.now() < until) await pause(20);
  if (ledger.awaited > 0) ledger.problem(`${ledger.awaited} messages unanswered ${SETTLE} ms after the last one`);
}

/** Everybody leaves; the server must be as empty as it was. */
async function emptied(server: WsDrained, ledger: Ledger, clients: SoakClient[], before: Present): Promise<void> {
  for (const client of clients) client.leave();
  const until = performance.now() + SETTLE;
  while (clients.some((client) => client.isConnected) && performance.now() < until) await pause(20);
  await pause(500);
  const { open, sockets, messages } = await server.present(true);
  if (open > 0) ledger.problem(`${open} WebSockets open that no client has`);
  if (sockets > before.sockets) ledger.problem(`${sockets} sockets, ${before.sockets} before`);
  if (messages < ledger.echoed || messages > ledger.sent) {
    ledger.problem(`${messages} messages taken, ${ledger.sent} sent and ${ledger.echoed} echoed`);
  }
}

async function soak({ runtime, minutes, clients: number }: Options): Promise<boolean> {
  const heartbeat = { interval: 10_000, timeout: 5000, misses: 2 };
  const server = await wsDrained(
    { websocket: { compression: true, heartbeat }, run: { grace: 10_000 } },
    { runtime, runtimeFlags: GC_FLAGS[runtime], maxFiles: number + 1000 },
  );
  const ledger = new Ledger();
  const before = await server.present(true);
  const began = performance.now();
  const clients = await arrive(server, ledger, number);
  const samples = await watch(server, ledger, minutes);
  const share = (cpu: number) => `${Math.round(100 * cpu / (performance.now() - began))} %`;
  const { user, system } = process.cpuUsage();
  console.log(`processor: server ${share(cpuOf(server.program.pid))}, clients ${share((user + system) / 1000)}`);
  await settle(ledger);
  await emptied(server, ledger, clients, before);
  const { report } = await server.stop();
  if (!report.clean) ledger.problem("the drain was not clean");
  return tell(runtime, ledger, samples);
}

function tell(runtime: RuntimeName, ledger: Ledger, samples: readonly Present[]): boolean {
  const { sent, sentBytes, echoed, lost, opened, ends, slow, problems } = ledger;
  const trends = { rss: trendOf(samples, ({ rss }) => rss), heap: trendOf(samples, ({ heap }) => heap) };
  console.log(`connections: ${opened}; ${slow} slow readers; ended by ${JSON.stringify(ends)}`);
  console.log(`messages: ${sent} sent (${megabytes(sentBytes)}), ${echoed} echoed, ${lost} lost with their connection`);
  for (const [name, trend] of Object.entries(trends)) console.log(showTrend(name, trend));
  for (const problem of problems.slice(0, 20)) console.log(`PROBLEM ${problem}`);
  const accounted = ledger.balances && problems.length === 0;
  const flat = trends.rss.flat && trends.heap.flat;
  console.log(
    `${runtime}: ${accounted ? "every message accounted for" : `${problems.length} PROBLEMS`}, memory ${
      flat ? "flat" : "NOT flat"
    }`,
  );
  return accounted && flat;
}

const good = await soak(readOptions());
process.exit(good ? 0 : 1);

/**
 * One round: a server of one kind on one runtime, a storm of faults while healthy clients go on asking, a look at what
 * is left of it, and a stop at a random moment whose report is compared with what the clients saw.
 *
 * @module
 */
import net from "node:net";
import { background, silentLogger, withCancel } from "../../mod.ts";
import { type FaultProxy, startFaultProxy } from "../../src/tools/faults/mod.ts";
import { BusyProcesses, stretchOf } from "../../src/tools/cli/verify/busy.ts";
import { pause } from "../support/http_loads.ts";
import type { RuntimeName } from "../support/processes.ts";
import type { NetClient } from "../support/swarm.ts";
import { awkward, type Kind, type Steady, steady, type Word } from "./clients.ts";
import { Findings } from "./findings.ts";
import { faultyLoad, healthyLoad, judgeFaulty, judgeHealthy } from "./load.ts";
import { type ChaosServer, chaosServer, type Present } from "./server.ts";
import { checkStop, type Stop } from "./stop.ts";
import { type Dice, faultOf, shuffled, storm } from "./weather.ts";

/** What a round is. */
export interface RoundOptions {
  readonly runtime: RuntimeName;
  readonly kind: Kind;
  /** How long the storm lasts, in ms. */
  readonly storm: number;
  /** Budget of the stop, in ms. */
  readonly grace: number;
  readonly seed: number;
  readonly roll: Dice;
  /** Processes beside the server that burn the machine's time. */
  readonly busy: number;
}

/** Descriptors that the server may have: more than its clients need, fewer than the flood takes. */
const MAX_FILES = 160;
const FLOOD = 200;
const FLOOD_MS = 300;
/** The flood begins when the healthy clients are connected, in ms: Node drops whom it has no descriptor for. */
const CONNECTED = 300;
const STEADY = 4;
/** How long what is left over may take to go, in ms. */
const SETTLE = 5000;
/** What the heap may have grown by after it all, in bytes: the memory of code and caches that were not there before. */
const HEAP_SLACK = 12_000_000;

/**
 * Deno 2.9.6 ends with this when the first error of a TypeScript file shows its stack while no descriptor is left: it
 * can't open what it keeps of the file, transpiles it again, and asks the system for the size of its stack. No program
 * can prevent that; such a round says nothing of the server.
 */
const DENO_AT_ITS_LIMIT = /panicked at \S*\/stacker-[\d.]+\/src\/lib\.rs/;

/** Plays one round. */
export async function playRound(options: RoundOptions): Promise<Findings> {
  const { runtime, kind, grace } = options;
  const findings = new Findings();
  const setup = { kind, run: { grace, patience: grace / 3 } };
  await using server = await chaosServer(runtime, setup, MAX_FILES);
  const upstream = { port: server.port };
  await using proxy = await startFaultProxy({ upstream, seed: options.seed, logger: silentLogger });
  await using _busy = await BusyProcesses.start(options.busy);
  try {
    await playAll(server, proxy, options, findings);
  } catch (error) {
    findings.check(false, `${(error as Error).message}; the server: ${describeExit(server)}`);
  }
  if (DENO_AT_ITS_LIMIT.test(server.program.stderr)) {
    const broken = new Findings();
    broken.count("panic of Deno without descriptors");
    return broken;
  }
  findings.check(!/panic|Segmentation|out of memory/i.test(server.program.stderr), endOf(server.program.stderr));
  for (const [fault, times] of Object.entries(proxy.stats().faults)) findings.count(fault, times);
  return findings;
}

async function playAll(
  server: ChaosServer,
  proxy: FaultProxy,
  options: RoundOptions,
  findings: Findings,
): Promise<void> {
  const before = await warmUp(server, options.kind);
  const nevers = await endure(server, proxy, options, findings);
  await checkLeft(server, before, nevers, findings);
  if (server.exit === null) await stop(server, proxy, options, findings);
}

/** What the server holds when everything has been done once. */
async function warmUp(server: ChaosServer, kind: Kind): Promise<Present> {
  const client = await steady(kind, server.port);
  await pause(100);
  client.net.close();
  const thrown = await awkward(kind, server.port, "throw");
  await pause(50);
  thrown.close();
  await pause(100);
  return await server.present();
}

/** The storm; gives the number of handlers that will never return. */
async function endure(
  server: ChaosServer,
  proxy: FaultProxy,
  options: RoundOptions,
  findings: Findings,
): Promise<number> {
  const { kind, roll, seed } = options;
  const clients = await Promise.all(Array.from({ length: STEADY }, () => steady(kind, server.port)));
  const load = { kind, seed, clients: STEADY, duration: options.storm };
  const healthy = healthyLoad({ ...load, port: server.port });
  const through = Promise.all([1, 2].map((n) => faultyLoad({ ...load, seed: seed * n }, proxy)));
  const [nevers] = await Promise.all([
    mischief(server, options),
    storm(proxy, options.storm, roll),
    flood(server.port, CONNECTED + roll(options.storm / 2)),
    freeze(server, roll(options.storm)),
  ]);
  judgeHealthy(await healthy, findings);
  judgeFaulty((await through).flat(), findings);
  for (const client of clients) client.stop();
  await pause(100);
  findings.check(server.exit === null, `the server died unasked: ${describeExit(server)}`);
  findings.checkNone("a steady client was dropped", clients.map(droppedOf));
  for (const client of clients) client.net.close();
  findings.checkNone("a steady client", clients.map((client) => client.wrong()));
  findings.count("steady answers", clients.reduce((sum, client) => sum + client.answered(), 0));
  return nevers;
}

function droppedOf({ net }: Steady): string | null {
  return net.isOpen ? null : net.describe();
}

/**
 * Handlers that throw, block, never return, give something wrong, and send to clients that leave in the middle, at
 * random moments; gives how many will never return.
 */
async function mischief({ port }: ChaosServer, { kind, roll, storm }: RoundOptions): Promise<number> {
  const words: Word[] = ["throw", "block", "big", "never", "wrong", "throw", "big", "block", "wrong", "big"];
  const clients: NetClient[] = [];
  for (const word of words) {
    await pause(roll(storm / words.length));
    const client = await awkward(kind, port, word).catch(() => clients[0]);
    clients.push(client);
    if (word === "big" && client !== undefined) setTimeout(() => leave(client, roll(3)), roll(60));
  }
  await pause(200);
  // Not a FIN: a client may half-close, and wait for its answer.
  for (const client of clients) client?.reset();
  return words.filter((word) => word === "never").length;
}

/** As a client leaves whose answer is under way: without a word, with its end, or with the end of its questions. */
function leave(client: NetClient, way: number): void {
  if (way === 0) client.reset();
  else if (way === 1) client.close();
  else client.finish();
}

/** Takes all the descriptors that the server has left, for a while. */
async function flood(port: number, after: number): Promise<void> {
  await pause(after);
  const sockets = Array.from({ length: FLOOD }, () => net.connect(port, "127.0.0.1").on("error", () => {}));
  await pause(FLOOD_MS);
  for (const socket of sockets) socket.destroy();
}

/** Stops the whole process for a moment, as a machine does that is short of processors. */
async function freeze({ program }: ChaosServer, after: number): Promise<void> {
  await pause(after);
  program.signal("SIGSTOP");
  await pause(150);
  program.signal("SIGCONT");
}

/** Nothing of the storm may be left. A handler that never returns keeps its connection's record, and no more. */
async function checkLeft(server: ChaosServer, before: Present, nevers: number, findings: Findings): Promise<void> {
  const wrongs = (now: Present): string[] => [
    ...(now.descriptors > before.descriptors ? [`${now.descriptors} descriptors, ${before.descriptors} before`] : []),
    ...(now.connections > before.connections + nevers ? [`${now.connections} connections, ${nevers} expected`] : []),
    ...(now.timers > before.timers ? [`${now.timers} timers, ${before.timers} before`] : []),
    ...(now.heap > before.heap + HEAP_SLACK ? [`${now.heap} bytes of heap, ${before.heap} before`] : []),
  ];
  const until = performance.now() + SETTLE;
  let left = ["the server is gone"];
  while (server.exit === null && left.length > 0) {
    left = wrongs(await server.present());
    if (left.length === 0 || performance.now() > until) break;
    await pause(100);
  }
  findings.checkNone("left over", left);
}

/** SIGTERM while healthy, stuck and faulty clients are at it. */
async function stop(server: ChaosServer, proxy: FaultProxy, options: RoundOptions, findings: Findings): Promise<void> {
  const { kind, roll, grace } = options;
  const healthy = await Promise.all(Array.from({ length: STEADY }, () => steady(kind, server.port)));
  const stuck = roll(2) === 0 ? [] : [await awkward(kind, server.port, "never")];
  proxy.set([faultOf(shuffled(roll)[0], roll)]);
  const [context, cancel] = withCancel(background());
  const through = faultyLoad({ kind, seed: options.seed, clients: STEADY, duration: 2 * grace, context }, proxy);
  await pause(100 + roll(300));
  const signal = roll(2) === 0 ? "SIGTERM" : "SIGINT";
  const againAfter = roll(4) === 0 ? 150 + roll(grace / 2) : null;
  const stretch = stretchOf(options.busy);
  const stopped: Stop = { server, healthy, stuck, grace, signal, againAfter, stretch, signalledAt: performance.now() };
  server.program.signal(signal);
  await Promise.all([checkStop(stopped, findings), signalAgain(stopped)]);
  cancel();
  judgeFaulty(await through, findings, true);
  for (const client of healthy) client.net.close();
  for (const client of stuck) client.close();
}

async function signalAgain({ server, signal, againAfter }: Stop): Promise<void> {
  if (againAfter === null) return;
  await pause(againAfter);
  if (server.exit === null) server.program.signal(signal);
}

/** A panic tells its cause in some thousand characters before its stack. */
function endOf(stderr: string): string {
  return stderr.slice(-4000);
}

function describeExit({ exit }: ChaosServer): string {
  return exit === null ? "it runs" : `code ${exit.code}, signal ${exit.signal}, ${endOf(exit.stderr)}`;
}

/** Scenarios of `sluice verify` against servers in memory and in virtual time. */
import { type MemoryAdapter, memoryAdapter, type MemoryFaults } from "../../adapters/memory/mod.ts";
import { Dialer, serve, type ServeOptions, type Server, silentLogger } from "../../mod.ts";
import { upgradeWebSocket } from "../../src/websocket/mod.ts";
import { reply, serveHttp } from "../../src/http/mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import {
  connectOver,
  type Ledger,
  type ScenarioName,
  SCENARIOS,
  type StopResult,
  type VerifyKind,
} from "../../src/tools/verify/mod.ts";
import { dice } from "./dice.ts";
import { echo } from "./websocket_world.ts";
import { echoLines } from "./world.ts";

/** Time that a server has from the signal to its exit, in ms. */
export const GRACE = 4000;
/** Clients of a scenario: each role has two; fewer that connect all the time, as that is costly. */
const CLIENTS = 6;
const STORMING = 2;
/** How far delays of a round trip are off at the most, as a share of them. */
const JITTER = 0.25;
/** How far the clock goes in one step, in ms. */
const STEP = 5;
/** Longest virtual time for anything, in ms: far behind the bounds that scenarios have themselves. */
const LIMIT = 60_000;
/** Lines of a long answer, the wait between two of them in ms, and that between two messages of a flow. */
const STREAM_LINES = 40;
const STREAM_WAIT = 20;

/** A server under test. */
export interface Subject {
  readonly port: number;
  /** The first signal; fulfils with the exit code when it has gone. */
  signal(): Promise<number>;
  /** The second signal; `signal()` fulfils soon after. */
  again(): void;
}

/** Where a server under test lives. */
export interface Home {
  readonly adapter: MemoryAdapter;
  readonly clock: VirtualClock;
  readonly kind: VerifyKind;
  readonly random: () => number;
  /** Longest time in ms that something takes from a client and back. */
  readonly roundTrip: number;
}

export type StartSubject = (home: Home) => Promise<Subject>;

/** How a scenario is run. */
export interface PlayOptions {
  readonly kind: VerifyKind;
  readonly seed?: number;
  readonly faults?: MemoryFaults;
  readonly clients?: number;
  readonly bigSize?: number;
  readonly expect?: "echo" | "any";
  /** Bytes per direction that the network takes. @default 16384 */
  readonly bufferSize?: number;
  /** Time in ms to the server and back, a quarter more or less. @default 0 */
  readonly roundTrip?: number;
}

/** Plays one scenario to its end; what its ledger says. Time is the world's own. */
export async function play(name: ScenarioName, start: StartSubject, options: PlayOptions): Promise<Ledger> {
  const {
    kind,
    seed = 1,
    faults,
    clients = name === "connect-storm" ? STORMING : CLIENTS,
    bigSize = 4000,
    expect = "echo",
    bufferSize = 16_384,
    roundTrip = 0,
  } = options;
  const clock = new VirtualClock({ turns: 2 });
  const adapter = memoryAdapter({ seed, clock, faults, bufferSize });
  const roll = dice(seed);
  const random = () => roll(1 << 20) / (1 << 20);
  const longest = roundTrip * (1 + JITTER);
  const subject = await start({ adapter, clock, kind, random, roundTrip: longest });
  const dialer = new Dialer({ adapter, clock, lingerTimeout: 60_000, keepAlive: 0 });
  const scenario = SCENARIOS.find((other) => other.name === name)!;
  const dial = () => dialer.connect({ port: subject.port });
  const run = scenario.start({
    kind,
    connect: roundTrip === 0 ? dial : () => connectOver({ clock, random, roundTrip, jitter: JITTER }, dial),
    clock,
    random,
    clients,
    grace: GRACE,
    host: "test",
    path: "/",
    uploadPath: null,
    streamPath: "/stream",
    expect,
    bigSize,
    think: 30,
    roundTrip: longest,
    stretch: 1,
  });
  await until(clock, run.ready);
  await clock.advance(random() * 100);
  const { signals, secondAfter, within } = scenario.expectation;
  run.signalled();
  let signalled = clock.now();
  const gone = subject.signal();
  if (signals === 2) {
    await clock.advance(secondAfter);
    run.signalled();
    signalled = clock.now();
    subject.again();
  }
  run.gone(await stopOf(clock, gone, signalled, within ?? GRACE));
  await until(clock, run.finished);
  await clock.advance(5000);
  if (adapter.openSockets > 0) throw new Error(`${adapter.openSockets} sockets are left open`);
  if (clock.pending > 0) throw new Error(`${clock.pending} timers are left`);
  return run.ledger;
}

/** How it went, as a runner sees it. */
async function stopOf(clock: VirtualClock, gone: Promise<number>, since: number, limit: number): Promise<StopResult> {
  let result: StopResult = { took: null, code: null, signal: null };
  gone.then((code) => result = { took: clock.now() - since, code, signal: null });
  await clock.settle();
  while (result.took === null && clock.now() - since <= limit) await clock.advance(STEP);
  return result;
}

/** Lets time pass until the promise settles. */
export async function until<T>(clock: VirtualClock, promise: Promise<T>): Promise<T> {
  let done = false;
  promise.then(() => done = true, () => done = true);
  const end = clock.now() + LIMIT;
  await clock.settle();
  while (!done && clock.now() < end) await clock.advance(STEP);
  if (!done) throw new Error(`Still pending after ${LIMIT} ms of virtual time`);
  return promise;
}

/** The scenarios of a kind. */
export function scenariosOf(kind: VerifyKind): ScenarioName[] {
  return SCENARIOS.filter(({ kinds }) => kinds.includes(kind)).map(({ name }) => name);
}

/** Classes with a loss, and how many: blamed ones alone, or all. */
export function lossesOf(ledger: Ledger, all = false): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { name, blamed } of ledger.losses()) if (blamed || all) found[name] = (found[name] ?? 0) + 1;
  return found;
}

/** Sluice's own servers, asked to drain. */
export const sluice: StartSubject = async ({ adapter, clock, kind, roundTrip }) => {
  const options: ServeOptions = {
    ...{ port: 0, hostname: "127.0.0.1", adapter, clock, logger: silentLogger },
    // The accept queue runs dry before the listener closes, and late requests of idle clients are waited for.
    ...{ grace: GRACE, lameDuck: 1200 + roundTrip, acceptQuiet: 300, idleGrace: 600, lingerTimeout: 1000 },
    ...{ patience: 1500 + roundTrip, quiet: 150 + roundTrip },
  };
  const server = kind === "tcp" ? await serve(options, echoLines) : await serveHttpKinds(kind, clock, options);
  const { address } = server;
  let code: number | null = null;
  return {
    port: address.transport === "tcp" ? address.port : 0,
    signal: async () => {
      const report = await server.shutdown();
      return code ?? (report.clean ? 0 : 1);
    },
    again: () => {
      code = 128 + 15;
      void server.close();
    },
  };
};

function serveHttpKinds(kind: VerifyKind, clock: VirtualClock, options: ServeOptions): Promise<Server> {
  const pause = (ms: number) => new Promise<void>((resolve) => clock.setTimer(resolve, ms));
  return serveHttp(options, async (request) => {
    const path = new URL(request.url).pathname;
    if (kind === "ws") {
      if (path !== "/stream") return upgradeWebSocket(request, echo);
      return upgradeWebSocket(request, async (ws) => {
        for (let i = 0; ws.state === "open"; i++) {
          await ws.send(`message ${i}`).catch(() => {});
          await pause(STREAM_WAIT);
        }
      });
    }
    if (path === "/stream") return new Response(streamOf(pause));
    return request.method === "POST" ? reply(new Uint8Array(await request.arrayBuffer())) : reply("hello world");
  });
}

/** Lines that come one by one. */
function streamOf(pause: (ms: number) => Promise<void>): ReadableStream<Uint8Array> {
  let line = 0;
  return new ReadableStream({
    async pull(controller) {
      if (line === STREAM_LINES) return controller.close();
      controller.enqueue(new TextEncoder().encode(`line ${line++}\n`));
      await pause(STREAM_WAIT);
    },
  });
}

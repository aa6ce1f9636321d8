/** What each alert is about, made to happen, and ended again. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { memoryAdapter } from "../../adapters/memory/mod.ts";
import { connect, serve, type Server, silentLogger, type TcpAddress } from "../../mod.ts";
import { Channels, memoryLog } from "../../src/channels/mod.ts";
import { type HttpServer, reply, serveHttp } from "../../src/http/mod.ts";
import { type MeasuredSupervisor, Metrics } from "../../src/metrics/mod.ts";
import { type Config, loadConfig } from "../../src/run/config/mod.ts";
import { Hub, upgradeWebSocket } from "../../src/websocket/mod.ts";
import { TEST_CERT, TEST_KEY } from "./tls.ts";
import { handshake } from "./ws_raw.ts";

/** One cause. Each member may be left out. */
interface Cause {
  /** Once, at the beginning. */
  begin?(): void | Promise<void>;
  /** Again and again, as long as it lasts. */
  pulse?(): void | Promise<void>;
  /** Once, when it is over. */
  end?(): void | Promise<void>;
}

const LOCAL = { hostname: "127.0.0.1", port: 0, logger: silentLogger } as const;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function portOf(server: Server): number {
  return (server.address as TcpAddress).port;
}

/** A program with servers of all kinds, and everything that can go wrong with it. */
export class AlertCauses implements AsyncDisposable {
  readonly metrics: Metrics;
  readonly api: HttpServer;
  readonly byAlert: Readonly<Record<string, Cause>>;
  readonly #dir: string = mkdtempSync(join(tmpdir(), "sluice-alerts-"));
  readonly #ends: (() => unknown)[] = [];
  /** What can't be used up in a test: descriptors, heap, workers. */
  readonly #use = { descriptors: 10, heapUsed: 10, lag: 1, overloaded: false };
  readonly #channelCounts = { gap: 0, failed: 0, dead: 0 };
  readonly #pool = { gaveUp: 0 };
  readonly #workers = { restarts: 0, ready: 2, reloaded: true };

  private constructor(api: HttpServer, config: Config<unknown>, metrics: Metrics) {
    this.api = api;
    this.metrics = metrics;
    this.byAlert = this.#causes(config);
  }

  /** Sets all up, with nothing wrong yet. */
  static async start(): Promise<AlertCauses> {
    const api = await serveHttp({ ...LOCAL, name: "api" }, async (request, ctx) => {
      const { pathname } = new URL(request.url);
      ctx.route = pathname;
      if (pathname === "/bad") throw new Error("boom");
      if (pathname === "/slow") await pause(1200);
      return reply("ok");
    });
    const dir = mkdtempSync(join(tmpdir(), "sluice-config-"));
    const file = join(dir, "app.json");
    writeFileSync(file, '{ "port": 1 }');
    const schema = v.object({ port: v.number() });
    const config = await loadConfig(file, { schema, watch: true, debounce: 10, poll: 100, logger: silentLogger });
    const metrics = new Metrics({ servers: [api], maxSeries: 300, logger: silentLogger });
    const made = new AlertCauses(api, config, metrics);
    made.#ends.push(() => rmSync(dir, { recursive: true, force: true }), () => config.close());
    made.#ends.push(() => api.close(), () => rmSync(made.#dir, { recursive: true, force: true }));
    made.#measure(config);
    await made.#prepare();
    return made;
  }

  #measure(config: Config<unknown>): void {
    const use = this.#use;
    const watch = {
      get overloaded() {
        return use.overloaded;
      },
      get last() {
        const levels = { descriptorLimit: 100, heapLimit: 100, rss: 1, handlers: 0, oldestHandler: 0, connections: 0 };
        return { at: 0, ...levels, ...use, longestStall: 0, latency: null, shed: 0, cut: 0 };
      },
    };
    const channels = new Channels({ log: memoryLog() });
    this.#ends.push(() => channels.close());
    const counts = this.#channelCounts;
    const counted = {
      get stats() {
        const { gaps, published, direct, ...rest } = channels.stats;
        return {
          ...rest,
          gaps: { ...gaps, slow: counts.gap },
          published: { ...published, failed: counts.failed },
          direct: { ...direct, dead: counts.dead },
        };
      },
    };
    this.metrics.add({
      watch,
      channels: { main: counted },
      config: { app: config },
      pools: { db: this.#measuredPool() },
      supervisor: this.#measuredSupervisor(),
    });
  }

  #measuredPool() {
    const pool = this.#pool;
    return {
      get stats() {
        const counts = { max: 1, idle: 0, inUse: 1, waiting: 0, acquired: 1, connects: 1, connectErrors: 0, leaks: 0 };
        return { ...counts, ...pool, closed: {}, waitTime: 0, useTime: 0, connectTime: 0 };
      },
    };
  }

  #measuredSupervisor(): MeasuredSupervisor {
    const workers = this.#workers;
    return {
      metrics: () => Promise.resolve([]),
      status: () => ({
        name: "app",
        pid: 1,
        state: "running",
        generation: 1,
        age: 1,
        addresses: [],
        wanted: 2,
        restarts: workers.restarts,
        reloads: { clean: 0, unclean: 0, calledOff: 0, time: 0 },
        workers: Array.from({ length: workers.ready }, (_, i) => ({
          slot: i + 1,
          pid: i,
          generation: 1,
          state: "ready" as const,
          hangs: false,
          age: 1,
          restarts: 0,
          connections: 0,
          accepted: 0,
          requests: 0,
          rss: 1,
        })),
        lastReload: {
          kind: "reload",
          cause: "",
          clean: true,
          done: workers.reloaded,
          reason: "",
          generation: 1,
          duration: 1,
        },
      }),
    };
  }

  /** Servers that are there from the beginning. */
  async #prepare(): Promise<void> {
    for (const { prepare } of Object.values(this.byAlert) as (Cause & { prepare?(): Promise<void> })[]) {
      await prepare?.();
    }
  }

  async #add<S extends Server>(server: Promise<S>): Promise<S> {
    const made = await server;
    this.metrics.add({ servers: [made] });
    this.#ends.push(() => made.close());
    return made;
  }

  #get(path: string): Promise<void> {
    return fetch(`${this.api.url}${path.slice(1)}`).then(async (answer) => void await answer.text());
  }

  #causes(config: Config<unknown>): Readonly<Record<string, Cause>> {
    const [use, counts, workers, pool] = [this.#use, this.#channelCounts, this.#workers, this.#pool];
    const labelled = this.metrics.counter("test.labels", { help: "With too many labels.", labels: ["n"] });
    let label = 0;
    return {
      SluiceErrors: { pulse: () => this.#get("/bad") },
      SluiceHandlersFail: {},
      SluiceSlow: { pulse: () => void Promise.all(Array.from({ length: 4 }, () => this.#get("/slow"))) },
      SluiceConnectionsRejected: this.#rejected(),
      SluiceRequestsQueued: this.#queued(),
      SluiceAcceptFails: this.#acceptFails(),
      SluiceTlsHandshakesFail: this.#handshakes(),
      SluiceDrainLost: this.#drain("stuck", { grace: 300 }, false),
      SluiceDrainStuck: this.#drain("patient", { grace: 60_000, patience: 200 }, true),
      SluiceAcceptQueueLost: this.#queueLost(),
      SluiceSlowConsumers: this.#slowConsumer(),
      SluiceLate: { begin: () => void (use.lag = 500), end: () => void (use.lag = 1) },
      SluiceDescriptorsShort: { begin: () => void (use.descriptors = 90), end: () => void (use.descriptors = 10) },
      SluiceHeapFull: { begin: () => void (use.heapUsed = 95), end: () => void (use.heapUsed = 10) },
      SluiceOverloaded: { begin: () => void (use.overloaded = true), end: () => void (use.overloaded = false) },
      SluiceChannelGaps: { pulse: () => void counts.gap++ },
      SluiceChannelLogFails: { pulse: () => void counts.failed++ },
      SluiceDeadLetters: { pulse: () => void counts.dead++ },
      SluicePoolExhausted: { pulse: () => void pool.gaveUp++ },
      SluiceConfigRefused: {
        begin: () => writeFileSync(config.status.file, '{ "port": '),
        end: () => writeFileSync(config.status.file, '{ "port": 2 }'),
      },
      SluiceReloadCalledOff: {
        begin: () => void (workers.reloaded = false),
        end: () => void (workers.reloaded = true),
      },
      SluiceWorkersDie: { pulse: () => void workers.restarts++ },
      SluiceWorkersMissing: { begin: () => void (workers.ready = 1), end: () => void (workers.ready = 2) },
      SluiceMetricsOverflow: {
        pulse() {
          for (let i = 0; i < 100; i++) labelled.add(1, { n: label++ });
        },
      },
    };
  }

  #rejected(): Cause & { prepare(): Promise<void> } {
    let server: Server;
    return {
      prepare: async () => void (server = await this.#add(serve({ ...LOCAL, name: "small", maxConnections: 1 }, hold))),
      begin: () => this.#open(portOf(server)),
      pulse: () => this.#open(portOf(server)),
    };
  }

  #queued(): Cause & { prepare(): Promise<void> } {
    let server: HttpServer;
    const waiting: (() => void)[] = [];
    return {
      prepare: async () => {
        const options = { ...LOCAL, name: "busy", maxConcurrentRequests: 1, queueTimeout: 100_000 };
        server = await this.#add(serveHttp(options, async () => {
          await new Promise<void>((resolve) => waiting.push(resolve));
          return reply("ok");
        }));
      },
      begin: () => void [1, 2].map(() => fetch(server.url).catch(() => {})),
      end: () => void setInterval(() => waiting.splice(0).forEach((answer) => answer()), 50).unref(),
    };
  }

  #acceptFails(): Cause & { prepare(): Promise<void> } {
    const adapter = memoryAdapter();
    let server: Server;
    return {
      prepare: async () => void (server = await this.#add(serve({ ...LOCAL, name: "memory", adapter }, hold))),
      pulse: () => {
        adapter.failAccept("EMFILE");
        void connect({ port: portOf(server), adapter }).then((conn) => setTimeout(() => conn.abort(), 1000), () => {});
      },
    };
  }

  #handshakes(): Cause & { prepare(): Promise<void> } {
    let server: Server;
    const tls = { cert: TEST_CERT, key: TEST_KEY };
    return {
      prepare: async () => void (server = await this.#add(serve({ ...LOCAL, name: "tls", tls }, hold))),
      pulse: () => this.#open(portOf(server), "this is no client hello\n".repeat(20)),
    };
  }

  #drain(name: string, options: object, isLong: boolean): Cause & { prepare(): Promise<void> } {
    let server: Server;
    return {
      prepare: async () => void (server = await this.#add(serve({ ...LOCAL, name }, () => new Promise(() => {})))),
      begin: async () => {
        await this.#open(portOf(server), "something to do");
        await pause(100);
        void server.shutdown(options);
      },
      end: () => void (isLong && server.close()),
    };
  }

  #queueLost(): Cause & { prepare(): Promise<void> } {
    let server: Server;
    // What waits in a kernel's queue at the wrong moment can't be made to order.
    const adapter = Object.assign(memoryAdapter(), { acceptQueue: () => 2 });
    return {
      prepare: async () => void (server = await this.#add(serve({ ...LOCAL, name: "queue", adapter }, hold))),
      begin: () => void server.shutdown(),
    };
  }

  #slowConsumer(): Cause & { prepare(): Promise<void> } {
    const hub = new Hub();
    let server: HttpServer;
    const large = "x".repeat(1_000_000);
    return {
      prepare: async () => {
        server = await this.#add(serveHttp({ ...LOCAL, name: "chat" }, (request) =>
          upgradeWebSocket(request, (ws) => {
            hub.subscribe(ws, "news");
            return ws.forEach(() => {});
          }, { maxBufferedAmount: 1000 })));
      },
      begin: () => this.#open(portOf(server), handshake(), true),
      pulse: () => void hub.publish("news", large),
    };
  }

  /** A raw connection; `deaf` reads nothing. */
  #open(port: number, text: string = "", deaf: boolean = false): Promise<void> {
    return new Promise((resolve) => {
      const socket = net.connect(port, "127.0.0.1", () => {
        if (text !== "") socket.write(text);
        resolve();
      });
      socket.on("error", () => resolve());
      if (deaf) socket.pause();
      else socket.resume();
      this.#ends.push(() => socket.destroy());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.metrics.close();
    await Promise.all(this.#ends.splice(0).map((end) => end()));
  }
}

/** Takes what comes until its peer leaves. */
async function hold(conn: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of conn);
}

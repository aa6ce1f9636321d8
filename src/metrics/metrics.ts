/**
 * Metrics: what servers and their neighbours do, for whoever asks.
 *
 * @module
 */
import { nextTurn, systemClock } from "../clock.ts";
import { OptionError } from "../errors.ts";
import { type FamilySnapshot, type MetricDefinition, MetricSum } from "../metric_snapshot.ts";
import { checkNames, type Names } from "../names.ts";
import { forProbes } from "../probes.ts";
import { duration } from "../validate.ts";
import { OWN, PROCESS } from "./definitions.ts";
import type { Tap } from "./family.ts";
import {
  counterOf,
  defined,
  gaugeOf,
  type GaugeOptions,
  histogramOf,
  type HistogramOptions,
  type InstrumentOptions,
  type MetricCounter,
  type MetricGauge,
  type MetricHistogram,
} from "./instruments.ts";
import {
  checkSources,
  type MetricsOptions,
  type MetricSources,
  metricsSettings,
  SOURCE_NAMES,
} from "./metrics_options.ts";
import { namedCollectors, supervisorCollector, watchCollector } from "./others.ts";
import { Registry } from "./registry.ts";
import { RequestMetrics } from "./requests.ts";
import { ServerMetrics } from "./servers.ts";
import type { MeasuredServer, MeasuredSupervisor } from "./sources.ts";
import { spellingsOf } from "./spelling.ts";
import { CONTENT_TYPES, endOf, formatFamily, formatFor, formatMetrics, type TextFormat } from "./text.ts";

/** What is asked of a server when the last scrape was answered. */
export interface LastServer {
  /** Goes on with its drain; false if none has begun. */
  endLameDuck?(): boolean;
  /** Tells of its drain. */
  observe?(observer: { drainPhase(phase: string): void }): unknown;
}

/** What a handler of metrics looks at in a request. */
export type MetricsRequest = Pick<Request, "method" | "url" | "headers">;

/** What it looks at in a context: the server that it is called by. */
export interface MetricsContext {
  /** It may end its lame duck when the last scrape was answered. */
  readonly server?: LastServer;
}

/** Answers whoever asks for metrics: a handler of `serveHttp()`, or part of one. */
export type MetricsHandler = (request: MetricsRequest, ctx?: MetricsContext) => Promise<Response>;

/** How metrics are served. */
export interface MetricsHandlerOptions {
  /** The only path at which they are; all others are `otherwise`'s. @default every path */
  readonly path?: string;
  /** Answers at other paths: a `healthHandler()`. @default 404 */
  readonly otherwise?: (request: never, ctx: never) => Response | Promise<Response>;
}

const HANDLER_NAMES: Names<MetricsHandlerOptions> = { path: true, otherwise: true };

/** So many series are written in one turn of the event loop: who asks for metrics must not be what slows them. */
const TURN_SERIES = 500;

/**
 * Counts what servers, hubs, channels and others do, and tells it in Prometheus' and OpenMetrics' formats. Names and
 * units are OpenTelemetry's. Its memory is bounded, however many routes, methods and labels there are.
 *
 * @example
 * ```ts
 * const server = await serveHttp({ port: 0 }, (_request, ctx) => {
 *   ctx.route = "/hello";
 *   return new Response("hello");
 * });
 * const metrics = new Metrics({ servers: [server] });
 * const scraped = await serveHttp({ port: 0, hostname: "127.0.0.1" }, metrics.handler());
 * const text = await (await fetch(`${scraped.url}metrics`)).text();
 * ```
 */
export class Metrics implements Disposable {
  readonly #registry: Registry;
  readonly #names: Set<string> = new Set();
  readonly #servers: MeasuredServer[] = [];
  readonly #supervisors: MeasuredSupervisor[] = [];
  readonly #ends: (() => void)[] = [];
  /** Servers that have answered the last scrape before their own stop began. */
  readonly #told: WeakSet<LastServer> = new WeakSet();

  /**
   * Begins to count.
   *
   * @throws {OptionError} An option can't be used; nothing is counted.
   */
  constructor(options: MetricsOptions = {}) {
    const { maxSeries, logger } = metricsSettings(options);
    this.#registry = new Registry(maxSeries, (error) => logger.error("Metrics can't be looked up", { error }));
    this.#ends.push(this.#registry.collect((emit) => {
      emit(OWN.overflowed, this.#registry.overflowed);
      emit(PROCESS.uptime, performance.now() / 1000);
    }));
    const { maxSeries: _, logger: __, ...sources } = options;
    this.#add(sources);
  }

  /** Measures more. @throws {OptionError} Something of it can't be measured. */
  add(sources: MetricSources): void {
    checkNames("add()", sources, SOURCE_NAMES);
    checkSources(sources);
    this.#add(sources);
  }

  /**
   * A counter of your own.
   *
   * @param name As OpenTelemetry spells names: `shop.orders` is `shop_orders_total` to Prometheus.
   * @throws {OptionError} The name is taken, or it or an option can't be used.
   * @example
   * ```ts
   * const orders = new Metrics().counter("shop.orders", { help: "Orders that were taken.", labels: ["kind"] });
   * orders.add(1, { kind: "book" });
   * ```
   */
  counter(name: string, options: InstrumentOptions): MetricCounter {
    const definition = defined("counter", name, options, (spelled) => this.#names.has(spelled));
    this.#take(definition);
    const family = this.#registry.values(definition);
    if (definition.labels.length === 0) family.of([]);
    return counterOf(family);
  }

  /** A gauge of your own. @throws {OptionError} The name is taken, or it or an option can't be used. */
  gauge(name: string, options: GaugeOptions): MetricGauge {
    const definition = defined("gauge", name, options, (spelled) => this.#names.has(spelled));
    const { value } = options;
    if (value !== undefined && (typeof value !== "function" || definition.labels.length > 0)) {
      throw new OptionError("value", `value must be a function, of a gauge without labels, got ${typeof value}`);
    }
    this.#take(definition);
    if (value !== undefined) this.#ends.push(this.#registry.collect((emit) => emit(definition, value())));
    return gaugeOf(this.#registry.values(definition));
  }

  /** A histogram of your own. @throws {OptionError} The name is taken, or it or an option can't be used. */
  histogram(name: string, options: HistogramOptions): MetricHistogram {
    const definition = defined("histogram", name, options, (spelled) => this.#names.has(spelled));
    this.#take(definition);
    return histogramOf(this.#registry.histogram(definition));
  }

  /** All values now, those of a supervisor's workers added up. */
  async snapshot(): Promise<readonly FamilySnapshot[]> {
    const own = this.#registry.snapshot();
    if (this.#supervisors.length === 0) return own;
    const sum = new MetricSum();
    const all = await Promise.all(this.#supervisors.map((supervisor) => supervisor.metrics()));
    for (const families of all) sum.add(families, "");
    sum.add(own, "supervisor");
    return sum.families;
  }

  /** The same of this process alone, at once: for whoever adds up several. */
  ownSnapshot(): readonly FamilySnapshot[] {
    return this.#registry.snapshot();
  }

  /** All values now, as text. @param format Default `prometheus`: Prometheus' text format. */
  async text(format: TextFormat = "prometheus"): Promise<string> {
    if (!Object.hasOwn(CONTENT_TYPES, format)) {
      throw new OptionError("format", `format must be prometheus or openmetrics, got ${JSON.stringify(format)}`);
    }
    return formatMetrics(await this.snapshot(), format);
  }

  /**
   * Answers whoever asks for metrics, in the format that its Accept field wants. A server that has nothing else to answer
   * is stopped by `run()` after all others, so that the last scrape sees what their drains have cost: see `lastScrape()`.
   *
   * @throws {OptionError} An option can't be used.
   * @example
   * ```ts
   * const metrics = new Metrics();
   * const probes = metrics.handler({ path: "/metrics", otherwise: healthHandler({ servers: [] }) });
   * await serveHttp({ port: 0, ...lastScrape(5000) }, probes);
   * ```
   */
  handler(options: MetricsHandlerOptions = {}): MetricsHandler {
    checkNames("handler()", options, HANDLER_NAMES);
    const { path, otherwise } = options;
    if (path !== undefined && (typeof path !== "string" || !path.startsWith("/"))) {
      throw new OptionError("path", `path must begin with /, as "/metrics", got ${JSON.stringify(path)}`);
    }
    if (otherwise !== undefined && (typeof otherwise !== "function" || path === undefined)) {
      throw new OptionError("otherwise", `otherwise must be a handler, and goes with path, got ${typeof otherwise}`);
    }
    return forProbes(async (request: MetricsRequest, ctx?: MetricsContext) => {
      if (path !== undefined && new URL(request.url).pathname !== path) {
        return otherwise === undefined ? plain(404, "not found\n") : await otherwise(request as never, ctx as never);
      }
      if (request.method !== "GET" && request.method !== "HEAD") {
        return plain(405, "method not allowed\n", { allow: "GET, HEAD" });
      }
      const answer = await this.#answer(formatFor(request.headers.get("accept")));
      // Who asks for the head alone has not been told.
      if (request.method === "GET" && this.#isOver && ctx?.server !== undefined) this.#saidAll(ctx.server);
      return answer;
    });
  }

  /** Hears each value of each histogram from now on; for bridges. The function that it gives ends it. */
  tap(tap: Tap): () => void {
    return this.#registry.tap(tap);
  }

  /** Ends it: nothing is counted or looked up any more. Idempotent. */
  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  /** The same. */
  [Symbol.dispose](): void {
    this.close();
  }

  #take(definition: MetricDefinition): void {
    for (const spelling of spellingsOf(definition)) this.#names.add(spelling);
  }

  #add(sources: MetricSources): void {
    const { servers = [], watch, supervisor } = sources;
    const collectors = [
      ...namedCollectors(sources),
      ...(watch === undefined ? [] : [watchCollector(watch)]),
      ...(supervisor === undefined ? [] : [supervisorCollector(supervisor)]),
    ];
    for (const server of servers) this.#measure(server);
    for (const collector of collectors) this.#ends.push(this.#registry.collect(collector));
    if (supervisor !== undefined) this.#supervisors.push(supervisor);
  }

  #measure(server: MeasuredServer): void {
    // Counted twice it would be told of twice.
    if (this.#servers.includes(server)) return;
    const connections = new ServerMetrics(server, this.#registry);
    const observer = Object.assign(connections, { source: this });
    this.#servers.push(server);
    this.#ends.push(server.observe(observer), this.#registry.collect((emit) => connections.collect(emit)));
    if ("http" in server) this.#ends.push(server.observe(new RequestMetrics(server.name, this.#registry)));
  }

  /** All that is measured has stopped, and nothing new will come. */
  get #isOver(): boolean {
    const isAny = this.#servers.length + this.#supervisors.length > 0;
    return isAny && this.#servers.every(({ state }) => state === "closed") && this.#supervisors.every(hasStopped);
  }

  /** All that there was to say was said: the server need not wait for anybody, whether it waits already or is about to. */
  #saidAll(server: LastServer): void {
    if (server.endLameDuck?.() !== false || this.#told.has(server)) return;
    this.#told.add(server);
    server.observe?.({ drainPhase: (phase) => void (phase === "lameDuck" && server.endLameDuck!()) });
  }

  async #answer(format: TextFormat): Promise<Response> {
    const parts: string[] = [];
    let series = 0;
    for (const family of await this.snapshot()) {
      parts.push(formatFamily(family, format));
      series += family.series.length;
      if (series < TURN_SERIES) continue;
      series = 0;
      await new Promise<void>((resolve) => nextTurn(systemClock, resolve));
    }
    return plain(200, parts.join("") + endOf(format), { "content-type": CONTENT_TYPES[format] });
  }
}

/** Of a wait for the last scrape, for its answer and the end of its connection, in ms. */
const ANSWER_TIME = 2000;

/**
 * Options of a server that has metrics alone to answer: at the stop it waits for one more scrape, and no longer. Under
 * `run()` it waits behind the others' stops, whose requests go before: a `grace` given there must have room for both.
 *
 * @param wait Longest, in ms: the interval of scrapes, and a bit.
 * @throws {OptionError} It is no time.
 * @example
 * ```ts
 * const metrics = new Metrics();
 * await serveHttp({ port: 0, ...lastScrape(15_000) }, metrics.handler());
 * ```
 */
export function lastScrape(
  wait: number,
): { lameDuck: number; acceptQuiet: number; grace: number; ownLameDuck: boolean } {
  const time = duration("wait", wait, 0);
  return { lameDuck: time, acceptQuiet: time, grace: time + ANSWER_TIME, ownLameDuck: true };
}

function hasStopped(supervisor: MeasuredSupervisor): boolean {
  const { state, workers } = supervisor.status();
  return state === "stopping" && workers.every((worker) => worker.state === "gone");
}

function plain(status: number, body: string, fields: Record<string, string> = {}): Response {
  const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...fields };
  return new Response(body, { status, headers });
}

/**
 * The watch: one timer that looks at everything, and at how late it comes itself.
 *
 * @module
 */
import { idleTimer, wallOf } from "../clock.ts";
import {
  type Adapter,
  type Clock,
  defaultAdapter,
  type Logger,
  type ResourceUse,
  safeLogger,
  UnsupportedError,
} from "../../mod.ts";
import { AgeList, BusyView } from "./busy_view.ts";
import { Cutter } from "./cutter.ts";
import { Gauge } from "./gauge.ts";
import { LatencyView } from "./latency.ts";
import type { ReportSources } from "./report.ts";
import { Reporter } from "./reporter.ts";
import { Shedder } from "./shedder.ts";
import { checkServer, type WatchSettings, watchSettings } from "./watch_settings.ts";
import type { FileAccess } from "../files.ts";
import type {
  ResourceKind,
  ResourceSample,
  ResourceWarning,
  ResourceWatch,
  UnavailableResource,
  WatchedConn,
  WatchedServer,
  WatchOptions,
} from "./watch_api.ts";
import { describe } from "./words.ts";

/** The timer comes at least so often, in ms: it sees a block of the loop up to so much shorter than it was. */
const LAG_PERIOD = 100;
/** Connections that one warning names. */
const MAX_NAMED = 20;
const NOBODY: readonly WatchedConn[] = [];
/** Samples that a report has of the time before. */
const MAX_SAMPLES = 60;
/** What a server that takes fewer connections recovers from, so that it need not refuse all. */
const BY_DEGREES: readonly ResourceKind[] = ["lag", "latency", "saturation"];

/** What was seen at one sample. */
interface Look {
  readonly now: number;
  readonly use: ResourceUse;
  readonly lag: number;
  readonly latency: number | null;
  readonly handlers: AgeList;
  readonly connections: AgeList;
  /** Those that may be cut. */
  readonly stalled: AgeList;
}

class Watch implements ResourceWatch {
  readonly ready = (): boolean => !this.overloaded;
  readonly admit = (): boolean => !this.#isFull && this.#shedder.admits();
  last: ResourceSample | null = null;
  unavailable: readonly UnavailableResource[] = [];
  overloaded = false;
  readonly #settings: WatchSettings;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #views: Set<BusyView> = new Set();
  readonly #gauges: ReadonlyMap<ResourceKind, Gauge>;
  readonly #period: number;
  /** Looks of the timer between two samples. */
  readonly #ticks: number;
  readonly #latency: LatencyView = new LatencyView();
  readonly #shedder: Shedder = new Shedder();
  readonly #cutter: Cutter | null;
  readonly #reporter: Reporter | null;
  readonly #samples: ResourceSample[] = [];
  /** An episode is under way that lasts until somebody has left. */
  #isFull = false;
  #sampledAt: number;
  #adapter: Adapter | null;
  /** Why there is no adapter. */
  #adapterError = "The runtime's adapter is not loaded yet";
  #tick = 0;
  #dueAt = 0;
  #lag = 0;
  #cancel: (() => void) | null = null;

  constructor(settings: WatchSettings) {
    this.#settings = settings;
    this.#clock = settings.clock;
    this.#log = safeLogger(settings.logger);
    this.#gauges = new Map([...settings.marks].map(([kind, marks]) => [kind, new Gauge(marks)]));
    this.#ticks = Math.ceil(settings.interval / LAG_PERIOD);
    this.#period = settings.interval / this.#ticks;
    const { cut, report } = settings;
    this.#cutter = cut && new Cutter(cut, (error) => this.#tell("error", "cut.exempt failed", { error }));
    this.#reporter = report && new Reporter(report, {
      files: () => this.#files(),
      tell: (level, message, fields) => this.#tell(level, message, fields),
    });
    this.#sampledAt = settings.clock.now();
    this.#adapter = settings.adapter;
    if (this.#adapter === null) this.#loadAdapter();
    for (const server of settings.servers) this.add(server);
    this.#wait();
  }

  get lastReport(): string | null {
    return this.#reporter?.last ?? null;
  }

  add(server: WatchedServer): () => void {
    checkServer("server", server);
    const view = new BusyView(server);
    this.#views.add(view);
    return () => void this.#views.delete(view);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#views.clear();
    this.overloaded = false;
    this.#isFull = false;
    this.#shedder.reset();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #loadAdapter(): void {
    defaultAdapter().then(
      (adapter) => this.#adapter = adapter,
      (error) => this.#adapterError = (error as Error).message,
    );
  }

  #wait(): void {
    this.#dueAt = this.#clock.now() + this.#period;
    this.#cancel = idleTimer(this.#clock, () => this.#wake(), this.#period);
  }

  #wake(): void {
    const now = this.#clock.now();
    this.#lag = Math.max(this.#lag, now - this.#dueAt);
    this.#latency.look(this.#servers());
    if (++this.#tick % this.#ticks === 0) this.#sample(now);
    // A warning may have ended it.
    if (this.#cancel !== null) this.#wait();
  }

  #servers(): WatchedServer[] {
    return Array.from(this.#views, ({ server }) => server);
  }

  #sample(now: number): void {
    const look = this.#look(now);
    const warnings = this.#judge(look);
    const record = this.#cutter?.cut(look.stalled.entries, this.overloaded) ?? null;
    this.#note(look);
    for (const each of warnings) this.#reporter?.begin(each.kind, () => this.#sources(each, now));
    if (record !== null) {
      const { connections, left } = record;
      this.#tell("warn", "Connections without progress were cut", { count: connections.length, left, connections });
    }
    for (const each of warnings) this.#warn(each);
  }

  #look(now: number): Look {
    const { cut } = this.#settings;
    const handlers = new AgeList(this.#mark("handlers"));
    const connections = new AgeList(this.#mark("connections"));
    const stalled = new AgeList(cut?.after ?? Infinity, cut?.waitingFor);
    const lists = cut === null ? [connections] : [connections, stalled];
    for (const view of this.#views) {
      view.look(now, handlers, lists);
      if (view.isOver) this.#views.delete(view);
    }
    const latency = this.#latency.take(this.#servers(), now - this.#sampledAt, handlers.highest);
    const lag = this.#lag;
    this.#lag = 0;
    this.#sampledAt = now;
    return { now, use: this.#use(), lag, latency, handlers, connections, stalled };
  }

  #note({ now, use, lag, latency, handlers, connections }: Look): void {
    const { missing: _, ...levels } = use;
    this.last = {
      at: now,
      ...levels,
      lag,
      latency,
      handlers: handlers.count,
      oldestHandler: handlers.highest,
      connections: connections.count,
      longestStall: connections.highest,
      shed: this.#isFull ? 1 : this.#shedder.share,
      cut: this.#cutter?.count ?? 0,
    };
    if (this.#reporter === null) return;
    this.#samples.push(this.last);
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
  }

  #judge({ use, lag, latency, handlers, connections }: Look): ResourceWarning[] {
    const unavailable: UnavailableResource[] = [];
    const warnings: ResourceWarning[] = [];
    const level = (
      kind: ResourceKind,
      value: number | null,
      ownLimit: number | null,
      why: string | undefined,
    ): void => {
      const gauge = this.#gauges.get(kind);
      if (gauge === undefined) return;
      const limit = gauge.marks.limit ?? ownLimit;
      if (value === null || limit === null) {
        unavailable.push({ kind, reason: why ?? "It isn't told here" });
      } else if (gauge.note(value, limit, 1)) warnings.push(warning(kind, value, limit, 0, NOBODY));
    };
    const { missing } = use;
    level("descriptors", use.descriptors, use.descriptorLimit, missing.descriptors ?? missing.descriptorLimit);
    level("heap", use.heapUsed, use.heapLimit, missing.heapUsed ?? missing.heapLimit);
    level("rss", use.rss, null, missing.rss);
    level("lag", lag, null, undefined);
    // Where no request came, none was slow.
    level("latency", latency ?? 0, null, undefined);
    level("saturation", handlers.count, null, undefined);
    for (const [kind, ages] of [["handlers", handlers], ["connections", connections]] as const) {
      const gauge = this.#gauges.get(kind);
      const limit = gauge?.marks.limit ?? Infinity;
      const { over } = ages;
      if (gauge?.note(ages.highest, limit, over.length)) {
        warnings.push(warning(kind, ages.highest, limit, over.length, over));
      }
    }
    this.unavailable = unavailable;
    this.#decide();
    return warnings;
  }

  /** What follows from the episodes that are under way. */
  #decide(): void {
    const over = this.#settings.overloadedBy.filter((kind) => this.#gauges.get(kind)?.over === true);
    this.overloaded = over.length > 0;
    this.#isFull = over.some((kind) => !BY_DEGREES.includes(kind));
    this.#shedder.note(over.some((kind) => BY_DEGREES.includes(kind)));
  }

  /** What a report is made of: it names handlers and connections whatever their age. */
  #sources(warning: ResourceWarning, now: number): ReportSources {
    const [handlers, stalls] = [new AgeList(0), new AgeList(0)];
    for (const view of this.#views) view.look(now, handlers, [stalls]);
    return {
      wall: wallOf(this.#clock),
      warning,
      samples: this.#samples,
      unavailable: this.unavailable,
      servers: this.#servers(),
      handlers: handlers.entries,
      stalls: stalls.entries,
    };
  }

  async #files(): Promise<FileAccess> {
    const files = this.#settings.report?.files ?? await this.#adapter?.files?.();
    if (files !== undefined) return files;
    throw new UnsupportedError(
      this.#adapter === null ? this.#adapterError : `The adapter ${this.#adapter.name} has no files`,
    );
  }

  /** Age in ms from which on a handler or a connection is named. */
  #mark(kind: ResourceKind): number {
    const marks = this.#gauges.get(kind)?.marks;
    return marks === undefined ? Infinity : marks.limit! * marks.warnAt;
  }

  #use(): ResourceUse {
    const use = this.#adapter?.resources?.();
    if (use !== undefined) return use;
    const reason = this.#adapter === null ? this.#adapterError : `The adapter ${this.#adapter.name} doesn't tell`;
    return {
      descriptors: null,
      descriptorLimit: null,
      heapUsed: null,
      heapLimit: null,
      rss: null,
      missing: { descriptors: reason, heapUsed: reason, rss: reason },
    };
  }

  #warn(each: ResourceWarning): void {
    const { onWarning } = this.#settings;
    const failed = (error: unknown): void => this.#tell("error", "onWarning failed", { error });
    if (onWarning === null) {
      const { message, ...fields } = each;
      return this.#tell("warn", message, fields);
    }
    try {
      const result = onWarning(each);
      if (result instanceof Promise) result.catch(failed);
    } catch (error) {
      failed(error);
    }
  }

  #tell(level: "warn" | "error", message: string, fields: object): void {
    try {
      this.#log[level](message, fields);
    } catch {
      // The watch must not stop because the log does.
    }
  }
}

function warning(
  kind: ResourceKind,
  value: number,
  limit: number,
  count: number,
  over: readonly WatchedConn[],
): ResourceWarning {
  const message = describe(kind, value, limit, count);
  return { kind, value, limit, share: value / limit, message, count, connections: over.slice(0, MAX_NAMED) };
}

/**
 * Watches what a server runs out of: descriptors, heap, memory, the event loop's time; and who doesn't get on: handlers
 * and connections. Warns once per episode, which ends when the resource has fallen below its lower mark; of handlers
 * and connections once more whenever twice as many are over the mark. It never keeps the process alive.
 *
 * @param options How often, what for, and what is too much; durations in ms.
 * @throws {OptionError} An option can't be used; nothing was begun.
 * @example Not ready, and taking nobody new, while descriptors, memory or time are short
 * ```ts
 * const watch = watchResources({ limits: { descriptors: { warnAt: 0.9 } } });
 * const health = healthHandler({ checks: { resources: watch.ready } });
 * const server = await serveHttp({ port: 8080, admit: watch.ready }, app);
 * await serveHttp({ port: 9090 }, (request) => health(request, { server }));
 * watch.add(server);
 * ```
 */
export function watchResources(options: WatchOptions = {}): ResourceWatch {
  return new Watch(watchSettings(options));
}

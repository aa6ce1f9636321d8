/**
 * The watch: one timer that looks at everything, and at how late it comes itself.
 *
 * @module
 */
import { type Adapter, type Clock, defaultAdapter, type Logger, type ResourceUse, safeLogger } from "../../mod.ts";
import { AgeList, type Ages, BusyView } from "./busy_view.ts";
import { Gauge } from "./gauge.ts";
import { checkServer, type WatchSettings, watchSettings } from "./watch_settings.ts";
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

class Watch implements ResourceWatch {
  readonly ready = (): boolean => !this.overloaded;
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
    this.#adapter = settings.adapter;
    if (this.#adapter === null) this.#loadAdapter();
    for (const server of settings.servers) this.add(server);
    this.#wait();
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
    const clock = this.#clock;
    const wake = (): void => this.#wake();
    this.#dueAt = clock.now() + this.#period;
    this.#cancel = clock.setIdleTimer?.(wake, this.#period) ?? clock.setTimer(wake, this.#period);
  }

  #wake(): void {
    const now = this.#clock.now();
    this.#lag = Math.max(this.#lag, now - this.#dueAt);
    if (++this.#tick % this.#ticks === 0) this.#sample(now);
    // A warning may have ended it.
    if (this.#cancel !== null) this.#wait();
  }

  #sample(now: number): void {
    const handlers = new AgeList(this.#mark("handlers"));
    const connections = new AgeList(this.#mark("connections"));
    for (const view of this.#views) {
      view.look(now, handlers, connections);
      if (view.isOver) this.#views.delete(view);
    }
    const use = this.#use();
    const lag = this.#lag;
    this.#lag = 0;
    const { missing: _, ...levels } = use;
    this.last = {
      at: now,
      ...levels,
      lag,
      handlers: handlers.count,
      oldestHandler: handlers.highest,
      connections: connections.count,
      longestStall: connections.highest,
    };
    this.#judge(use, lag, handlers, connections);
  }

  #judge(use: ResourceUse, lag: number, handlers: Ages, connections: Ages): void {
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
    for (const [kind, ages] of [["handlers", handlers], ["connections", connections]] as const) {
      const gauge = this.#gauges.get(kind);
      const limit = gauge?.marks.limit ?? Infinity;
      if (gauge?.note(ages.highest, limit, ages.over.length)) {
        warnings.push(warning(kind, ages.highest, limit, ages.over.length, ages.over));
      }
    }
    this.unavailable = unavailable;
    this.overloaded = this.#settings.overloadedBy.some((kind) => this.#gauges.get(kind)?.over === true);
    for (const each of warnings) this.#warn(each);
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

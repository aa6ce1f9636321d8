/**
 * What hubs, channels, watches, configurations, pools and supervisors count.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import type { MetricDefinition } from "../metric_snapshot.ts";
import { CHANNELS, CONFIGS, HUBS, POOLS, PROCESS, SUPERVISORS, UPSTREAMS } from "./definitions.ts";
import type { MetricSources } from "./metrics_options.ts";
import type { Collector, Emit } from "./registry.ts";
import type {
  MeasuredChannels,
  MeasuredConfig,
  MeasuredHub,
  MeasuredPool,
  MeasuredSupervisor,
  MeasuredUpstream,
  MeasuredWatch,
} from "./sources.ts";

/** Of a hub. */
function hubCollector(name: string, hub: MeasuredHub): Collector {
  return (emit) => {
    const { stats } = hub;
    emit(HUBS.connections, stats.connections, name);
    emit(HUBS.topics, stats.topics, name);
    emit(HUBS.subscriptions, stats.subscriptions, name);
    emit(HUBS.published, stats.published, name);
    emit(HUBS.delivered, stats.delivered, name);
    emit(HUBS.dropped, stats.dropped, name);
  };
}

/** Of channels. */
function channelsCollector(name: string, channels: MeasuredChannels): Collector {
  return (emit) => {
    const { stats } = channels;
    const each = (definition: MetricDefinition, counts: Readonly<Record<string, number>>): void => {
      for (const [word, count] of Object.entries(counts)) emit(definition, count, word, name);
    };
    each(CHANNELS.sessions, stats.sessions);
    each(CHANNELS.sessionsEnded, stats.ended);
    each(CHANNELS.connects, stats.connects);
    each(CHANNELS.subscriptions, stats.subscriptions);
    each(CHANNELS.published, stats.published);
    each(CHANNELS.delivered, stats.delivered);
    each(CHANNELS.recoveries, stats.recoveries);
    each(CHANNELS.gaps, stats.gaps);
    each(CHANNELS.direct, stats.direct);
    each(CHANNELS.received, stats.received);
    each(CHANNELS.calls, stats.calls);
    emit(CHANNELS.lag, stats.lag, name);
    emit(CHANNELS.slow, stats.slow, name);
    emit(CHANNELS.unacknowledged, stats.unacknowledged, name);
    emit(CHANNELS.failures, stats.failures, name);
  };
}

/** Of a watch. */
export function watchCollector(watch: MeasuredWatch): Collector {
  return (emit) => {
    const { last, overloaded } = watch;
    emit(PROCESS.overloaded, overloaded ? 1 : 0);
    if (last === null) return;
    emit(PROCESS.memory, last.rss);
    emit(PROCESS.descriptors, last.descriptors);
    emit(PROCESS.descriptorLimit, last.descriptorLimit);
    emit(PROCESS.heap, last.heapUsed);
    emit(PROCESS.heapLimit, last.heapLimit);
    emit(PROCESS.lag, last.lag / 1000);
    emit(PROCESS.handlers, last.handlers);
    emit(PROCESS.oldestHandler, last.oldestHandler / 1000);
    emit(PROCESS.stalled, last.connections);
    emit(PROCESS.longestStall, last.longestStall / 1000);
    emit(PROCESS.shed, last.shed);
    emit(PROCESS.cut, last.cut);
  };
}

/** Of a configuration. */
function configCollector(name: string, config: MeasuredConfig): Collector {
  return (emit) => {
    const { applied, refused, error, loadedAt } = config.status;
    emit(CONFIGS.applied, applied, name);
    emit(CONFIGS.refused, refused, name);
    emit(CONFIGS.stale, error === null ? 0 : 1, name);
    emit(CONFIGS.loadedAt, loadedAt.getTime() / 1000, name);
  };
}

/** Of a pool. */
function poolCollector(name: string, pool: MeasuredPool): Collector {
  return (emit) => collectPool(emit, name, pool.stats);
}

function collectPool(emit: Emit, name: string, stats: MeasuredPool["stats"]): void {
  emit(POOLS.members, stats.idle, "idle", name);
  emit(POOLS.members, stats.inUse, "used", name);
  emit(POOLS.max, stats.max, name);
  emit(POOLS.pending, stats.waiting, name);
  emit(POOLS.timeouts, stats.gaveUp, name);
  emit(POOLS.acquired, stats.acquired, name);
  emit(POOLS.opened, stats.connects, name);
  for (const [reason, count] of Object.entries(stats.closed)) emit(POOLS.closed, count, reason, name);
  emit(POOLS.failures, stats.connectErrors, name);
  emit(POOLS.leaks, stats.leaks, name);
  emit(POOLS.waitTime, stats.waitTime / 1000, name);
  emit(POOLS.useTime, stats.useTime / 1000, name);
  emit(POOLS.connectTime, stats.connectTime / 1000, name);
}

/** Of calls to others; each address has a pool of its own. */
function upstreamCollector(name: string, upstream: MeasuredUpstream): Collector {
  return (emit) => {
    const { stats } = upstream;
    emit(UPSTREAMS.active, stats.active, name);
    for (const [status, count] of Object.entries(stats.statuses)) emit(UPSTREAMS.answers, count, status, name);
    for (const [reason, count] of Object.entries(stats.failures)) emit(UPSTREAMS.failures, count, reason, name);
    emit(UPSTREAMS.cancelled, stats.cancelled, name);
    emit(UPSTREAMS.retries, stats.retries, name);
    const states: Map<string, number> = new Map();
    for (const { address, state, ejections, pool } of stats.addresses) {
      states.set(state, (states.get(state) ?? 0) + 1);
      emit(UPSTREAMS.ejections, ejections, name);
      collectPool(emit, address, pool);
    }
    for (const [state, count] of states) emit(UPSTREAMS.addresses, count, state, name);
  };
}

const WORKER_STATES = ["starting", "ready", "leaving", "killed", "gone"] as const;

/** Of a supervisor itself. */
export function supervisorCollector(supervisor: MeasuredSupervisor): Collector {
  return (emit) => {
    const { name, workers, generation, reloads, restarts, wanted, lastReload } = supervisor.status();
    emit(SUPERVISORS.wanted, wanted, name);
    for (const state of WORKER_STATES) {
      emit(SUPERVISORS.workers, workers.filter((worker) => worker.state === state).length, state, name);
    }
    emit(SUPERVISORS.generation, generation, name);
    emit(SUPERVISORS.restarts, restarts, name);
    for (const outcome of ["clean", "unclean", "calledOff"] as const) {
      emit(SUPERVISORS.reloads, reloads[outcome], outcome, name);
    }
    emit(SUPERVISORS.reloadTime, reloads.time / 1000, name);
    emit(SUPERVISORS.reloadFailed, lastReload?.done === false ? 1 : 0, name);
  };
}

/**
 * Those of all that has a name of the program's.
 *
 * @throws {OptionError} One has not what is counted of its kind: it is something else, or none at all.
 */
export function namedCollectors(sources: MetricSources): Collector[] {
  const { hubs, channels, config, pools, upstreams } = sources;
  return [
    ...collectorsOf("hubs", hubs, hubCollector),
    ...collectorsOf("channels", channels, channelsCollector),
    ...collectorsOf("config", config, configCollector),
    ...collectorsOf("pools", pools, poolCollector),
    ...collectorsOf("upstreams", upstreams, upstreamCollector),
  ];
}

function collectorsOf<T>(
  option: string,
  given: Readonly<Record<string, T>> = {},
  make: (name: string, one: T) => Collector,
): Collector[] {
  return Object.entries(given).map(([name, one]) => {
    const collector = make(name, one);
    try {
      collector(checkNumber);
    } catch (cause) {
      throw new OptionError(option, `${option}.${name} is none of ${option}, it has not what they count`, { cause });
    }
    return collector;
  });
}

function checkNumber({ name }: MetricDefinition, value: unknown): void {
  if (value !== null && typeof value !== "number") throw new TypeError(`${name} is ${typeof value}, not a number`);
}

/**
 * What `Metrics` takes, checked in one place.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { jsonLogger, type Logger, safeLogger } from "../log.ts";
import { MAX_SERIES } from "../metric_snapshot.ts";
import { checkNames, type Names } from "../names.ts";
import { checkNamed, checkServers } from "../source_checks.ts";
import { checkParts, integer } from "../validate.ts";
import type {
  MeasuredChannels,
  MeasuredConfig,
  MeasuredHub,
  MeasuredPool,
  MeasuredServer,
  MeasuredSupervisor,
  MeasuredUpstream,
  MeasuredWatch,
} from "./sources.ts";

/** What is measured; names become labels. */
export interface MetricSources {
  /** Servers, known by their names: those of one name are counted together, each once. @default none */
  readonly servers?: readonly MeasuredServer[];
  /** Hubs, by names of yours. @default none */
  readonly hubs?: Readonly<Record<string, MeasuredHub>>;
  /** Channels, by names of yours. @default none */
  readonly channels?: Readonly<Record<string, MeasuredChannels>>;
  /** What the process uses: a `watchResources()`. @default none */
  readonly watch?: MeasuredWatch;
  /** Configurations, by names of yours: of `loadConfig()`. @default none */
  readonly config?: Readonly<Record<string, MeasuredConfig>>;
  /** Pools of connections, by names of yours. @default none */
  readonly pools?: Readonly<Record<string, MeasuredPool>>;
  /** Calls to other servers, by names of yours. @default none */
  readonly upstreams?: Readonly<Record<string, MeasuredUpstream>>;
  /** Workers in processes of their own: of `supervise()`; what they measure is added up. @default none */
  readonly supervisor?: MeasuredSupervisor;
}

/** Everything `Metrics` takes. */
export interface MetricsOptions extends MetricSources {
  /**
   * Series that one metric may have; what has other labels than these is counted together, in the series
   * `otel_metric_overflow="true"`. @default 2000
   */
  readonly maxSeries?: number;
  /** Hears of what can't be looked up. @default JSON lines on stderr */
  readonly logger?: Logger;
}

/** More would be told to nobody, for its size. */
const MOST_SERIES = 100_000;

export const SOURCE_NAMES: Names<MetricSources> = {
  servers: true,
  hubs: true,
  channels: true,
  watch: true,
  config: true,
  pools: true,
  upstreams: true,
  supervisor: true,
};

const NAMES: Names<MetricsOptions> = { ...SOURCE_NAMES, maxSeries: true, logger: true };

/** Checked. */
export interface MetricsSettings {
  readonly maxSeries: number;
  readonly logger: Required<Logger>;
}

/** @throws {OptionError} An option can't be used. */
export function metricsSettings(options: MetricsOptions): MetricsSettings {
  checkNames("Metrics", options, NAMES);
  checkParts(options);
  checkSources(options);
  return {
    maxSeries: integer("maxSeries", options.maxSeries, MAX_SERIES, 1, MOST_SERIES),
    logger: safeLogger(options.logger ?? jsonLogger()),
  };
}

/** @throws {OptionError} Something of it can't be measured. */
export function checkSources(sources: MetricSources): void {
  const { servers, watch, supervisor } = sources;
  checkServers(servers, isServer);
  for (const kind of ["hubs", "channels", "pools", "upstreams"] as const) checkHaving(kind, sources[kind], "stats");
  checkHaving("config", sources.config, "status");
  if (watch !== undefined && typeof watch?.overloaded !== "boolean") {
    throw new OptionError("watch", `watch must be what watchResources() gives, got ${String(watch)}`);
  }
  if (supervisor !== undefined && typeof supervisor?.metrics !== "function") {
    throw new OptionError("supervisor", `supervisor must be what supervise() gives, got ${String(supervisor)}`);
  }
}

function isServer(value: unknown): boolean {
  const server = value as Partial<MeasuredServer> | null | undefined;
  return typeof server?.observe === "function" && typeof server.stats?.accepted === "number";
}

function checkHaving(option: string, given: unknown, member: string): void {
  const isOne = (value: unknown): boolean => typeof value === "object" && value !== null && member in value;
  checkNamed(option, given, isOne, `has no ${member}, so it can't be measured`);
}

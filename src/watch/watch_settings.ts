/**
 * The options of a watch, checked and defaulted in one place.
 *
 * @module
 */
import {
  type Adapter,
  checkNames,
  type Clock,
  gotNumber,
  jsonLogger,
  type Logger,
  type Names,
  OptionError,
  systemClock,
} from "../../mod.ts";
import { MAX_TIMER_DELAY } from "../clock.ts";
import type { FileAccess } from "../files.ts";
import type {
  CutOptions,
  ResourceKind,
  ResourceLimit,
  ResourceReportOptions,
  ResourceWarning,
  WaitsFor,
  WatchedServer,
  WatchOptions,
} from "./watch_api.ts";

/** Checked marks of one resource. */
export interface Marks {
  /** Null: what the system tells. */
  readonly limit: number | null;
  readonly warnAt: number;
  readonly clearAt: number;
}

/** Checked options of what is cut. */
export type CutSettings = Required<Omit<CutOptions, "exempt">> & Pick<CutOptions, "exempt">;

/** Checked options of reports. */
export interface ReportSettings {
  readonly folder: string;
  readonly kinds: readonly ResourceKind[];
  readonly keep: number;
  readonly maxBytes: number;
  /** Null: the adapter's. */
  readonly files: FileAccess | null;
}

/** Checked options. */
export interface WatchSettings {
  readonly interval: number;
  /** Null: the logger. */
  readonly onWarning: ((warning: ResourceWarning) => unknown) | null;
  readonly servers: readonly WatchedServer[];
  /** Without those that are never warned of. */
  readonly marks: ReadonlyMap<ResourceKind, Marks>;
  readonly overloadedBy: readonly ResourceKind[];
  /** Null: none is cut. */
  readonly cut: CutSettings | null;
  /** Null: none is written. */
  readonly report: ReportSettings | null;
  readonly logger: Logger;
  /** Null: the runtime's, that has to be loaded. */
  readonly adapter: Adapter | null;
  readonly clock: Clock;
}

const NAMES: Names<WatchOptions> = {
  interval: true,
  onWarning: true,
  servers: true,
  limits: true,
  overloadedBy: true,
  cut: true,
  report: true,
  logger: true,
  adapter: true,
  clock: true,
};
const LIMIT_NAMES: Names<ResourceLimit> = { limit: true, warnAt: true, clearAt: true };
const CUT_NAMES: Names<CutOptions> = { after: true, atMost: true, when: true, waitingFor: true, exempt: true };
const REPORT_NAMES: Names<ResourceReportOptions> = {
  folder: true,
  kinds: true,
  keep: true,
  maxBytes: true,
  files: true,
};

interface Defaults {
  readonly limit: number | null;
  readonly warnAt: number;
  /** Share of `warnAt` at which an episode ends. */
  readonly fall: number;
}

/** A sample costs less than 0.1 ms of its own; a hundred in a second are plenty. */
const MIN_INTERVAL = 10;
/** Levels to which a system may go up and down by itself: a tenth is more than they waver. */
const LEVEL_FALL = 0.9;
/** An age or a delay is worth another warning when it has been half as bad in between. */
const AGE_FALL = 0.5;

const DEFAULTS: Readonly<Record<ResourceKind, Defaults>> = {
  // A fifth of a thousand is room for the time that it takes to shed, or to look.
  descriptors: { limit: null, warnAt: 0.8, fall: LEVEL_FALL },
  // V8's heap is often full of what it has not collected yet.
  heap: { limit: null, warnAt: 0.9, fall: LEVEL_FALL },
  // How much memory is ours to take, nobody but the user knows.
  rss: { limit: Infinity, warnAt: 0.9, fall: LEVEL_FALL },
  // What a person at the other end notices.
  lag: { limit: 200, warnAt: 1, fall: AGE_FALL },
  // What is slow, and what is much, nobody but the user knows.
  latency: { limit: Infinity, warnAt: 1, fall: AGE_FALL },
  saturation: { limit: Infinity, warnAt: 1, fall: LEVEL_FALL },
  // Balancers and clients have given up by then, mostly.
  handlers: { limit: 30_000, warnAt: 1, fall: AGE_FALL },
  connections: { limit: 60_000, warnAt: 1, fall: AGE_FALL },
};

const KINDS = Object.keys(DEFAULTS) as ResourceKind[];
const OVERLOAD: readonly ResourceKind[] = ["descriptors", "heap", "rss", "lag", "latency", "saturation"];
/** What `Holder.waitsFor` may be. */
const WAITS: readonly WaitsFor[] = ["quiet", "answer", "message", "delivery", "peerFin", "handler", "work"];
/** A report that has room for the sample and a few names. */
const MIN_REPORT = 4096;
const MAX_REPORT = 2 ** 26;

/** @throws {OptionError} An option can't be used. */
export function watchSettings(options: WatchOptions): WatchSettings {
  if (typeof options !== "object" || options === null) throw wrong("options", "an object", options);
  checkNames("watchResources()", options, NAMES);
  const { onWarning, servers = [], limits = {}, overloadedBy = OVERLOAD, adapter, clock = systemClock } = options;
  if (onWarning !== undefined && typeof onWarning !== "function") throw wrong("onWarning", "a function", onWarning);
  if (!Array.isArray(servers)) throw wrong("servers", "a list of servers", servers);
  for (const server of servers) checkServer("servers", server);
  if (!Array.isArray(overloadedBy)) throw wrong("overloadedBy", `a list of ${KINDS.join(", ")}`, overloadedBy);
  for (const kind of overloadedBy) checkKind("overloadedBy", kind);
  if (typeof limits !== "object" || limits === null) throw wrong("limits", "an object", limits);
  for (const kind of Object.keys(limits)) checkKind("limits", kind);
  checkParts(options);
  return {
    interval: number("interval", options.interval, 1000, MIN_INTERVAL, MAX_TIMER_DELAY),
    onWarning: onWarning ?? null,
    servers,
    marks: new Map(KINDS.flatMap((kind) => marksOf(kind, limits[kind]))),
    overloadedBy,
    cut: options.cut === undefined ? null : cutSettings(options.cut),
    report: options.report === undefined ? null : reportSettings(options.report),
    logger: options.logger ?? jsonLogger(),
    adapter: adapter ?? null,
    clock,
  };
}

function cutSettings(options: CutOptions): CutSettings {
  checkNames("cut", options, CUT_NAMES);
  const { when = "overloaded", waitingFor = ["delivery", "message"], exempt } = options;
  if (when !== "overloaded" && when !== "always") throw wrong("cut.when", '"overloaded" or "always"', when);
  if (!Array.isArray(waitingFor) || !waitingFor.every((each) => WAITS.includes(each))) {
    throw wrong("cut.waitingFor", `a list of ${WAITS.join(", ")}`, waitingFor);
  }
  if (exempt !== undefined && typeof exempt !== "function") throw wrong("cut.exempt", "a function", exempt);
  return {
    after: number("cut.after", options.after, 60_000, 1, Infinity),
    atMost: whole("cut.atMost", options.atMost, 10, 1, Infinity),
    when,
    waitingFor,
    exempt,
  };
}

function reportSettings(options: ResourceReportOptions): ReportSettings {
  checkNames("report", options, REPORT_NAMES);
  const { folder, kinds = ["descriptors", "heap"], files } = options;
  if (typeof folder !== "string" || folder === "") throw wrong("report.folder", "the path of a folder", folder);
  if (!Array.isArray(kinds)) throw wrong("report.kinds", `a list of ${KINDS.join(", ")}`, kinds);
  for (const kind of kinds) checkKind("report.kinds", kind);
  requireMethods("report.files", files, ["open", "rename", "list", "remove", "makeFolder", "join"]);
  return {
    folder,
    kinds,
    keep: whole("report.keep", options.keep, 5, 1, 1000),
    maxBytes: whole("report.maxBytes", options.maxBytes, 256 * 1024, MIN_REPORT, MAX_REPORT),
    files: files ?? null,
  };
}

/** @throws {OptionError} It is no server. */
export function checkServer(option: string, server: unknown): void {
  if (typeof (server as WatchedServer | null)?.busy !== "function") throw wrong(option, "a server", server);
}

function marksOf(kind: ResourceKind, given: ResourceLimit | false | undefined): [ResourceKind, Marks][] {
  if (given === false) return [];
  if (given !== undefined && (typeof given !== "object" || given === null)) {
    throw wrong(`limits.${kind}`, "an object such as { limit, warnAt, clearAt }, or false", given);
  }
  if (given !== undefined) checkNames(`limits.${kind}`, given, LIMIT_NAMES);
  const defaults = DEFAULTS[kind];
  const limit = given?.limit === undefined
    ? defaults.limit
    : number(`limits.${kind}.limit`, given.limit, 0, 1, Infinity);
  const warnAt = number(`limits.${kind}.warnAt`, given?.warnAt, defaults.warnAt, 0.01, 1);
  const clearAt = number(`limits.${kind}.clearAt`, given?.clearAt, warnAt * defaults.fall, 0, warnAt);
  return [[kind, { limit, warnAt, clearAt }]];
}

function checkParts(options: WatchOptions): void {
  const { logger, adapter, clock } = options as { logger?: unknown; adapter?: unknown; clock?: unknown };
  requireMethods("logger", logger, ["warn", "error"]);
  requireMethods("adapter", adapter, ["listen"]);
  requireMethods("clock", clock, ["now", "setTimer"]);
}

function requireMethods(option: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return;
  for (const name of names) {
    if (typeof (value as Record<string, unknown> | null)?.[name] === "function") continue;
    throw wrong(option, `an object with the function ${name}()`, value);
  }
}

function checkKind(option: string, kind: unknown): void {
  if (!KINDS.includes(kind as ResourceKind)) throw wrong(option, `of ${KINDS.join(", ")}`, kind);
}

function number(option: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new OptionError(option, `${option} must be a number from ${min} to ${max}, got ${gotNumber(value)}`);
}

function whole(option: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined || value === Infinity || Number.isInteger(value)) {
    return number(option, value, fallback, min, max);
  }
  throw new OptionError(option, `${option} must be a whole number from ${min} to ${max}, got ${gotNumber(value)}`);
}

function wrong(option: string, wanted: string, value: unknown): OptionError {
  const shown = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new OptionError(option, `${option} must be ${wanted}, got ${shown}`);
}

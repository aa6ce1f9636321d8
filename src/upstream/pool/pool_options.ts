/**
 * The options of a pool, checked and defaulted.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import type { Context } from "../../context/mod.ts";
import { OptionError } from "../../errors.ts";
import { jsonLogger, type Logger, safeLogger } from "../../log.ts";
import { checkNames, type Names } from "../../names.ts";
import { callable, checkParts, duration, integer, share, text, yesOrNo } from "../../validate.ts";
import type { PoolOptions } from "./pool_api.ts";

const NAMES: Names<PoolOptions<unknown>> = {
  name: true,
  max: true,
  minIdle: true,
  idleTimeout: true,
  maxLifetime: true,
  lifetimeJitter: true,
  acquireTimeout: true,
  connectTimeout: true,
  retryConnect: true,
  leakWarning: true,
  validate: true,
  validateAfter: true,
  validateTimeout: true,
  watch: true,
  close: true,
  logger: true,
  clock: true,
};

/** What a pool goes by; durations in ms, `Infinity` for none. */
export interface PoolLimits<T> {
  readonly name: string;
  readonly max: number;
  readonly minIdle: number;
  readonly idleTimeout: number;
  readonly maxLifetime: number;
  readonly lifetimeJitter: number;
  readonly acquireTimeout: number;
  readonly connectTimeout: number;
  readonly retryConnect: boolean;
  readonly leakWarning: number;
  readonly validate: ((conn: T, ctx: Context) => boolean | Promise<boolean>) | undefined;
  readonly validateAfter: number;
  readonly validateTimeout: number;
  readonly watch: PoolOptions<T>["watch"];
  readonly close: PoolOptions<T>["close"];
  readonly log: Required<Logger>;
  readonly clock: Clock;
}

/** More would be a mistake: each is a socket, and a process has some thousands. */
const MAX_SIZE = 100_000;

/** @throws {OptionError} An option can't be used. */
export function poolLimits<T>(options: PoolOptions<T>): PoolLimits<T> {
  checkNames("pool()", options, NAMES);
  checkParts(options);
  const max = integer("max", options.max, 10, 1, MAX_SIZE);
  const minIdle = integer("minIdle", options.minIdle, max, 0, MAX_SIZE);
  if (minIdle > max) throw new OptionError("minIdle", `minIdle must be at most max ${max}, got ${minIdle}`);
  const span = (option: keyof PoolOptions<T>, fallback: number): number =>
    duration(String(option), options[option], fallback) || Infinity;
  return {
    name: text("name", options.name, "pool"),
    max,
    minIdle,
    idleTimeout: span("idleTimeout", 600_000),
    maxLifetime: span("maxLifetime", 1_800_000),
    lifetimeJitter: share("lifetimeJitter", options.lifetimeJitter, 0.1),
    acquireTimeout: span("acquireTimeout", 30_000),
    connectTimeout: span("connectTimeout", 10_000),
    retryConnect: yesOrNo("retryConnect", options.retryConnect, true),
    leakWarning: span("leakWarning", 0),
    validate: callable("validate", options.validate),
    validateAfter: duration("validateAfter", options.validateAfter, 500),
    validateTimeout: span("validateTimeout", 5000),
    watch: callable("watch", options.watch),
    close: callable("close", options.close),
    log: safeLogger(options.logger ?? jsonLogger()),
    clock: options.clock ?? systemClock,
  };
}

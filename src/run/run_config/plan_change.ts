/**
 * What has to be done for a change of a `sluice.json`. Which key needs what stands in one table.
 *
 * @module
 */
import { changedPaths } from "../config/changes.ts";
import type { RunConfig, RunLimits } from "./run_config_api.ts";

/**
 * How a key of the configuration comes into use: `live` by `configure()` in the workers, `tls` by reading certificates
 * again, `reload` by new workers in place of the old ones, `restart` never while it runs.
 */
export type ChangeEffect = "live" | "tls" | "reload" | "restart";

/** Every key, and how a change of it comes into use. */
export const CHANGE_EFFECTS: Readonly<Record<keyof RunConfig, ChangeEffect>> = {
  program: "reload",
  name: "restart",
  workers: "reload",
  grace: "reload",
  readyTimeout: "reload",
  stable: "reload",
  hangTimeout: "reload",
  replaceHung: "reload",
  watch: "reload",
  envFile: "reload",
  env: "reload",
  runtimeArgs: "reload",
  args: "reload",
  port: "reload",
  host: "reload",
  unix: "reload",
  tls: "tls",
  control: "restart",
  report: "reload",
  metrics: "restart",
  lastScrape: "restart",
  sockets: "reload",
  limits: "live",
};

/** What a change needs: the paths that differ, by what must be done for them. All are empty if nothing differs. */
export interface ChangePlan {
  /** These can't change while it runs: they wait for the next start. */
  readonly restart: readonly string[];
  /** New workers take the place of the old ones. They begin with all of the new configuration. */
  readonly reload: readonly string[];
  /** Certificates are read again. */
  readonly tls: readonly string[];
  /** `configure()` in the workers. */
  readonly live: readonly string[];
  /** What `configure()` gets: all limits of the new configuration; null if it need not be called. */
  readonly limits: RunLimits | null;
}

/**
 * Says what must be done when one configuration takes the place of another.
 *
 * @example
 * ```ts
 * planChange({ workers: 2, limits: { maxConnections: 10 } }, { workers: 4, limits: { maxConnections: 20 } });
 * // { restart: [], reload: ["workers"], tls: [], live: ["limits.maxConnections"], limits: { maxConnections: 20 } }
 * ```
 */
export function planChange(previous: RunConfig, next: RunConfig): ChangePlan {
  const plan: Record<ChangeEffect, string[]> = { restart: [], reload: [], tls: [], live: [] };
  for (const path of changedPaths(previous, next)) plan[effectOf(path, previous, next)].push(path);
  return { ...plan, limits: plan.live.length === 0 ? null : next.limits ?? null };
}

function effectOf(path: string, previous: RunConfig, next: RunConfig): ChangeEffect {
  const [key] = path.split(/[.[]/, 1) as [keyof RunConfig];
  // From plain to TLS, or back, is another way to listen.
  if (key === "tls" && (previous.tls === undefined || next.tls === undefined)) return "reload";
  // Nobody here knows what the program itself would have: only a program that starts anew does.
  if (key === "limits" && loses(previous.limits, next.limits)) return "reload";
  return CHANGE_EFFECTS[key];
}

function loses(previous: RunLimits = {}, next: RunLimits = {}): boolean {
  return Object.keys(previous).some((name) => !Object.hasOwn(next, name));
}

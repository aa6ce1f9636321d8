/**
 * Runs servers until a signal, drains them in order, and ends the process with a telling exit code.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { defaultAdapter } from "../../runtime.ts";
import type { Adapter } from "../../platform.ts";
import { drainSchedule } from "../drain/drain.ts";
import { type Hook, hooksBudget } from "../drain/hooks.ts";
import { DRAIN_NAMES, drainLimits } from "../serve_options.ts";
import type { RunHook, Runnable, Runnables, RunOptions, RunReport } from "./run_options.ts";
import { Runner } from "./runner.ts";
import type { Server } from "../server_api.ts";
import { signalNames } from "./signals.ts";
import { duration } from "../../validate.ts";

const RUN_NAMES: Names<RunOptions> = {
  ...DRAIN_NAMES,
  signals: true,
  hooks: true,
  exit: true,
  onReport: true,
  logger: true,
  adapter: true,
  clock: true,
};
const HOOK_NAMES: Names<RunHook> = { name: true, run: true, timeout: true };

/** Servers in the order given. */
interface Given {
  readonly servers: readonly Runnable[];
  /** The stage of each: 0, or the number of its nested array; null if nothing is nested. */
  readonly places: readonly number[] | null;
  /** There is an array in a nested one. */
  readonly tooDeep: boolean;
}

/**
 * Runs servers until a signal arrives, drains them all within one budget, and exits: 0 clean, 1 with losses, 128 + n
 * after a second signal. A signal that arrives while a server still starts drains it as soon as it has started.
 *
 * A nested array is a later stage: its servers go on serving, though they are not ready any more, until those before
 * them have stopped; a share of the budget is kept for them. Without nesting, servers stop in this order: those that
 * strangers reach, those on loopback addresses and Unix sockets, those with a handler of `healthHandler()`.
 *
 * @param servers One, or several: at top level they stop first and together.
 * @throws {OptionError} An unknown signal, or parts that exceed the grace.
 * @example
 * ```ts
 * import { run, serve } from "@sluice/sluice";
 * import { healthHandler, serveHttp } from "@sluice/sluice/http";
 *
 * const api = await serve({ port: 9000 }, (conn) => conn.write("hello\n"));
 * const store = await serve({ port: 9100, hostname: "127.0.0.1" }, (conn) => conn.write("42\n"));
 * const probes = await serveHttp({ port: 8081 }, healthHandler({ servers: [api, store] }));
 * await run([api, [store], [probes]], { grace: 10_000, lameDuck: 300 });
 * ```
 */
export async function run(servers: Runnable | Runnables, options: RunOptions = {}): Promise<RunReport> {
  const given = laidOut(isArray(servers) ? servers : [servers as Runnable]);
  // Heard of at once: what fails to start while this function still loads its adapter is no unhandled rejection.
  const started = Promise.allSettled(given.servers);
  try {
    return await runStarted(started.then(allOf), given, options);
  } catch (error) {
    await stopAll(await started);
    throw error;
  }
}

function laidOut(runnables: Runnables): Given {
  let stage = 0;
  let tooDeep = false;
  const placed = runnables.flatMap((entry) => {
    if (!isArray(entry)) return [[entry, 0] as const];
    stage++;
    tooDeep ||= entry.some(isArray);
    return (entry.flat(Infinity) as Runnable[]).map((server) => [server, stage] as const);
  });
  const places = stage === 0 ? null : placed.map(([, place]) => place);
  return { servers: placed.map(([server]) => server), places, tooDeep };
}

function isRunnable(server: unknown): server is Server {
  return typeof (server as Partial<Server> | null | undefined)?.shutdown === "function";
}

function checkRunnable(server: unknown): void {
  if (server instanceof Promise || isRunnable(server)) return;
  throw new OptionError("servers", `servers must be what serve() or serveHttp() gives, got ${String(server)}`);
}

function isArray(value: unknown): value is readonly Runnable[] {
  return Array.isArray(value);
}

/** The adapter of a server that runs already, so that signals are heard from the moment of the call. */
function adapterOf(starting: readonly Runnable[]): Adapter | null {
  for (const server of starting) if (!(server instanceof Promise) && server.adapter !== null) return server.adapter;
  return null;
}

async function runStarted(started: Promise<Server[]>, given: Given, options: RunOptions): Promise<RunReport> {
  // The servers' own failure is not unheard while the options fail first.
  started.catch(() => {});
  if (given.tooDeep) {
    throw new OptionError("servers", "servers may be nested once, an array is a stage: run([api, [store], [probes]])");
  }
  for (const server of given.servers) checkRunnable(server);
  checkNames("run()", options, RUN_NAMES);
  const names = signalNames(options.signals);
  const limits = drainLimits(options);
  const hooks = (options.hooks ?? []).map((hook) => checkHook(hook, limits.grace));
  drainSchedule(limits, hooksBudget(hooks));
  const adapter = options.adapter ?? adapterOf(given.servers) ?? await defaultAdapter();
  const runner = new Runner(adapter, names, hooks, options);
  try {
    const report = await runner.run(given.servers, started, given.places);
    if (options.exit !== false) adapter.exit(report.exitCode);
    return report;
  } finally {
    runner.dispose();
  }
}

/** All of them, or the error of the first that can't start. */
function allOf(results: readonly PromiseSettledResult<Server>[]): Server[] {
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

async function stopAll(results: readonly PromiseSettledResult<Server>[]): Promise<void> {
  await Promise.all(
    results.map((result) => result.status === "fulfilled" && isRunnable(result.value) ? result.value.close() : null),
  );
}

function checkHook(hook: RunHook, grace: number): Hook {
  checkNames("hooks", hook, HOOK_NAMES);
  return { ...hook, timeout: duration("hooks.timeout", hook.timeout, Math.min(1000, grace / 10)) };
}

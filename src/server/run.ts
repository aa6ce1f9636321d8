/**
 * Runs servers until a signal, drains them together, and ends the process with a telling exit code.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { jsonLogger, type Logger, safeLogger } from "../log.ts";
import { defaultAdapter } from "../runtime.ts";
import type { SocketAdapter } from "../socket.ts";
import { drainSchedule } from "./drain.ts";
import { type Hook, type HookFunction, hooksBudget, runHooks } from "./hooks.ts";
import { drainLimits, type DrainOptions } from "./options.ts";
import type { DrainReport, HookResult } from "./report.ts";
import type { Server, ShutdownOptions } from "./server_types.ts";
import { signalExitCode, signalNames, SignalWatch } from "./signals.ts";
import { duration } from "./validate.ts";

/** A hook that runs after all servers have stopped. */
export interface RunHook {
  /** Its name. */
  readonly name: string;
  /** What to do. */
  readonly run: HookFunction;
  /** Milliseconds. @default 1000, a tenth of grace at most */
  readonly timeout?: number;
}

/** How to run servers; drain options given here go before the servers' own. */
export interface RunOptions extends DrainOptions {
  /** Signals that begin the drain, among SIGINT, SIGTERM, SIGHUP, SIGQUIT. @default ["SIGINT", "SIGTERM"] */
  signals?: readonly string[];
  /** Work for the end, when all servers have stopped; run in reverse order. @default none */
  hooks?: readonly RunHook[];
  /** End the process with the exit code. @default true */
  exit?: boolean;
  /** Sees the report before the process ends. */
  onReport?: (report: RunReport) => void | Promise<void>;
  /** Where records go. @default JSON lines on stderr */
  logger?: Logger;
  /** The runtime's signals and exit. @default the runtime that runs this */
  adapter?: SocketAdapter;
  /** Time, for tests. @default the machine's */
  clock?: Clock;
}

/** How a run ended. */
export interface RunReport {
  /** The first signal, or null if the servers were stopped by the program. */
  readonly signal: string | null;
  /** 0 clean; 1 something was cut or a hook failed; 128 + n a second signal. */
  readonly exitCode: number;
  /** True only if nothing was cut and no hook failed. */
  readonly clean: boolean;
  /** One for each server. */
  readonly reports: readonly DrainReport[];
  /** How its shutdown hooks went. */
  readonly hooks: readonly HookResult[];
}

/** What `run` takes: servers, or promises of servers that still start. */
export type Runnable = Server | Promise<Server>;

/**
 * Runs servers until a signal arrives, drains them all within one budget, and exits: 0 clean, 1 with losses, 128 + n
 * after a second signal. A signal that arrives while a server still starts drains it as soon as it has started.
 *
 * @throws {OptionError} An unknown signal, or parts that exceed the grace.
 * @example
 * ```ts
 * await run([serve({ port: 9000 }, handler)], { grace: 10_000, lameDuck: 300 });
 * ```
 */
export async function run(servers: Runnable | readonly Runnable[], options: RunOptions = {}): Promise<RunReport> {
  const starting = (Array.isArray(servers) ? servers : [servers]) as readonly Runnable[];
  // Heard of at once: what fails to start while this function still loads its adapter is no unhandled rejection.
  const started = Promise.allSettled(starting);
  try {
    return await runStarted(started, options.adapter ?? adapterOf(starting), options);
  } catch (error) {
    await stopAll(await started);
    throw error;
  }
}

/** The adapter of a server that runs already, so that signals are heard from the moment of the call. */
function adapterOf(starting: readonly Runnable[]): SocketAdapter | null {
  for (const server of starting) if (!(server instanceof Promise) && server.adapter !== null) return server.adapter;
  return null;
}

async function runStarted(
  started: Promise<PromiseSettledResult<Server>[]>,
  known: SocketAdapter | null,
  options: RunOptions,
): Promise<RunReport> {
  const names = signalNames(options.signals);
  const limits = drainLimits(options);
  const hooks = (options.hooks ?? []).map((hook) => checkHook(hook, limits.grace));
  drainSchedule(limits, hooksBudget(hooks));
  const adapter = known ?? await defaultAdapter();
  const runner = new Runner(adapter, names, hooks, options);
  try {
    const report = await runner.run(started);
    await options.onReport?.(report);
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
  await Promise.all(results.map((result) => result.status === "fulfilled" ? result.value.close() : null));
}

function checkHook(hook: RunHook, grace: number): Hook {
  return { ...hook, timeout: duration("hooks.timeout", hook.timeout, Math.min(1000, grace / 10)) };
}

class Runner {
  readonly #adapter: SocketAdapter;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #hooks: readonly Hook[];
  readonly #options: RunOptions;
  readonly #signals: SignalWatch;
  #servers: readonly Server[] = [];
  #signal: string | null = null;
  #forcedBy: string | null = null;

  constructor(adapter: SocketAdapter, names: readonly string[], hooks: readonly Hook[], options: RunOptions) {
    this.#adapter = adapter;
    this.#clock = options.clock ?? systemClock;
    this.#log = safeLogger(options.logger ?? jsonLogger());
    this.#hooks = hooks;
    this.#options = options;
    this.#signals = new SignalWatch(adapter, names, this.#clock, (name, count) => this.#stop(name, count));
  }

  dispose(): void {
    this.#signals.dispose();
  }

  async run(started: Promise<PromiseSettledResult<Server>[]>): Promise<RunReport> {
    this.#servers = allOf(await started);
    const shutdown = this.#shutdownOptions("");
    for (const server of this.#servers) server.checkShutdown(shutdown);
    if (this.#signal !== null) this.#drainAll();
    const reports = await Promise.all(this.#servers.map((server) => server.closed));
    const hooks = await runHooks(this.#hooks, this.#clock);
    const clean = reports.every((report) => report.clean) && hooks.every((hook) => hook.ok);
    return { signal: this.#signal, exitCode: this.#exitCode(clean), clean, reports, hooks };
  }

  #stop(name: string, count: number): void {
    if (count === 1) {
      this.#signal = name;
      this.#log.info(`Got ${name}, draining`);
      this.#drainAll();
    } else if (count === 2 && this.#servers.length > 0) {
      this.#forcedBy = name;
      this.#log.warn(`Got ${name} again, cutting what is left`);
      for (const server of this.#servers) server.close();
    } else {
      this.#adapter.exit(signalExitCode(name));
    }
  }

  #drainAll(): void {
    const reports = this.#servers.map((server) => this.#drainOne(server));
    // Called off by resume(): the next signal is a first one again.
    Promise.all(reports).then((all) => {
      if (all.length === 0 || !all.every((report) => report.resumed)) return;
      this.#signal = null;
      this.#signals.reset();
    });
  }

  #drainOne(server: Server): Promise<DrainReport> {
    try {
      return server.shutdown(this.#shutdownOptions(this.#signal!));
    } catch (error) {
      // A hook registered since the start broke the budget: better a hard stop than none.
      this.#log.critical("The drain can't begin, closing at once", { server: server.name, error });
      return server.close();
    }
  }

  #shutdownOptions(cause: string): ShutdownOptions {
    const { grace, lameDuck, acceptQuiet, quiet, idleGrace, spread, patience, abortGrace } = this.#options;
    const reserve = hooksBudget(this.#hooks);
    return { grace, lameDuck, acceptQuiet, quiet, idleGrace, spread, patience, abortGrace, cause, reserve };
  }

  #exitCode(clean: boolean): number {
    if (this.#forcedBy !== null) return signalExitCode(this.#forcedBy);
    return clean ? 0 : 1;
  }
}

/**
 * The life of a run: servers that serve, signals that stop them stage after stage, and the report.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { jsonLogger, type Logger, safeLogger } from "../../log.ts";
import type { Adapter } from "../../platform.ts";
import { formatAddress } from "../../address.ts";
import { reportMargin } from "../drain/drain.ts";
import { type Hook, hooksBudget, runHooks } from "../drain/hooks.ts";
import type { DrainReport, HookResult } from "../drain/report.ts";
import type { Runnable, RunOptions, RunReport } from "./run_options.ts";
import type { Server } from "../server_api.ts";
import { signalExitCode, SignalWatch } from "./signals.ts";
import { StagePlan } from "./stage_plan.ts";
import { stagesGiven, stagesOf } from "./stages.ts";

/** Connections that are told one by one; the report names all of them. */
const MOST_TOLD = 20;

/** What a server's stop has cost: a line for it, and one for each connection that was cut. */
function tellCost(report: DrainReport, log: Required<Logger>): void {
  const { server, cause, connections, cut, truncated, hooks } = report;
  const fields = { server, cause, duration: Math.round(report.duration), connections };
  if (report.clean) return void log.info("Stopped, nothing was lost", fields);
  log.warn(`Stopped, ${cut.length} cut, ${truncated.length} truncated`, fields);
  tellFailed(hooks, log, server);
  for (const peer of report.handshakesCut.slice(0, MOST_TOLD)) {
    log.warn(`Cut the TLS handshake of ${peer}`, { server, peer });
  }
  for (const { id, peer, state, age, bytesUnread, bytesUnsent, handlerRunning } of cut.slice(0, MOST_TOLD)) {
    const rest = { bytesUnread, bytesUnsent, handlerRunning };
    log.warn(`Cut ${peer}`, { server, conn: id, peer, state, age: Math.round(age), ...rest });
  }
  if (cut.length > MOST_TOLD) log.warn(`Cut ${cut.length - MOST_TOLD} more, the report names them`, { server });
}

function tellFailed(hooks: readonly HookResult[], log: Required<Logger>, server?: string): void {
  for (const { name: hook, ok, error: reason } of hooks) {
    if (!ok) log.warn("A shutdown hook failed", server === undefined ? { hook, reason } : { server, hook, reason });
  }
}

/** One call of `run()`. */
export class Runner {
  readonly #adapter: Adapter;
  readonly #clock: Clock;
  #log: Required<Logger>;
  readonly #hooks: readonly Hook[];
  readonly #options: RunOptions;
  readonly #signals: SignalWatch;
  #given: readonly Runnable[] = [];
  /** Null while servers still start. */
  #plan: StagePlan<Server> | null = null;
  #signal: string | null = null;
  #forcedBy: string | null = null;
  /** All is done, and only the report is being shown. */
  #telling = false;
  /** The parent knows that it stops; undefined where there is none. */
  #told: Promise<void> | undefined;
  /** When the stop began, in ms on the clock. */
  #stoppedAt = -1;

  constructor(adapter: Adapter, names: readonly string[], hooks: readonly Hook[], options: RunOptions) {
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

  /**
   * Until all servers have stopped.
   *
   * @param started Those that are given, when all have started.
   * @param places Which stage each server belongs to; null if nobody said.
   */
  async run(
    given: readonly Runnable[],
    started: Promise<readonly Server[]>,
    places: readonly number[] | null,
  ): Promise<RunReport> {
    this.#given = given;
    this.#speakAs(given.filter((server): server is Server => !(server instanceof Promise)));
    const servers = await started;
    this.#speakAs(servers);
    for (const server of servers) this.#tellWhere(server);
    this.#plan = this.#planFor(servers, places);
    this.#adapter.parent?.started();
    if (this.#signal !== null) this.#stopAll(this.#plan);
    const reports = await Promise.all(servers.map((server) => server.closed));
    const hooks = await runHooks(this.#hooks, this.#clock);
    const clean = reports.every((report) => report.clean) && hooks.every((hook) => hook.ok);
    const report = { signal: this.#signal, exitCode: this.#exitCode(clean), clean, reports, hooks };
    for (const each of reports) tellCost(each, this.#log);
    tellFailed(hooks, this.#log);
    if (this.#told !== undefined) await this.#inTime(this.#told, () => {});
    await this.#tell(report);
    return report;
  }

  /** By the run's own logger, or else by the first server's: one who set up a logger wants all records there. */
  #speakAs(servers: readonly Server[]): void {
    if (this.#options.logger === undefined && servers.length > 0) this.#log = servers[0].log ?? this.#log;
  }

  #tellWhere(server: Server): void {
    if (server.addresses.length === 0) return;
    const addresses = server.addresses.map(formatAddress);
    this.#log.info(`Listening on ${server.url}`, { server: server.name, addresses });
  }

  #planFor(servers: readonly Server[], places: readonly number[] | null): StagePlan<Server> {
    const { grace, lameDuck, acceptQuiet, quiet, idleGrace, spread, patience, abortGrace } = this.#options;
    const options = { grace, lameDuck, acceptQuiet, quiet, idleGrace, spread, patience, abortGrace };
    const reserve = hooksBudget(this.#hooks);
    if (places !== null) return new StagePlan(stagesGiven(servers, places), options, reserve);
    try {
      return new StagePlan(stagesOf(servers), options, reserve);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      // Nobody asked for stages: a budget that is good for all together is not refused.
      const together = new StagePlan([servers], options, reserve);
      this.#log.info("The grace is too short for stages, all servers will stop together", { error });
      return together;
    }
  }

  #stop(name: string, count: number): void {
    const plan = this.#plan;
    if (this.#telling) {
      this.#adapter.exit(signalExitCode(name));
    } else if (count === 1) {
      this.#signal = name;
      this.#log.info(`Got ${name}, draining`);
      if (plan !== null) this.#stopAll(plan);
      else this.#expectStops();
    } else if (count === 2 && plan !== null && plan.stages.length > 0) {
      this.#forcedBy = name;
      this.#log.warn(`Got ${name} again, cutting what is left`);
      this.#forceAll(plan);
    } else {
      this.#adapter.exit(signalExitCode(name));
    }
  }

  /** The stop waits for servers that still start, but those that run are not ready any more. */
  #expectStops(): void {
    for (const server of this.#given) {
      if (server instanceof Promise) server.then((server) => server.expectStop(), () => {});
      else server.expectStop();
    }
  }

  /** Stage after stage; unless the first is called off by `resume()`: the next signal is a first one again then. */
  async #stopAll(plan: StagePlan<Server>): Promise<void> {
    this.#stoppedAt = this.#clock.now();
    // In its name: it has to be there still when that is read.
    this.#told = this.#adapter.parent?.stopping();
    for (const server of plan.stages.flat()) server.expectStop();
    for (const [index, stage] of plan.stages.entries()) {
      const open = stage.filter((server) => server.state !== "closed");
      const reports = await Promise.all(open.map((server) => this.#stopOne(plan, server, index)));
      if (open.length > 0 && reports.every((report) => report.resumed)) return this.#callOff(plan);
      // Who was resumed alone may still need those that stop later.
      await Promise.all(open.map((server) => server.closed));
    }
  }

  #callOff(plan: StagePlan<Server>): void {
    for (const server of plan.stages.flat()) server.expectStop(false);
    this.#signal = null;
    this.#stoppedAt = -1;
    this.#signals.reset();
  }

  #forceAll(plan: StagePlan<Server>): void {
    for (const [index, stage] of plan.stages.entries()) {
      for (const server of stage) {
        this.#stopOne(plan, server, index);
        server.close();
      }
    }
  }

  #stopOne(plan: StagePlan<Server>, server: Server, index: number): Promise<DrainReport> {
    try {
      const options = plan.optionsFor(server, index, this.#clock.now() - this.#stoppedAt);
      return server.shutdown({ ...options, cause: this.#signal! });
    } catch (error) {
      // A hook registered since the start broke the budget: better a hard stop than none.
      this.#log.critical("The drain can't begin, closing at once", { server: server.name, error });
      return server.close();
    }
  }

  /** Shows the report, and waits as far as the budget goes; whatever its reader does, the process ends (issue 11). */
  async #tell(report: RunReport): Promise<void> {
    this.#telling = true;
    try {
      const told = this.#options.onReport?.(report);
      if (told !== undefined) {
        await this.#inTime(told, () => this.#log.critical("onReport() takes too long, going on without"));
      }
    } catch (error) {
      this.#log.error("onReport() failed, going on without", { error });
    } finally {
      this.#telling = false;
    }
  }

  async #inTime(told: Promise<void>, isLate: () => void): Promise<void> {
    const { grace } = this.#plan!;
    const left = this.#stoppedAt < 0 ? grace : this.#stoppedAt + grace - this.#clock.now();
    let cancel = (): void => {};
    const late = new Promise<"late">((resolve) => {
      cancel = this.#clock.setTimer(() => resolve("late"), Math.max(left, reportMargin(grace)));
    });
    try {
      if (await Promise.race([told, late]) === "late") isLate();
    } finally {
      cancel();
    }
  }

  #exitCode(clean: boolean): number {
    if (this.#forcedBy !== null) return signalExitCode(this.#forcedBy);
    return clean ? 0 : 1;
  }
}

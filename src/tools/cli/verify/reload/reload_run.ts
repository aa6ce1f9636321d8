/**
 * Reloads a server again and again while clients of all kinds talk to it, and accounts for all that they saw.
 *
 * @module
 */
import { StartError } from "@sluice/sluice/cli/kit";
import process from "node:process";
import { type ReloadReport, type ReloadStage, SCENARIOS, startReloads, VerifyError } from "../../../verify/mod.ts";
import { BusyProcesses, stretchOf } from "../busy.ts";
import { busy, pause, worldOf } from "../round.ts";
import { runReloadText } from "../shell_command.ts";
import { forgive, stopServer } from "../stop.ts";
import { formatExit, lastWords, startSubject, type Subject } from "../subject.ts";
import type { VerifySettings } from "../verify_options.ts";
import type { ReloadSettings } from "./reload_options.ts";
import { busiestWorker, censusOf, clientsOf, isRunning, isStopped, knowsWorkers } from "./workers.ts";

/** Time in ms under load before each reload and behind the last one, at the least and at the most. */
const REST: readonly [least: number, most: number] = [300, 500];
/** Time in ms under load after the death of a worker: clients see it, and a supervisor has another one. */
const AFTER_KILL = 1000;
/** Longest wait until a process stands still, or is gone, in ms. */
const STATE_LIMIT = 2000;
/** Longest wait until a process of the server holds a connection, in ms: one that lost all starts others, on a busy machine. */
const WORKER_LIMIT = 30_000;
/** Wait between two looks at processes, in ms. */
const LOOK_EVERY = 5;

/** Who watches. */
export interface ReloadEvents {
  /** Clients are let loose; `abort` ends them at once, and what they see from then on is not accounted for. */
  started(abort: () => void): void;
  /** A reload, or the death of a worker, begins. */
  begins(kind: "reload" | "kill", number: number): void;
}

/** What was found, and the end of what the server wrote. */
export interface ReloadResult {
  readonly report: ReloadReport;
  readonly output: string;
}

/**
 * Starts the server, lets the clients loose, reloads it as often as was asked, stops it, and accounts.
 *
 * @throws {StartError} The server can't be started, or its workers can't be told apart here.
 * @throws {VerifyError} The clients can't get to work with it.
 */
export async function runReloads(
  settings: VerifySettings,
  events: ReloadEvents,
  interrupted: () => boolean,
): Promise<ReloadResult> {
  const reload = settings.reload!;
  if (reload.killsWorkers && !knowsWorkers()) {
    throw new StartError("--kill-worker needs /proc/PID/task/PID/children", "It is there on Linux");
  }
  await using _busy = await BusyProcesses.start(settings.busy);
  const subject = await startSubject(settings);
  const world = worldOf(settings, subject.place, { name: "reload" }, 1);
  const stage = startReloads({ ...world, webSocketPath: reload.webSocketPath });
  const run = new Reloads(settings, reload, subject, stage, events);
  events.started(() => stage.abort());
  try {
    await busy(stage, [subject]);
    await run.play(interrupted);
    return { report: run.report(), output: lastWords(subject.child) };
  } finally {
    stage.abort();
    await subject.child.dispose();
  }
}

class Reloads {
  readonly #settings: VerifySettings;
  readonly #reload: ReloadSettings;
  readonly #subject: Subject;
  readonly #stage: ReloadStage;
  readonly #events: ReloadEvents;

  constructor(
    settings: VerifySettings,
    reload: ReloadSettings,
    subject: Subject,
    stage: ReloadStage,
    events: ReloadEvents,
  ) {
    this.#settings = settings;
    this.#reload = reload;
    this.#subject = subject;
    this.#stage = stage;
    this.#events = events;
  }

  /** All of it, until the end or an interruption. */
  async play(interrupted: () => boolean): Promise<void> {
    const { count, killsWorkers } = this.#reload;
    for (let number = 1; number <= count; number++) {
      if (killsWorkers && await this.#goesOn(interrupted)) await this.#kill(number);
      if (!(await this.#goesOn(interrupted))) break;
      await this.#reloadOnce(number);
    }
    if (await this.#goesOn(interrupted)) await this.#stop();
    else await this.#endEarly(interrupted());
  }

  report(): ReloadReport {
    const { command, kind } = this.#settings;
    const { ledger, clients } = this.#stage;
    return ledger.report({ command: command.join(" "), kind, clients }, this.#reload.count);
  }

  /** Rests under load; tells whether the server is there after it, and wanted. */
  async #goesOn(interrupted: () => boolean): Promise<boolean> {
    const exit = await this.#subject.child.exitWithin(this.#stage.between(...REST));
    if (this.#stage.failure !== null) throw this.#stage.failure;
    return exit === null && !interrupted();
  }

  async #reloadOnce(number: number): Promise<void> {
    const { ledger, world: { clock } } = this.#stage;
    const { command, signal, wait } = this.#reload;
    this.#events.begins("reload", number);
    ledger.begins("reload", clock.now());
    let failure: string | null = null;
    if (command === null) {
      this.#subject.child.signal(signal);
      await this.#subject.child.exitWithin(wait);
    } else {
      failure = await this.#runCommand(command);
    }
    ledger.ends(clock.now(), failure);
  }

  /** Runs what reloads the server; what was wrong about it, or null. */
  #runCommand(text: string): Promise<string | null> {
    return runReloadText(text, this.#subject, stretchOf(this.#settings.busy));
  }

  /** Kills a process that serves, and gives clients and the server time. */
  async #kill(number: number): Promise<void> {
    const { ledger, world } = this.#stage;
    const { child, place } = this.#subject;
    const victim = await this.#busiestWorker();
    this.#events.begins("kill", number);
    // It stands still while the kernel is asked what it holds: from here on it takes nothing in.
    send(victim, "SIGSTOP");
    await until(() => isStopped(victim) || !isRunning(victim));
    ledger.begins("kill", world.clock.now(), clientsOf(victim, place));
    send(victim, "SIGKILL");
    await until(() => !isRunning(victim));
    ledger.gone(world.clock.now());
    await child.exitWithin(this.#stage.patience(AFTER_KILL));
    ledger.ends(world.clock.now());
  }

  /** The one that serves most; a server that has lost one or all of them has time to start others. */
  async #busiestWorker(): Promise<number> {
    const { child, place } = this.#subject;
    let worker: number | undefined;
    await until(() => (worker = busiestWorker(child.pid, place)) !== undefined, this.#stage.patience(WORKER_LIMIT));
    if (worker !== undefined) return worker;
    const { processes, connections } = censusOf(child.pid, place);
    const found = `processes below it: ${processes}, connections that were accepted: ${connections}`;
    throw new VerifyError(
      `No process that the server has started holds a connection: there is no worker to kill (${found})`,
    );
  }

  async #stop(): Promise<void> {
    const { ledger, world: { clock } } = this.#stage;
    this.#stage.leave();
    await this.#stage.finished;
    const signalledAt = clock.now();
    const { expectation } = SCENARIOS.find(({ name }) => name === "ping-pong")!;
    const stop = await stopServer(this.#subject.child, { ...this.#settings, expectation, signalled: () => {} });
    ledger.stopped(signalledAt, forgive(stop, this.#settings.exitCodes));
  }

  async #endEarly(interrupted: boolean): Promise<void> {
    const { ledger, world: { clock } } = this.#stage;
    const { child } = this.#subject;
    if (!interrupted) ledger.ended(clock.now(), `${formatExit(child.exit!)}\n${lastWords(child)}`);
    this.#stage.leave();
    await this.#stage.finished;
  }
}

function send(pid: number, signal: string): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself meanwhile.
  }
}

async function until(isSo: () => boolean, limit: number = STATE_LIMIT): Promise<void> {
  for (const end = performance.now() + limit; !isSo() && performance.now() < end;) await pause(LOOK_EVERY);
}

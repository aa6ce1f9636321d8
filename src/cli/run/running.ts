/**
 * A supervisor with everything around it that a command has: signals, the control socket, reports, the exit code.
 *
 * @module
 */
import { appendFileSync } from "node:fs";
import process from "node:process";
import {
  ControlServer,
  onStopSignals,
  signalExitCode,
  StartFailedError,
  type SuperviseReport,
  type Supervisor,
} from "../../run/supervisor/mod.ts";
import type { Print } from "../output.ts";
import { StartError } from "../usage_errors.ts";
import type { RunFile } from "./run_file.ts";
import { MetricsPort } from "./metrics_port.ts";
import type { RunSettings } from "./run_settings.ts";
import { formatSuperviseReport } from "./supervise_report.ts";
import { watchFiles } from "./watch_files.ts";

/** A supervisor with everything around it that a command has. */
export class Running {
  readonly #supervisor: Supervisor;
  readonly #settings: RunSettings;
  readonly #file: RunFile | null;
  readonly #print: Print;
  #forcedBy: string | null = null;
  #stop: Promise<SuperviseReport> | null = null;
  #ended: (report: SuperviseReport) => void = () => {};
  /** Fulfils when it has stopped, and that was told. */
  readonly #end: Promise<SuperviseReport> = new Promise((resolve) => this.#ended = resolve);

  /** @param file Its sluice.json, if it has one. */
  constructor(supervisor: Supervisor, settings: RunSettings, file: RunFile | null, print: Print) {
    this.#supervisor = supervisor;
    this.#settings = settings;
    this.#file = file;
    this.#print = print;
  }

  /** Until it has stopped; gives the exit code. */
  async run(controlAt: string): Promise<number> {
    this.#checkReport();
    const metrics = await MetricsPort.open(this.#supervisor, this.#file, this.#settings);
    const control = await ControlServer.open(controlAt, (command) => this.#answer(command));
    const unhear = await onStopSignals((signal) => void this.#stopBy(signal));
    const onReload = (): void => this.#reloadUnasked("SIGHUP");
    process.on("SIGHUP", onReload);
    this.#file?.onReload((report) => this.#tell(report));
    const unwatch = this.#settings.watch === true
      ? watchFiles(this.#settings.program, (file) => this.#reloadUnasked(`${file} has changed`))
      : null;
    try {
      await this.#supervisor.start();
      const { clean } = await this.#end;
      if (this.#forcedBy === null) await metrics?.lastScraped();
      if (this.#forcedBy !== null) return signalExitCode(this.#forcedBy);
      return clean ? 0 : 1;
    } catch (error) {
      if (!(error instanceof StartFailedError)) throw error;
      console.error(`sluice: ${error.message}`);
      return error.exitCode;
    } finally {
      unwatch?.();
      void metrics?.close();
      control.close();
      unhear();
      process.off("SIGHUP", onReload);
    }
  }

  /** @throws {StartError} It can't be written: better known now than at the first reload. */
  #checkReport(): void {
    const { report } = this.#settings;
    try {
      if (report !== undefined) appendFileSync(report, "");
    } catch (error) {
      throw new StartError(`The file of --report can't be written: ${(error as Error).message}`);
    }
  }

  #stopBy(signal: string): Promise<SuperviseReport> {
    if (this.#stop === null) return this.#stop = this.#stopAndTell(signal);
    this.#forcedBy = signal;
    void this.#supervisor.stop(signal);
    return this.#stop;
  }

  async #stopAndTell(signal: string): Promise<SuperviseReport> {
    const report = await this.#supervisor.stop(signal);
    await this.#tell(report);
    this.#ended(report);
    return report;
  }

  /** Nobody waits for it: what went wrong is told here. */
  #reloadUnasked(cause: string): void {
    this.#reload(cause).catch((error) => console.error(`sluice: The reload failed: ${(error as Error).message}`));
  }

  async #reload(cause: string): Promise<SuperviseReport> {
    const report = await (this.#file?.reload(cause) ?? this.#supervisor.reload(cause));
    await this.#tell(report);
    return report;
  }

  async #answer(command: string): Promise<object> {
    if (command === "status") return { ...this.#supervisor.status(), config: this.#file?.status ?? null };
    if (command === "reload") return await this.#reload("sluice reload");
    if (command === "stop") return await this.#stopBy("SIGTERM");
    throw new Error(`There is no command ${JSON.stringify(command)}`);
  }

  async #tell(report: SuperviseReport): Promise<void> {
    const line = JSON.stringify(report);
    const { report: file } = this.#settings;
    if (process.stdout.isTTY !== true) await this.#print(line);
    else await this.#print(formatSuperviseReport(report));
    if (file === undefined) return;
    try {
      appendFileSync(file, `${line}\n`);
    } catch (error) {
      console.error(`sluice: The report can't be written: ${(error as Error).message}`);
    }
  }
}

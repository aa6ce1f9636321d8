/**
 * The `sluice.json` of a `sluice run`: read whole, watched, and a change of it applied by all or by nobody.
 *
 * @module
 */
import type { Logger } from "../../../mod.ts";
import { type Config, ConfigError } from "../../run/config/mod.ts";
import { type ChangePlan, findRunConfig, loadRunConfig, planChange, type RunConfig } from "../../run/run_config/mod.ts";
import type { SuperviseReport, Supervisor } from "../../run/supervisor/mod.ts";
import { UsageError } from "../usage_errors.ts";
import { changeable, commandOf, runSettings, type Typed } from "./run_settings.ts";

/** What `sluice status` shows of it. */
export interface RunFileStatus {
  readonly file: string;
  readonly loadedAt: string;
  readonly applied: number;
  readonly refused: number;
  /** Why what the file has now is not in use; null if it is. */
  readonly error: string | null;
}

/** One file, and the supervisor that it governs. */
export class RunFile {
  readonly #config: Config<RunConfig>;
  readonly #log: Required<Logger>;
  #supervisor: Supervisor | null = null;
  #typed: Typed | null = null;
  #onReload: (report: SuperviseReport) => unknown = () => {};
  /** The reload that the last change has made. */
  #made: SuperviseReport | null = null;

  private constructor(config: Config<RunConfig>, log: Required<Logger>) {
    this.#config = config;
    this.#log = log;
  }

  /**
   * Null if none was named and none is there.
   *
   * @throws {UsageError} It can't be read, or is wrong.
   */
  static async open(named: string | undefined, logger: Required<Logger>): Promise<RunFile | null> {
    const file = named ?? findRunConfig();
    if (file === null) return null;
    try {
      return new RunFile(await loadRunConfig(file, { watch: true, logger }), logger);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new UsageError(error.message, { cause: error });
    }
  }

  /** How it fares, for metrics. */
  get measured(): Pick<Config<RunConfig>, "status"> {
    return this.#config;
  }

  get value(): RunConfig {
    return this.#config.value;
  }

  get status(): RunFileStatus {
    const { file, loadedAt, applied, refused, error } = this.#config.status;
    return { file, loadedAt: loadedAt.toISOString(), applied, refused, error: error?.message ?? null };
  }

  /** Its changes are the supervisor's from now on. */
  async govern(supervisor: Supervisor, typed: Typed): Promise<void> {
    this.#supervisor = supervisor;
    this.#typed = typed;
    if (this.value.limits !== undefined) await supervisor.configure(this.value.limits);
    this.#config.onChange(async (next, previous) => {
      try {
        await this.#apply(planChange(previous, next), next);
      } catch (error) {
        supervisor.change(changeable(runSettings(typed, previous)));
        if (previous.limits !== undefined) await supervisor.configure(previous.limits);
        throw error;
      }
    });
  }

  /** Hears of reloads that a change of the file has made. */
  onReload(hear: (report: SuperviseReport) => unknown): void {
    this.#onReload = hear;
  }

  /** Reads it anew, and reloads once, whatever has changed; a file that is wrong calls it off. */
  async reload(cause: string): Promise<SuperviseReport> {
    this.#made = null;
    const hear = this.#onReload;
    // Whoever asked tells of this one.
    this.#onReload = () => {};
    try {
      await this.#config.reload();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return this.#made ?? calledOff(cause, error.message, this.#supervisor!.status().generation);
    } finally {
      this.#onReload = hear;
    }
    return this.#made ?? await this.#supervisor!.reload(cause);
  }

  close(): void {
    this.#config.close();
  }

  async #apply(plan: ChangePlan, next: RunConfig): Promise<void> {
    const supervisor = this.#supervisor!;
    const settings = runSettings(this.#typed!, next);
    // What can't be started is refused before anything has changed.
    commandOf(settings);
    supervisor.change(changeable(settings));
    if (plan.restart.length > 0) {
      this.#log.warn(`Changes of ${plan.restart.join(", ")} wait for the next start of sluice run`);
    }
    if (plan.limits !== null) {
      const fault = await supervisor.configure(plan.limits);
      if (fault !== null) throw new Error(fault);
    }
    const paths = [...plan.reload, ...plan.tls];
    if (paths.length === 0) return;
    const report = this.#made = await supervisor.reload(`sluice.json: ${paths.join(", ")}`);
    await this.#onReload(report);
    if (!report.done) throw new Error(report.reason);
  }
}

function calledOff(cause: string, reason: string, generation: number): SuperviseReport {
  return { kind: "reload", cause, clean: false, done: false, reason, generation, duration: 0, workers: [] };
}

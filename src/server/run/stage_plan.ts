/**
 * How one budget is shared among servers that stop one stage after the other.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import type { DrainOptions } from "../serve_options.ts";
import type { Server, ShutdownOptions } from "../server_api.ts";

/** What a plan needs of a server. */
export type PlannedServer = Pick<Server, "name" | "checkShutdown">;

/**
 * Stages, and for each a share of the budget that those before it leave alone. All of a stage's servers have the stage's
 * time; what a stage doesn't use is the next one's.
 */
export class StagePlan<T extends PlannedServer> {
  readonly stages: readonly (readonly T[])[];
  /** Budget of the whole stop, in ms: the one given; or the longest of the servers' own, and a wait behind them. */
  readonly grace: number;
  readonly #options: DrainOptions;
  /** For work after the last stage, in ms. */
  readonly #reserve: number;
  readonly #shares: readonly number[];
  readonly #own: ReadonlyMap<T, number>;

  /** @throws {OptionError} The parts exceed the budget. */
  constructor(stages: readonly (readonly T[])[], options: DrainOptions, reserve: number) {
    this.stages = stages;
    this.#options = options;
    this.#reserve = reserve;
    const budgets = stages.map((stage) => stage.map((server) => server.checkShutdown({ ...options, reserve })));
    this.#own = new Map(stages.flatMap((stage, i) => stage.map((server, j) => [server, budgets[i][j].grace] as const)));
    this.#shares = budgets.map((stage) => Math.max(...stage.map(({ least }) => least)));
    const all = budgets.flat();
    const wait = options.grace === undefined ? Math.max(0, ...all.map((budget) => budget.wait)) : 0;
    const longest = Math.max(0, ...all.filter((budget) => budget.wait === 0).map(({ grace }) => grace)) + wait;
    this.grace = Math.max(longest, ...this.#own.values());
    if (stages.length > 1) this.#check();
  }

  /** How a server of the stage with this index stops, `elapsed` ms after the first did. */
  optionsFor(server: T, index: number, elapsed: number): ShutdownOptions {
    const options = { ...this.#options, reserve: this.#reserve };
    if (this.stages.length === 1) return options;
    const left = this.grace - elapsed - this.#later(index);
    if (index === 0) return { ...options, grace: this.#atMost(server, Math.max(0, left)) };
    // On a machine that lags a stage may begin too late: its share is its own all the same.
    const grace = this.#atMost(server, Math.max(left, this.#shares[index] + this.#reserve));
    return { ...options, grace, begun: elapsed };
  }

  #atMost(server: T, grace: number): number {
    return Math.min(this.#own.get(server)!, grace);
  }

  /** What is kept for the stages behind this one, in ms. */
  #later(index: number): number {
    return this.#shares.slice(index + 1).reduce((sum, share) => sum + share, 0);
  }

  #check(): void {
    try {
      for (const [i, stage] of this.stages.entries()) {
        const latest = Math.max(0, this.grace - this.#later(i - 1) - this.#reserve);
        for (const elapsed of i === 0 ? [0] : [0, latest]) {
          for (const server of stage) server.checkShutdown(this.optionsFor(server, i, elapsed));
        }
      }
    } catch (error) {
      throw error instanceof OptionError ? this.#explained(error) : error;
    }
  }

  #explained(error: OptionError): OptionError {
    const kept = this.stages.map((stage, i) => {
      return `${Math.ceil(this.#shares[i])} ms for ${stage.map(({ name }) => name).join(" and ")}`;
    });
    const message = `${error.message}; of the ${this.grace} ms of all stages, run() keeps ${kept.slice(1).join(", ")}`;
    return new OptionError(error.option, message, { cause: error });
  }
}

/**
 * Runs every round of every scenario, until the end or an interruption.
 *
 * @module
 */
import {
  addLosses,
  type RoundReport,
  type Scenario,
  type ScenarioName,
  SCENARIOS,
  VerifyError,
  type VerifyReport,
} from "../../verify/mod.ts";
import type { VerifySettings } from "./verify_options.ts";
import { runRolling } from "./rolling.ts";
import { type RoundResult, runRound, worldOf } from "./round.ts";

/** A scenario that was left out. */
export type Skipped = VerifyReport["skipped"][number];

/** Who watches. */
export interface VerifyEvents {
  /** A round begins. */
  begins(scenario: ScenarioName, round: number): void;
  /** A round is over. */
  ended(report: RoundReport, output: string): void;
  /** A scenario is left out, or could not get to work. */
  skipped(scenario: Skipped): void;
}

/** What is known so far; complete when `run` has fulfilled. */
export class Verification {
  readonly #settings: VerifySettings;
  readonly #events: VerifyEvents;
  readonly #rounds: RoundReport[] = [];
  readonly #skipped: Skipped[] = [];
  #failed = false;

  constructor(settings: VerifySettings, events: VerifyEvents) {
    this.#settings = settings;
    this.#events = events;
  }

  /**
   * Runs everything, unless `interrupted` says that it is enough.
   *
   * @throws {StartError} The server can't be started.
   */
  async run(interrupted: () => boolean): Promise<void> {
    const { scenarios, rounds } = this.#settings;
    for (const scenario of SCENARIOS.filter(({ name }) => scenarios.includes(name))) {
      const reason = this.#unfit(scenario) ?? (this.#hopeless ? "not tried: the one before could not be run" : null);
      if (reason === null) await this.#playAll(scenario, rounds, interrupted);
      else this.#skip(scenario, reason);
    }
  }

  /** What was found so far. */
  report(): VerifyReport {
    const { command, kind } = this.#settings;
    return {
      command: command.join(" "),
      kind,
      scenarios: this.#rounds,
      skipped: this.#skipped,
      totals: addLosses(this.#rounds.map(({ losses }) => losses)),
      clean: this.#rounds.length > 0 && !this.#failed && this.#rounds.every(({ clean }) => clean),
    };
  }

  /** Nothing has worked so far: who is not understood by the first scenario is not by the others, and each waits long. */
  get #hopeless(): boolean {
    return this.#failed && this.#rounds.length === 0;
  }

  #unfit(scenario: Scenario): string | null {
    const { kind, place } = this.#settings;
    if (!scenario.kinds.includes(kind)) return `not for ${kind}`;
    return scenario.unfit(worldOf(this.#settings, place.port === 0 ? { ...place, port: 1 } : place, scenario, 0));
  }

  #skip({ name }: Scenario, reason: string): void {
    const skipped = { scenario: name, reason };
    this.#skipped.push(skipped);
    this.#events.skipped(skipped);
  }

  async #playAll(scenario: Scenario, rounds: number, interrupted: () => boolean): Promise<void> {
    for (let round = 1; round <= rounds && !interrupted() && !this.#hopeless; round++) {
      await this.#play(scenario, round, interrupted);
    }
  }

  async #play(scenario: Scenario, round: number, interrupted: () => boolean): Promise<void> {
    this.#events.begins(scenario.name, round);
    const result = await this.#attempt(scenario, round, interrupted);
    if (result === null || interrupted()) return;
    this.#rounds.push(result.report);
    this.#events.ended(result.report, result.output);
  }

  /** A scenario that this server doesn't get through is told, and the others are run all the same. */
  async #attempt(scenario: Scenario, round: number, interrupted: () => boolean): Promise<RoundResult | null> {
    try {
      return await (this.#settings.rolling ? runRolling : runRound)(scenario, round, this.#settings);
    } catch (error) {
      if (interrupted()) return null;
      if (!(error instanceof VerifyError)) throw error;
      this.#failed = true;
      this.#skip(scenario, `could not be run: ${error.message}`);
      return null;
    }
  }
}

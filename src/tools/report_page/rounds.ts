/**
 * The rounds of a verification, scenario by scenario: what was lost, and which of it the server is to blame for.
 *
 * @module
 */
import { LOSSES, type LossName, noLosses, type RoundReport, type ScenarioName, SCENARIOS } from "../verify/mod.ts";

/** All rounds of one scenario together. */
export interface ScenarioSum {
  readonly scenario: ScenarioName;
  readonly rounds: readonly RoundReport[];
  readonly clean: boolean;
  readonly sent: number;
  readonly answered: number;
  /** All that was lost or counted, by class. */
  readonly losses: Readonly<Record<LossName, number>>;
  /** The part of it that the server is to blame for. */
  readonly blamed: Readonly<Record<LossName, number>>;
  /** How many losses the server is to blame for. */
  readonly lost: number;
}

/** What even a server that was forced must do right. */
const FORCED: ReadonlySet<LossName> = new Set(["stillThere", "exitCode"]);

/** The scenarios in the order of their first rounds. */
export function sumScenarios(rounds: readonly RoundReport[]): ScenarioSum[] {
  const names = [...new Set(rounds.map(({ scenario }) => scenario))];
  return names.map((name) => sumRounds(name, rounds.filter(({ scenario }) => scenario === name)));
}

/** What clients and server do in a scenario, in sentences. */
export function aboutScenario(name: ScenarioName): string {
  return SCENARIOS.find((scenario) => scenario.name === name)?.about ?? "";
}

function sumRounds(scenario: ScenarioName, rounds: readonly RoundReport[]): ScenarioSum {
  const [losses, blamed] = [noLosses(), noLosses()];
  for (const round of rounds) {
    for (const { name } of LOSSES) {
      losses[name] += round.losses[name];
      blamed[name] += isBlamed(round, name) ? round.losses[name] : 0;
    }
  }
  return {
    scenario,
    rounds,
    clean: rounds.every(({ clean }) => clean),
    sent: rounds.reduce((sum, { messages }) => sum + messages.sent, 0),
    answered: rounds.reduce((sum, { messages }) => sum + messages.answered, 0),
    losses,
    blamed,
    lost: LOSSES.reduce((sum, { name }) => sum + blamed[name], 0),
  };
}

/** In a round that is clean, and in a stop that was forced, losses are only counted. */
function isBlamed({ scenario, clean }: RoundReport, name: LossName): boolean {
  const forced = SCENARIOS.find((each) => each.name === scenario)?.expectation.forced ?? false;
  return !clean && LOSSES.some((each) => each.name === name && each.blamed) && (!forced || FORCED.has(name));
}

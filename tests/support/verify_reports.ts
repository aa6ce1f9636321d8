/**
 * Made reports of verifications, as a run might have given them: for tests of what shows them.
 *
 * @module
 */
import {
  addLosses,
  type LossCounts,
  noLosses,
  type RoundReport,
  type ScenarioName,
  type VerifyReport,
} from "../../src/tools/verify/mod.ts";

const NAMES: readonly ScenarioName[] = [
  "ping-pong",
  "pipelined",
  "slow-reader",
  "half-message",
  "big-message",
  "late-request",
  "upload",
  "half-closed",
  "connect-storm",
  "silent",
  "second-signal",
];

/** A server that loses nothing, asked three times in each way. */
export function cleanReport(): VerifyReport {
  const rounds = NAMES.flatMap((scenario, i) => [1, 2, 3].map((round) => cleanRound(scenario, round, i)));
  return summed("node server.ts", rounds);
}

/** A server that loses in every known way, and says things with markup in them. */
export function losingReport(): VerifyReport {
  const rounds = NAMES.map((scenario, i) => cleanRound(scenario, 1, i));
  const lose = (
    at: number,
    losses: Partial<LossCounts>,
    details: readonly string[],
    rest: Partial<RoundReport> = {},
  ) => {
    const round = rounds[at];
    const { unansweredBeforeSignal = 0, unansweredBeforeEnd = 0, truncated = 0 } = losses;
    const answered = round.messages.sent - unansweredBeforeSignal - unansweredBeforeEnd - truncated;
    const messages = { ...round.messages, answered };
    rounds[at] = { ...round, losses: { ...round.losses, ...losses }, messages, details, clean: false, ...rest };
  };
  lose(0, { truncated: 3, unansweredBeforeSignal: 12 }, [
    "client 4: the answer to message 31 ended after 120 of 4,096 bytes",
    `client 7: got "<img src=x onerror=alert(1)>\u202e" for message 12`,
  ]);
  lose(1, { unansweredBeforeSignal: 361, unansweredBeforeEnd: 44 }, ["client 1: 9 messages unanswered"]);
  lose(5, { resetInsteadOfFin: 50 }, ["client 2: reset 4 ms after the signal"]);
  lose(7, { stillThere: 1 }, ["still there after 10000 ms"], { stop: { took: null, code: null, signal: "SIGKILL" } });
  lose(8, { acceptedThenReset: 194 }, ["client 0: connected, then reset"]);
  lose(9, { exitCode: 1 }, ["exit code 143"], { stop: { took: 41, code: 143, signal: null } });
  return summed(`go run ./server -title '<b>"us" & them</b>'`, rounds);
}

/** Nothing could be run. */
export function nothingRunReport(): VerifyReport {
  return summed("true", []);
}

function cleanRound(scenario: ScenarioName, round: number, i: number): RoundReport {
  const forced = scenario === "second-signal";
  const storm = scenario === "connect-storm";
  const losses = { ...noLosses(), refused: storm ? 212 : 0, afterEnd: i % 3, unansweredBeforeEnd: forced ? 48 : 0 };
  const sent = 900 + 311 * i + round;
  return {
    scenario,
    round,
    losses,
    details: [],
    messages: { sent, answered: sent - losses.unansweredBeforeEnd, afterEnd: losses.afterEnd, refused: losses.refused },
    stop: { took: forced ? 35 : 320 + 137 * (i % 5) + 40 * round, code: forced ? 143 : 0, signal: null },
    clean: true,
  };
}

function summed(command: string, scenarios: readonly RoundReport[]): VerifyReport {
  return {
    command,
    kind: "http",
    scenarios,
    skipped: [{ scenario: "stream", reason: "there is no path of a long answer, give one" }],
    totals: addLosses(scenarios.map(({ losses }) => losses)),
    clean: scenarios.every(({ clean }) => clean),
  };
}

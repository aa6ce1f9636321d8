/**
 * Made reports of verifications, as a run might have given them: for tests of what shows them.
 *
 * @module
 */
import {
  addLosses,
  type LossCounts,
  noLosses,
  noReloadLosses,
  type PartFigures,
  RELOAD_LOSSES,
  type ReloadPart,
  type ReloadReport,
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

/** Reloads that lost nothing, with a worker that was killed before the first. */
export function cleanReloads(): ReloadReport {
  return reloadsOf([
    {
      ...figures(),
      kind: "kill",
      number: 1,
      at: 400,
      took: 1000,
      answered: 697,
      held: { connections: 2, messages: 3 },
    },
    { ...figures(), kind: "reload", number: 1, at: 1800, took: 2000 },
    { ...figures(), kind: "reload", number: 2, at: 4200, took: 2000 },
  ], []);
}

/** Two reloads, of which one lost much and failed, by somebody who likes markup. */
export function losingReloads(): ReloadReport {
  const losses = { ...noReloadLosses(), refused: 12, reset: 3, reloadFailed: 1 };
  return reloadsOf([
    { ...figures(), kind: "reload", number: 1, at: 400, took: 2000 },
    { ...figures(), kind: "reload", number: 2, at: 2800, took: 61_000, answered: 690, lost: 10, losses },
  ], [
    "refused connection (storm, 4 ms into reload 2): nobody listens",
    `reload that failed (61000 ms into reload 2): <b onclick="x">it</b> said\u202e nothing`,
  ]);
}

function figures(): PartFigures {
  return {
    connections: 120,
    sent: 700,
    answered: 700,
    lost: 0,
    afterEnd: 1,
    losses: noReloadLosses(),
    held: { connections: 0, messages: 0 },
    connectWait: { count: 120, p50: 0.52, p99: 2.2, max: 9.9 },
    answerWait: { count: 600, p50: 1.1, p99: 4, max: 21.2 },
  };
}

function reloadsOf(parts: readonly ReloadPart[], details: readonly string[]): ReloadReport {
  const between = figures();
  const of = (kind: ReloadPart["kind"]) => sumOf(parts.filter((part) => part.kind === kind));
  const total = sumOf([...parts, between]);
  return {
    command: `node '<b>"us" & them</b>'`,
    kind: "http",
    clients: { storm: 17, asking: 9, webSocket: 1 },
    parts,
    during: of("reload"),
    kills: of("kill"),
    between,
    total,
    details,
    stop: { took: 20, code: 0, signal: null },
    clean: details.length === 0,
  };
}

function sumOf(all: readonly PartFigures[]): PartFigures {
  const sum = (count: (figures: PartFigures) => number) => all.reduce((so, each) => so + count(each), 0);
  const losses = noReloadLosses();
  for (const each of all) for (const { name } of RELOAD_LOSSES) losses[name] += each.losses[name];
  return {
    ...figures(),
    connections: sum(({ connections }) => connections),
    sent: sum(({ sent }) => sent),
    answered: sum(({ answered }) => answered),
    lost: sum(({ lost }) => lost),
    losses,
    held: { connections: sum(({ held }) => held.connections), messages: sum(({ held }) => held.messages) },
  };
}

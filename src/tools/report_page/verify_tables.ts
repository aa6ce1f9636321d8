/**
 * The tables of a verification.
 *
 * @module
 */
import { type LossClass, LOSSES, type LossName, type RoundReport, type VerifyReport } from "../verify/mod.ts";
import { formatCount, formatMs, NO_NUMBER, plural } from "./format.ts";
import { type Markup, markup, shortened } from "./markup.ts";
import type { ScenarioSum } from "./rounds.ts";
import { type Column, numbersBehind, tableMarkup } from "./table.ts";

/** Longest text of one loss that is shown. */
const LONGEST_DETAIL = 400;

/** The classes in two or three words, for the head of a column. */
const SHORT: Readonly<Record<LossName, string>> = {
  truncated: "answer in part",
  unansweredBeforeSignal: "unanswered, sent before signal",
  unansweredBeforeEnd: "unanswered, sent before end",
  acceptedThenReset: "accepted, then reset",
  noClose: "no Close",
  wrongCode: "wrong Close code",
  resetInsteadOfFin: "reset, not FIN",
  stillThere: "not gone",
  exitCode: "wrong exit code",
  refused: "refused",
  turnedAway: "turned away",
  afterEnd: "sent after end",
};

/** One row per scenario. On a narrow screen each becomes a card of what there is to say. */
export function scenarioTable(sums: readonly ScenarioSum[]): Markup {
  const found = LOSSES.filter(({ name }) => sums.some(({ losses }) => losses[name] > 0));
  const classes = [...found.filter(({ blamed }) => blamed), ...found.filter(({ blamed }) => !blamed)];
  const several = sums.some(({ rounds }) => rounds.length > 1);
  return tableMarkup({
    caption: `One row for each scenario${several ? ", all its rounds together" : ""}`,
    cards: true,
    columns: [
      { head: "scenario" },
      { head: "verdict" },
      { head: "time to exit", numeric: true },
      { head: "exit code", numeric: true },
      ...(several ? [{ head: "rounds", numeric: true }] : []),
      ...["sent", "answered", "lost"].map((head) => ({ head, numeric: true })),
      ...classes.map(lossColumn),
    ],
    rows: sums.map((sum) => [
      markup`<span class="name">${sum.scenario}</span>`,
      verdict(sum.clean),
      timeWords(sum.rounds),
      codeWords(sum.rounds),
      ...(several ? [formatCount(sum.rounds.length)] : []),
      formatCount(sum.sent),
      formatCount(sum.answered),
      lossCount(sum.lost, sum.lost),
      ...classes.map(({ name }) => lossCount(sum.losses[name], sum.blamed[name])),
    ]),
  });
}

/** What each class means, how often it was found, and whether the server is to blame for it. */
export function classTable({ totals }: VerifyReport): Markup {
  return tableMarkup({
    caption: "Blamed on the server, or only counted",
    columns: [{ head: "class" }, { head: "found", numeric: true }, { head: "judged" }],
    rows: LOSSES.map(({ name, words, blamed }) => [
      markup`${words} <code class="quiet">${name}</code>`,
      formatCount(totals[name]),
      blamed ? "blamed" : "counted",
    ]),
  });
}

/** What happened to whom, in the rounds that have something to tell. */
export function detailList(rounds: readonly RoundReport[]): Markup | null {
  const telling = rounds.filter(({ details }) => details.length > 0);
  if (telling.length === 0) return null;
  const several = rounds.some(({ round }) => round > 1);
  return markup`${telling.map((round) => details(round, several))}`;
}

/** Every round on its own, folded away. */
export function roundTable(rounds: readonly RoundReport[]): Markup {
  const heads = ["round", "sent", "answered", "refused", "after the end", "time to exit", "exit code"];
  return numbersBehind({
    id: "round-numbers",
    caption: `Every round in numbers, ${plural(rounds.length, "round")}`,
    columns: [{ head: "scenario" }, ...heads.map((head) => ({ head, numeric: true })), { head: "verdict" }],
    rows: rounds.map(({ scenario, round, messages, stop, clean }) => [
      scenario,
      formatCount(round),
      formatCount(messages.sent),
      formatCount(messages.answered),
      formatCount(messages.refused),
      formatCount(messages.afterEnd),
      stop.took === null ? "not gone" : formatMs(stop.took),
      exitWords(stop),
      verdict(clean),
    ]),
  });
}

function lossColumn({ name, words, blamed }: LossClass): Column {
  return { head: SHORT[name], numeric: true, hint: `${words}; ${blamed ? "blamed" : "only counted"}` };
}

/** What is blamed stands out; what is not there steps back. */
function lossCount(count: number, blamed: number): Markup {
  return markup`<span class="${blamed > 0 ? "bad-words" : count > 0 ? "counted" : "zero"}">${
    formatCount(count)
  }</span>`;
}

function verdict(clean: boolean): Markup {
  return clean ? markup`<span class="good-words">✓ clean</span>` : markup`<span class="bad-words">✗ not clean</span>`;
}

function timeWords(rounds: readonly RoundReport[]): string {
  const times = rounds.flatMap(({ stop }) => stop.took === null ? [] : [stop.took]);
  const stuck = times.length < rounds.length ? ["not gone"] : [];
  if (times.length === 0) return stuck[0] ?? NO_NUMBER;
  const [least, most] = [formatMs(Math.min(...times)), formatMs(Math.max(...times))];
  return [least === most ? least : `${least} to ${most}`, ...stuck].join(", ");
}

function codeWords(rounds: readonly RoundReport[]): string {
  return [...new Set(rounds.map(({ stop }) => exitWords(stop)))].join(", ");
}

function exitWords({ code, signal }: RoundReport["stop"]): string {
  return code === null ? signal ?? NO_NUMBER : String(code);
}

function details({ scenario, round, details, clean }: RoundReport, several: boolean): Markup {
  return markup`
    <h3>${scenario}${several ? `, round ${round}` : ""} ${verdict(clean)}</h3>
    <ul class="details">
    ${details.map((text) => markup`<li><bdi>${shortened(text, LONGEST_DETAIL)}</bdi></li>`)}
    </ul>`;
}

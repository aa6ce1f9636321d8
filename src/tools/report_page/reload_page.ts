/**
 * The page of a proof of reloads.
 *
 * @module
 */
import {
  countLosses,
  type PartFigures,
  RELOAD_LOSSES,
  type ReloadLossName,
  type ReloadPart,
  type ReloadReport,
  type WaitFigures,
} from "../verify/mod.ts";
import { formatCount, formatMs, listed, NO_NUMBER, plural } from "./format.ts";
import { commandMarkup, keyFigures, pageText, termList } from "./frame.ts";
import { type Markup, markup, shortened } from "./markup.ts";
import type { PageOptions } from "./page_options.ts";
import { tableMarkup } from "./table.ts";
import { KINDS } from "./verify_page.ts";
import { waitChart } from "./wait_chart.ts";

/** Longest text of one loss that is shown. */
const LONGEST_DETAIL = 400;

/** The classes in two or three words, for the head of a column. */
const SHORT: Readonly<Record<ReloadLossName, string>> = {
  refused: "refused",
  reset: "reset",
  unanswered: "unanswered",
  truncated: "answer in part",
  turnedAway: "turned away",
  noClose: "no Close",
  wrongCode: "wrong Close code",
  reloadFailed: "failed",
  ended: "ended",
  stillThere: "not gone",
  exitCode: "wrong exit code",
};

const RULES = "The address of a server that reloads never goes away. So who connects is to be let in and answered: a " +
  "refused, reset or unanswered connection is lost. A connection may end where its client can see it, by FIN, " +
  "Connection: close or a Close with 1001, 1000 or 1012: who comes again then has lost nothing.";

/**
 * The report of reloads as one HTML page that needs nothing from anywhere.
 *
 * @param report What was found.
 * @param options What the report does not say.
 */
export function reloadPage(report: ReloadReport, options: PageOptions = {}): string {
  const { command, kind, parts, details, total, clean } = report;
  const headline = headlineOf(report);
  return pageText({
    title: `${headline}: ${command}`,
    kind: ["Sluice verify --reload", KINDS[kind] ?? kind],
    headline,
    verdict: clean ? "good" : "bad",
    lead: [markup`<code>${command}</code>`, ...leadOf(report)],
    sections: [
      { id: "figures", title: "In numbers", quiet: true, body: figures(report) },
      { id: "reloads", title: "The reloads", body: partTable(report) },
      { id: "waits", title: "How long clients waited", body: parts.length === 0 ? null : waitChart(report) },
      { id: "wait-figures", title: "Waits in numbers", quiet: true, body: waitTable(report) },
      { id: "seen", title: "What was seen", body: details.length === 0 ? null : detailList(details) },
      { id: "classes", title: "What counts as lost", body: markup`<p class="note">${RULES}</p>${classTable(total)}` },
      { id: "run", title: "The run", body: theRun(report, options) },
    ],
  });
}

function headlineOf({ parts, total, clean }: ReloadReport): string {
  const reloads = plural(parts.filter(({ kind }) => kind === "reload").length, "reload");
  if (clean) return `Nothing was lost in ${reloads}`;
  const lost = countLosses(total.losses);
  return lost === 0 ? `Not proven in ${reloads}` : `${plural(lost, "loss", "losses")} in ${reloads}`;
}

function leadOf({ total, kills, parts, clients, clean }: ReloadReport): string[] {
  const { connections, sent, answered } = total;
  const all = Object.values(clients).reduce((sum, count) => sum + count, 0);
  const words = [
    `${plural(all, "client")} made ${plural(connections, "connection")}: ` +
    `${plural(sent, "message")} sent, ${formatCount(answered)} answered.`,
  ];
  const killed = parts.filter(({ kind }) => kind === "kill").length;
  if (killed > 0) {
    const { held } = kills;
    words.push(
      `${plural(killed, "worker")} killed between reloads held ${plural(held.connections, "connection")} ` +
        `and ${plural(held.messages, "message")} that are lost with them, and not blamed.`,
    );
  }
  const classes = RELOAD_LOSSES.filter(({ name }) => total.losses[name] > 0).map(({ name }) => SHORT[name]);
  return clean || classes.length === 0 ? words : [...words, `Not clean: ${listed(classes)}.`];
}

function figures({ total, during, between, parts }: ReloadReport): Markup {
  const lost = countLosses(total.losses);
  const reloads = parts.filter(({ kind }) => kind === "reload");
  const dirty = reloads.filter(({ losses }) => countLosses(losses) > 0).length;
  return keyFigures([
    { name: "clean reloads", value: `${reloads.length - dirty} of ${reloads.length}`, bad: dirty > 0 },
    { name: "lost", value: formatCount(lost), bad: lost > 0 },
    { name: "connections made", value: formatCount(total.connections) },
    { name: "refused", value: formatCount(total.losses.refused), bad: total.losses.refused > 0 },
    { name: "messages answered", value: formatCount(total.answered) },
    { name: "longest wait in a reload", value: formatMs(longestOf(during)) },
    { name: "longest wait outside", value: formatMs(longestOf(between)) },
  ]);
}

function longestOf({ connectWait, answerWait }: PartFigures): number {
  return Math.max(connectWait.max, answerWait.max);
}

/** Every part, what was between them, and everything. */
function rowsOf({ parts, between, total }: ReloadReport): (readonly [name: string, took: string, PartFigures])[] {
  return [
    ...parts.map((part) => [partName(part), formatMs(part.took), part] as const),
    ["between", NO_NUMBER, between],
    ["in all", NO_NUMBER, total],
  ];
}

function partName({ kind, number }: ReloadPart): string {
  return `${kind} ${number}`;
}

function partTable(report: ReloadReport): Markup {
  const found = RELOAD_LOSSES.filter(({ name }) => report.total.losses[name] > 0);
  const killed = report.parts.some(({ kind }) => kind === "kill");
  const counts = ["connections", "sent", "answered", "messages lost", ...killed ? ["held by the killed"] : []];
  return tableMarkup({
    caption: "One row for each reload; what began before it and ended in it counts in it",
    cards: true,
    columns: [
      { head: "part" },
      { head: "verdict" },
      ...["took", ...counts, "losses"].map((head) => ({ head, numeric: true })),
      ...found.map(({ name, words }) => ({ head: SHORT[name], numeric: true, hint: words })),
    ],
    rows: rowsOf(report).map(([name, took, { connections, sent, answered, lost, held, losses }]) => [
      markup`<span class="name">${name}</span>`,
      verdict(countLosses(losses) === 0),
      took,
      ...[connections, sent, answered, lost, ...killed ? [held.messages] : []].map(formatCount),
      lossCount(countLosses(losses)),
      ...found.map((loss) => lossCount(losses[loss.name])),
    ]),
  });
}

function waitTable(report: ReloadReport): Markup {
  const of = ({ count, p50, p99, max }: WaitFigures) =>
    count === 0 ? Array(3).fill(NO_NUMBER) : [p50, p99, max].map(formatMs);
  const heads = ["connection p50", "p99", "longest", "answer p50", "p99", "longest"];
  return tableMarkup({
    caption: "Waits for a connection, and for an answer (uploads and streams left out)",
    columns: [{ head: "part" }, ...heads.map((head) => ({ head, numeric: true }))],
    rows: rowsOf(report).map(([name, , { connectWait, answerWait }]) => [name, ...of(connectWait), ...of(answerWait)]),
  });
}

function classTable({ losses }: PartFigures): Markup {
  return tableMarkup({
    caption: "All of it is blamed on the server",
    columns: [{ head: "class" }, { head: "found", numeric: true }],
    rows: RELOAD_LOSSES.map(({ name, words }) => [
      markup`${words} <code class="quiet">${name}</code>`,
      formatCount(losses[name]),
    ]),
  });
}

function detailList(details: readonly string[]): Markup {
  return markup`
    <ul class="details">
    ${details.map((text) => markup`<li><bdi>${shortened(text, LONGEST_DETAIL)}</bdi></li>`)}
    </ul>`;
}

function verdict(clean: boolean): Markup {
  return clean ? markup`<span class="good-words">✓ clean</span>` : markup`<span class="bad-words">✗ not clean</span>`;
}

function lossCount(count: number): Markup {
  return markup`<span class="${count > 0 ? "bad-words" : "zero"}">${formatCount(count)}</span>`;
}

function theRun({ command, kind, clients }: ReloadReport, options: PageOptions): Markup {
  const { repeat = `sluice verify --reload --kind ${kind} -- ${command}`, settings = [] } = options;
  const crew = Object.entries(clients).map(([name, count]) => `${count} ${name}`).join(", ");
  return markup`<p class="note">The same again:</p>
${commandMarkup(repeat)}
${termList([...settings, ["clients", crew]])}`;
}

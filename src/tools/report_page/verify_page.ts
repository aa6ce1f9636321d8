/**
 * The page of a verification.
 *
 * @module
 */
import type { VerifyReport } from "../verify/mod.ts";
import { formatCount, listed, plural } from "./format.ts";
import { commandMarkup, keyFigures, pageText, termList } from "./frame.ts";
import { type Markup, markup } from "./markup.ts";
import type { PageOptions } from "./page_options.ts";
import { aboutScenario, type ScenarioSum, sumScenarios } from "./rounds.ts";
import { stopChart, stopWords } from "./stop_chart.ts";
import { tableMarkup } from "./table.ts";
import { classTable, detailList, roundTable, scenarioTable } from "./verify_tables.ts";

/**
 * The report of a verification as one HTML page that needs nothing from anywhere.
 *
 * @param report What was found.
 * @param options What the report does not say.
 */
export function verifyPage(report: VerifyReport, options: PageOptions = {}): string {
  const { command, kind, scenarios, skipped, clean } = report;
  const sums = sumScenarios(scenarios);
  const empty = sums.length === 0;
  const headline = verifyHeadline(sums);
  return pageText({
    title: `${headline}: ${command}`,
    kind: ["Sluice verify", KINDS[kind] ?? kind],
    headline,
    verdict: empty ? "none" : clean ? "good" : "bad",
    lead: [markup`<code>${command}</code>`, ...verifyLead(sums)],
    sections: [
      { id: "figures", title: "In numbers", quiet: true, body: empty ? null : figures(sums) },
      {
        id: "scenarios",
        title: "Scenarios",
        body: empty ? null : markup`${scenarioTable(sums)}${roundTable(scenarios)}`,
      },
      { id: "seen", title: "What was seen", body: detailList(scenarios) },
      { id: "stop", title: "The stop", body: empty ? null : stopChart(sums) },
      { id: "skipped", title: "What was not run", body: skipped.length === 0 ? null : skippedTable(skipped) },
      { id: "classes", title: "What counts as lost", body: markup`<p class="note">${RULES}</p>${classTable(report)}` },
      { id: "about", title: "What the clients did", body: empty ? null : termList(sums.map(aboutRow)) },
      { id: "run", title: "The run", body: theRun(report, options) },
    ],
  });
}

/** What a server speaks, in words. */
export const KINDS: Readonly<Record<string, string>> = { tcp: "lines over TCP", http: "HTTP/1.1", ws: "WebSocket" };

const RULES = "A server is blamed for what it had received, or could have received, before its clients could see the " +
  "end: FIN, Connection: close or a Close frame. What a client sends later is its own fault, and a refused connection " +
  "tells it at once to go elsewhere: both are only counted. A second signal forces the stop: then only the exit itself is judged.";

function verifyHeadline(sums: readonly ScenarioSum[]): string {
  const bad = sums.filter(({ clean }) => !clean);
  const lost = bad.reduce((sum, each) => sum + each.lost, 0);
  if (sums.length === 0) return "Nothing was run";
  if (bad.length === 0) return `Nothing was lost in ${plural(sums.length, "scenario")}`;
  return `${plural(lost, "loss", "losses")} in ${formatCount(bad.length)} of ${plural(sums.length, "scenario")}`;
}

function verifyLead(sums: readonly ScenarioSum[]): string[] {
  const rounds = sums.reduce((sum, each) => sum + each.rounds.length, 0);
  if (rounds === 0) return [];
  const [sent, answered] = [total(sums, "sent"), total(sums, "answered")];
  const bad = sums.filter(({ clean }) => !clean).map(({ scenario }) => scenario);
  const words = [
    `The server was started and stopped ${rounds === 1 ? "once" : `${formatCount(rounds)} times`} under load: ` +
    `${plural(sent, "message")} sent, ${formatCount(answered)} answered whole. ${stopWords(sums)}`,
  ];
  return bad.length === 0 ? words : [...words, `Not clean: ${listed(bad)}.`];
}

function aboutRow({ scenario }: ScenarioSum): [name: string, value: string] {
  return [scenario, aboutScenario(scenario)];
}

function figures(sums: readonly ScenarioSum[]): Markup {
  const lost = total(sums, "lost");
  const clean = sums.filter((sum) => sum.clean).length;
  const counted = (name: "refused" | "turnedAway" | "afterEnd") =>
    sums.reduce((sum, { losses }) => sum + losses[name], 0);
  return keyFigures([
    { name: "clean scenarios", value: `${clean} of ${sums.length}`, bad: clean < sums.length },
    { name: "lost", value: formatCount(lost), bad: lost > 0 },
    { name: "messages sent", value: formatCount(total(sums, "sent")) },
    { name: "answered whole", value: formatCount(total(sums, "answered")) },
    { name: "refused (counted)", value: formatCount(counted("refused")) },
    { name: "turned away (counted)", value: formatCount(counted("turnedAway")) },
    { name: "after the end (counted)", value: formatCount(counted("afterEnd")) },
  ]);
}

function total(sums: readonly ScenarioSum[], field: "sent" | "answered" | "lost"): number {
  return sums.reduce((sum, each) => sum + each[field], 0);
}

function skippedTable(skipped: VerifyReport["skipped"]): Markup {
  return tableMarkup({
    caption: "Scenarios that could not be run here",
    columns: [{ head: "scenario" }, { head: "why" }],
    rows: skipped.map(({ scenario, reason }) => [scenario, reason]),
  });
}

function theRun({ command, kind }: VerifyReport, options: PageOptions): Markup {
  const { repeat = `sluice verify --kind ${kind} -- ${command}`, settings = [] } = options;
  return markup`<p class="note">The same again:</p>
${commandMarkup(repeat)}
${settings.length === 0 ? null : termList(settings)}`;
}

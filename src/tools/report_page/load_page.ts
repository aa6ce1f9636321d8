/**
 * The page of a load run.
 *
 * @module
 */
import type { LoadReport } from "../load/load_api.ts";
import { formatBytes, formatCount, formatMs, formatNumber } from "./format.ts";
import { commandMarkup, keyFigures, pageText, termList } from "./frame.ts";
import { repeatLoad } from "./load_command.ts";
import { faultCount, FAULTS, loadHeadline, loadLead } from "./load_words.ts";
import { type Markup, markup, type Piece, shortened } from "./markup.ts";
import { optionRows } from "./option_rows.ts";
import type { PageOptions } from "./page_options.ts";
import { percentileChart } from "./percentile_chart.ts";
import { rampChart } from "./ramp_chart.ts";
import { tableMarkup } from "./table.ts";
import { serverChart, timeCharts } from "./time_charts.ts";

/** Longest text of one fault that is shown. */
const LONGEST_DETAIL = 400;

/**
 * The report of a load run as one HTML page that needs nothing from anywhere.
 *
 * @param report What the run found.
 * @param options What the report does not say.
 */
export function loadPage(report: LoadReport, options: PageOptions = {}): string {
  const { target, kind, runtime, ramp, server, duration } = report;
  const headline = loadHeadline(report);
  const failed = faultCount(report);
  const none = report.requests.sent === 0 && failed === 0;
  return pageText({
    title: `${target}: ${headline}`,
    kind: ["Sluice load", KINDS[kind] ?? kind, `from ${runtime}`],
    headline,
    verdict: none ? "none" : failed > 0 ? "bad" : "good",
    lead: [...loadLead(report), kneeWords(report)],
    sections: [
      { id: "figures", title: "In numbers", quiet: true, body: figures(report) },
      { id: "load", title: "Load", body: ramp === undefined ? null : rampChart(ramp) },
      { id: "quick", title: "Latency", body: none ? null : percentileChart(report) },
      { id: "time", title: "Over time", body: none ? null : timeCharts(report) },
      { id: "faults", title: "What failed", body: none ? null : faultTables(report) },
      { id: "process", title: "The server", body: server === undefined ? null : serverChart(server, duration) },
      { id: "run", title: "The run", body: theRun(report, options) },
    ],
  });
}

const KINDS: Readonly<Record<string, string>> = { tcp: "lines over TCP", http: "HTTP/1.1", ws: "WebSocket" };

function kneeWords({ ramp }: LoadReport): Piece {
  if (ramp === undefined || ramp.knee === null) return null;
  return markup`<strong>The knee:</strong> ${ramp.knee.words}`;
}

function figures(report: LoadReport): Markup {
  const { requests, connections, rate, latency, bytes } = report;
  const failed = faultCount(report);
  const time = (ms: number) => requests.answered === 0 ? "–" : formatMs(ms);
  return keyFigures([
    { name: "right answers/s", value: formatNumber(rate) },
    { name: "right answers", value: formatCount(requests.answered) },
    { name: "failed", value: formatCount(failed), bad: failed > 0 },
    { name: "connections made", value: formatCount(connections.opened) },
    { name: "bytes sent", value: formatBytes(bytes.sent) },
    { name: "bytes received", value: formatBytes(bytes.received) },
    { name: "mean latency", value: time(latency.mean) },
    { name: "p50", value: time(latency.p50) },
    { name: "p90", value: time(latency.p90) },
    { name: "p99", value: time(latency.p99) },
    { name: "p99.9", value: time(latency.p999) },
    { name: "slowest", value: time(latency.max) },
  ]);
}

function faultTables(report: LoadReport): Markup {
  const { faults, samples } = report;
  if (faultCount(report) === 0) return markup`<p>Nothing: every answer was the one asked for.</p>`;
  const classes = FAULTS.filter(([fault]) => faults[fault] > 0);
  return markup`${
    tableMarkup({
      caption: "Requests that have no right answer, by class",
      columns: [{ head: "class" }, { head: "requests", numeric: true }, { head: "what happened" }],
      rows: classes.map(([fault, short, words]) => [short, formatCount(faults[fault]), words]),
    })
  }${samples.length === 0 ? null : sampleTable(samples)}`;
}

function sampleTable(samples: LoadReport["samples"]): Markup {
  const short = new Map(FAULTS.map(([fault, name]) => [fault, name]));
  return tableMarkup({
    caption: samples.length === 1 ? "The first of them" : `The first ${samples.length} of them`,
    columns: [{ head: "time", numeric: true }, { head: "class" }, { head: "what was seen" }],
    rows: samples.map(({ at, fault, detail }) => [
      formatMs(at),
      short.get(fault) ?? fault,
      markup`<code><bdi>${shortened(detail, LONGEST_DETAIL)}</bdi></code>`,
    ]),
  });
}

function theRun(
  report: LoadReport,
  { repeat = repeatLoad(report), settings = optionRows(report) }: PageOptions,
): Markup {
  return markup`<p class="note">The same load again, with the same seed:</p>
${commandMarkup(repeat)}
${termList(settings)}`;
}

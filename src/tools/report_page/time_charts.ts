/**
 * What happened when: rate and faults, latency, clients, and the server's own use of the machine.
 *
 * @module
 */
import type { LoadReport, ProcessSample } from "../load/load_api.ts";
import { type Chart, chartFigure, emptyChart, type Plot } from "./chart.ts";
import { formatBytes, formatCount, formatMs, formatNumber, formatShare, plural } from "./format.ts";
import { faultCount } from "./load_words.ts";
import { type Markup, markup } from "./markup.ts";
import { byteScale, linearScale, logScale, timeScale } from "./scale.ts";
import type { Series } from "./series.ts";
import { numbersBehind } from "./table.ts";

type Timeline = LoadReport["timeline"];
type Server = NonNullable<LoadReport["server"]>;

const TABLE = "time-numbers";
const SERVER_TABLE = "server-numbers";
const HEIGHT = 170;
const STRIP_HEIGHT = 52;

/** Rate, faults and latency over time, with the table behind them. */
export function timeCharts(report: LoadReport): Markup {
  const { timeline } = report;
  if (timeline.length === 0) return emptyChart("Over time", "The run was over before there was anything to show.");
  return markup`${chartFigure(rateChart(report))}${chartFigure(latencyChart(report))}${
    numbersBehind({
      id: TABLE,
      caption: `Rate, latency and faults over time in numbers, ${plural(timeline.length, "moment")}`,
      columns: [
        { head: "time", numeric: true },
        { head: "clients", numeric: true },
        { head: "right answers/s", numeric: true },
        { head: "failed", numeric: true },
        { head: "p50", numeric: true },
        { head: "p99", numeric: true },
      ],
      rows: timeline.map((slot) => [
        formatMs(slot.at),
        formatCount(slot.clients),
        formatNumber(slot.rate),
        formatCount(slot.faults),
        formatMs(latencyIn(slot, "p50") ?? NaN),
        formatMs(latencyIn(slot, "p99") ?? NaN),
      ]),
    })
  }`;
}

/** Processor, memory and descriptors of the server's process over time, with the table behind them. */
export function serverChart(server: Server, duration: number): Markup {
  const { pid, samples } = server;
  const title = `Process ${pid}`;
  if (samples.length === 0) return emptyChart(title, "There are no samples: the process could not be read.");
  const chart: Chart = {
    ...timeAxis(samples.map(({ at }) => at), duration),
    id: "server",
    title,
    about: serverWords(samples),
    plots: [
      usePlot("processor, of one core", samples.map(({ cpu }) => cpu), formatShare),
      usePlot("memory (resident)", samples.map(({ rss }) => rss), formatBytes, byteScale),
      usePlot("open descriptors", samples.map(({ descriptors }) => descriptors), formatCount),
    ],
    table: { id: SERVER_TABLE, columns: [1, 2, 3] },
  };
  return markup`${chartFigure(chart)}${
    numbersBehind({
      id: SERVER_TABLE,
      caption: `The process in numbers, ${plural(samples.length, "sample")}`,
      columns: [
        { head: "time", numeric: true },
        { head: "processor", numeric: true },
        { head: "memory", numeric: true },
        { head: "descriptors", numeric: true },
      ],
      rows: samples.map(({ at, cpu, rss, descriptors }) => [
        formatMs(at),
        formatShare(cpu),
        formatBytes(rss),
        formatCount(descriptors),
      ]),
    })
  }`;
}

function rateChart(report: LoadReport): Chart {
  const { timeline, duration, rate } = report;
  const failed = faultCount(report);
  const clients = timeline.map((slot) => slot.clients);
  const plots = [ratePlot(timeline)];
  if (failed > 0) plots.push(strip("failed", { tone: "bad", shape: "bars", values: timeline.map((s) => s.faults) }));
  if (new Set(clients).size > 1) plots.push(strip("clients", { tone: "mark", shape: "area", values: clients }));
  return {
    ...timeAxis(timeline.map(({ at }) => at), duration),
    id: "rate",
    title: "Rate over time",
    about: `${formatNumber(rate)} right answers a second on average; ${
      failed === 0 ? "nothing failed" : plural(failed, "failure")
    }.`,
    plots,
    table: { id: TABLE, columns: [1, 2, 3] },
  };
}

function latencyChart({ timeline, duration }: LoadReport): Chart {
  const p50 = timeline.map((slot) => latencyIn(slot, "p50"));
  const p99 = timeline.map((slot) => latencyIn(slot, "p99"));
  const scale = logScale([...p50, ...p99].filter((value) => value !== null));
  return {
    ...timeAxis(timeline.map(({ at }) => at), duration),
    id: "latency-time",
    title: "Latency over time",
    about: "What half of the answers (p50) and 99 of 100 (p99) stayed below, moment by moment.",
    plots: [{
      name: "latency",
      height: HEIGHT,
      y: { scale, format: formatMs },
      series: [
        { name: "p99", tone: "high", shape: "line", values: p99 },
        { name: "p50", tone: "main", shape: "line", values: p50 },
      ],
    }],
    table: { id: TABLE, columns: [4, 5] },
  };
}

function timeAxis(x: readonly number[], duration: number): Pick<Chart, "x" | "xAxis" | "xName"> {
  const scale = timeScale(Math.max(duration, ...x));
  return { x, xAxis: { scale, format: (ms) => ms === 0 ? "0" : formatMs(ms) }, xName: "time since the start" };
}

function ratePlot(timeline: Timeline): Plot {
  const values = timeline.map(({ rate }) => rate);
  return {
    name: "right answers a second",
    height: HEIGHT,
    y: { scale: linearScale(values), format: formatNumber },
    series: [{ name: "right answers a second", tone: "main", shape: "area", values }],
  };
}

function strip(name: string, { tone, shape, values }: Omit<Series, "name">): Plot {
  const scale = linearScale(values.filter((value) => value !== null), 2);
  const y = { scale, format: formatCount };
  return { name, height: STRIP_HEIGHT, y, series: [{ name, tone, shape, values }] };
}

function usePlot(
  name: string,
  values: readonly number[],
  format: (value: number) => string,
  scale: typeof linearScale = linearScale,
): Plot {
  return {
    name,
    height: 84,
    y: { scale: scale(values, 2), format },
    series: [{ name, tone: "main", shape: "area", values }],
  };
}

/** A moment without answers has no latency. */
function latencyIn(slot: Timeline[number], field: "p50" | "p99"): number | null {
  const value = slot[field];
  return slot.rate > 0 && Number.isFinite(value) ? value : null;
}

function serverWords(samples: readonly ProcessSample[]): string {
  const most = (of: (sample: ProcessSample) => number) => samples.reduce((max, each) => Math.max(max, of(each)), 0);
  const mean = samples.reduce((sum, { cpu }) => sum + cpu, 0) / samples.length;
  return `${formatShare(mean)} of one core on average, at most ${formatShare(most(({ cpu }) => cpu))}; at most ${
    formatBytes(most(({ rss }) => rss))
  } of memory and ${plural(most(({ descriptors }) => descriptors), "open descriptor")}.`;
}

/**
 * Latency by percentile, on log axes both ways.
 *
 * @module
 */
import type { LoadReport } from "../load/load_api.ts";
import { down } from "./axes.ts";
import { type Chart, chartFigure, emptyChart, namedDot } from "./chart.ts";
import { formatCount, formatMs } from "./format.ts";
import { type Markup, markup } from "./markup.ts";
import { logScale, percentileScale, type Scale } from "./scale.ts";
import { numbersBehind } from "./table.ts";

const TITLE = "Latency by percentile";
const HEIGHT = 240;
const TABLE = "latency-numbers";

/** The percentiles that the plot names; those between are left out on a narrow screen. */
const NAMED: readonly (readonly [percentile: number, field: keyof LoadReport["latency"], name: string])[] = [
  [50, "p50", "p50"],
  [90, "p90", "p90"],
  [99, "p99", "p99"],
  [99.9, "p999", "p99.9"],
  [100, "max", "slowest"],
];

/** The chart, and the table behind it. */
export function percentileChart({ percentiles, latency }: LoadReport): Markup {
  if (percentiles.length === 0) return emptyChart(TITLE, "No answer came, so there is no latency to show.");
  const x = percentileScale(percentiles.map(({ percentile }) => percentile));
  const y = logScale(percentiles.map(({ ms }) => ms));
  const chart: Chart = {
    id: "latency",
    title: TITLE,
    about: about(latency),
    x: percentiles.map(({ percentile }) => percentile),
    xAxis: { scale: x, format: (value) => value === 100 ? "max" : String(value) },
    xName: "percentile of the answers; each further nine takes the same room",
    plots: [{
      name: "latency",
      height: HEIGHT,
      y: { scale: y, format: formatMs },
      series: [{ name: "latency", tone: "main", shape: "line", values: percentiles.map(({ ms }) => ms) }],
      extra: namedDots(latency, x, y),
    }],
    table: { id: TABLE, columns: [1, 2] },
  };
  return markup`${chartFigure(chart)}${
    numbersBehind({
      id: TABLE,
      caption: "Latency by percentile in numbers",
      columns: [{ head: "percentile", numeric: true }, { head: "latency", numeric: true }, {
        head: "answers so far",
        numeric: true,
      }],
      rows: percentiles.map(({ percentile, ms, count }) => [
        `${Number(percentile.toFixed(5))}\u00a0%`,
        formatMs(ms),
        formatCount(count),
      ]),
    })
  }`;
}

function about({ p50, p99, max }: LoadReport["latency"]): string {
  return `Half of the answers came within ${formatMs(p50)}, 99 of 100 within ${formatMs(p99)}, the slowest took ${
    formatMs(max)
  }.`;
}

/** A name for each that stands clear of the one before it. */
function namedDots(latency: LoadReport["latency"], x: Scale, y: Scale): Markup[] {
  return NAMED.filter(([percentile]) => percentile === 100 || percentile <= lastNamed(x)).map(
    ([percentile, field, name]) => {
      const sparse = percentile === 90 || percentile === 99.9;
      const words = `${name} ${formatMs(latency[field])}`;
      return namedDot(x.at(percentile), down(y.at(latency[field]), HEIGHT), words, sparse);
    },
  );
}

/** The last nine that the axis has. */
function lastNamed({ ticks }: Scale): number {
  return ticks[ticks.length - 2];
}

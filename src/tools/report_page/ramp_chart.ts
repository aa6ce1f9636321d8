/**
 * A ramp: latency and rate against the load, and the knee.
 *
 * @module
 */
import type { LoadReport } from "../load/load_api.ts";
import { type Chart, chartFigure, emptyChart, type Mark, type Plot } from "./chart.ts";
import { formatCount, formatMs, formatNumber } from "./format.ts";
import { loadUnit } from "./load_words.ts";
import { type Markup, markup } from "./markup.ts";
import { linearScale, loadScale, logScale } from "./scale.ts";
import { numbersBehind } from "./table.ts";

type Ramp = NonNullable<LoadReport["ramp"]>;

const TITLE = "Latency and rate against load";
const TABLE = "ramp-numbers";

/** Latencies further apart than this don't fit a linear axis: those of the first steps would all lie on the ground. */
const LINEAR_RANGE = 200;

/** The chart with the knee marked on it, and the table behind it. */
export function rampChart({ steps, knee, ...ramp }: Ramp): Markup {
  const unit = loadUnit(ramp.unit);
  if (steps.length === 0) return emptyChart(TITLE, "The run ended before the first step of the ramp.");
  const loads = steps.map(({ load }) => load);
  const chart: Chart = {
    id: "ramp",
    title: TITLE,
    about: aboutKnee(knee, loads, unit),
    x: loads,
    xAxis: { scale: loadScale(loads), format: formatNumber },
    xName: `load: ${unit}`,
    plots: rampPlots(steps),
    mark: kneeMark(knee, unit),
    table: { id: TABLE, columns: [1, 2, 3, 4] },
  };
  return markup`${chartFigure(chart)}${
    numbersBehind({
      id: TABLE,
      caption: "The steps of the ramp in numbers",
      columns: [unit, "right answers/s", "p50", "p99", "failed"].map((head) => ({ head, numeric: true })),
      rows: steps.map(({ load, rate, p50, p99, faults }) => [
        formatNumber(load),
        formatNumber(rate),
        formatMs(p50),
        formatMs(p99),
        formatCount(faults),
      ]),
    })
  }`;
}

function rampPlots(steps: Ramp["steps"]): Plot[] {
  const [p50, p99] = [steps.map((step) => step.p50), steps.map((step) => step.p99)];
  const rates = steps.map(({ rate }) => rate);
  const faults = steps.map((step) => step.faults);
  const plots: Plot[] = [{
    name: "latency",
    height: 220,
    y: { scale: latencyScale([...p50, ...p99]), format: formatMs },
    series: [
      { name: "p99", tone: "high", shape: "dotted", values: p99 },
      { name: "p50", tone: "main", shape: "dotted", values: p50 },
    ],
  }, {
    name: "right answers a second",
    height: 130,
    y: { scale: linearScale(rates, 3), format: formatNumber },
    series: [{ name: "right answers a second", tone: "main", shape: "dotted", values: rates }],
  }];
  if (faults.some((count) => count > 0)) {
    plots.push({
      name: "failed",
      height: 52,
      y: { scale: linearScale(faults, 2), format: formatCount },
      series: [{ name: "failed", tone: "bad", shape: "bars", values: faults }],
    });
  }
  return plots;
}

function latencyScale(values: readonly number[]): ReturnType<typeof linearScale> {
  const above = values.filter((value) => value > 0);
  const [least, most] = [Math.min(...above), Math.max(...above)];
  return most / least > LINEAR_RANGE ? logScale(values) : linearScale(values);
}

function kneeMark(knee: Ramp["knee"], unit: string): Mark | null {
  return knee === null ? null : { at: knee.load, words: `knee at ${formatNumber(knee.load)} ${unit}` };
}

function aboutKnee(knee: Ramp["knee"], loads: readonly number[], unit: string): string {
  const load = `${formatNumber(knee?.load ?? loads[loads.length - 1])} ${unit}`;
  return knee === null
    ? `Each dot is a step of the ramp. There is no knee: latency stays in its linear part up to ${load}.`
    : `Each dot is a step of the ramp. Past the knee, at ${load}, latency leaves its linear part.`;
}

/**
 * What a plot shows of one row of numbers: a line, bars or dots. A value that is not there leaves a gap.
 *
 * @module
 */
import { across, down, round } from "./axes.ts";
import { type Markup, markup } from "./markup.ts";
import type { Scale } from "./scale.ts";

/** The colours, by what they mean. */
export type Tone = "main" | "high" | "bad" | "good" | "mark";

/** One row of numbers. */
export interface Series {
  /** Its name, for people. */
  readonly name: string;
  readonly tone: Tone;
  /** "line" and "area" connect the values, "steps" are bars that touch, "dotted" is a line with a dot at each value. */
  readonly shape: "line" | "area" | "bars" | "dotted";
  /** One value for each place across; null where there is none. */
  readonly values: readonly (number | null)[];
}

/** The box of the plot in its own units: across it is stretched to the plot's width. */
const WIDTH = 1000;

/** A bar is never lower than this, in pixels: one fault among thousands must be seen. */
const LEAST_BAR = 2;

/** A line of up to this many values has a dot at each, as has "dotted". */
const FEW = 2;

/** The series as SVG; `places` are shares of the width, one for each value. */
export function drawSeries(series: Series, places: readonly number[], y: Scale, height: number): Markup[] {
  const drawn = stretched(series, places, y, height);
  return series.shape === "dotted" || isSparse(series) ? [drawn, ...dots(series, places, y, height)] : [drawn];
}

function stretched(series: Series, places: readonly number[], y: Scale, height: number): Markup {
  const { shape, tone, name, values } = series;
  const points = outline(values, places, y, height);
  const paths = shape === "bars"
    ? [markup`<path class="bar ${tone}" data-series="${name}" d="${bars(values, places, y, height)}"/>`]
    : [
      shape === "area" ? markup`<path class="area ${tone}" d="${under(points, height)}"/>` : null,
      markup`<path class="line ${tone}" data-series="${name}" d="${points.map(pathOf).join("")}"/>`,
    ];
  return markup`
    <svg class="shape" viewBox="0 0 ${WIDTH} ${height}" width="100%" height="${height}" preserveAspectRatio="none">
    ${paths}</svg>`;
}

type Point = readonly [x: number, y: number];

/** Runs of values without a gap between them. */
function outline(values: Series["values"], places: readonly number[], y: Scale, height: number): Point[][] {
  const runs: Point[][] = [];
  let open = false;
  values.forEach((value, i) => {
    if (value === null || !Number.isFinite(value)) {
      open = false;
      return;
    }
    if (!open) runs.push([]);
    open = true;
    runs[runs.length - 1].push([round(places[i] * WIDTH), down(y.at(value), height)]);
  });
  return runs;
}

/** A single value is a line of no length, which round ends make a dot. */
function pathOf(points: readonly Point[]): string {
  const path = points.map(([x, y], i) => `${i === 0 ? "M" : "L"}${x} ${y}`).join("");
  return points.length === 1 ? `${path}h0` : path;
}

function under(runs: readonly Point[][], height: number): string {
  return runs.map((run) => `${pathOf(run)}V${height}H${run[0][0]}Z`).join("");
}

function bars(values: Series["values"], places: readonly number[], y: Scale, height: number): string {
  const width = barWidth(places);
  return values.map((value, i) => {
    if (value === null || !(value > 0)) return "";
    const top = Math.min(down(y.at(value), height), height - LEAST_BAR);
    return `M${round(places[i] * WIDTH - width / 2)} ${height}V${top}h${width}V${height}Z`;
  }).join("");
}

function barWidth(places: readonly number[]): number {
  const room = places.length > 1 ? (places[places.length - 1] - places[0]) / (places.length - 1) : 0.02;
  return round(Math.min(Math.max(room * WIDTH * 0.8, 2), 24));
}

function isSparse({ shape, values }: Series): boolean {
  return shape !== "bars" && values.filter((value) => value !== null).length <= FEW;
}

function dots(series: Series, places: readonly number[], y: Scale, height: number): Markup[] {
  return series.values.flatMap((value, i) =>
    value === null || !Number.isFinite(value) ? [] : [markup`
      <circle class="dot ${series.tone}" cx="${across(places[i])}" cy="${down(y.at(value), height)}" r="3.5" />
    `]
  );
}

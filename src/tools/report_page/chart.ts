/**
 * A chart: one or more plots above each other that share the axis below, a heading, and the words for who can't see it.
 *
 * @module
 */
import { across, type Axis, levelAxis, round, uprightAxis } from "./axes.ts";
import { type Markup, markup, type Piece } from "./markup.ts";
import { drawSeries, type Series } from "./series.ts";

/** One plot of a chart. */
export interface Plot {
  /** What its upright axis counts. */
  readonly name: string;
  /** Height in pixels. */
  readonly height: number;
  readonly y: Axis;
  readonly series: readonly Series[];
  /** More to draw into it. */
  readonly extra?: readonly Markup[];
}

/** A place across that is marked in all plots. */
export interface Mark {
  /** Its value on the axis below. */
  readonly at: number;
  /** What the first plot calls it. */
  readonly words: string;
}

/** What a chart is made of. */
export interface Chart {
  /** Its element's id. */
  readonly id: string;
  readonly title: string;
  /** What it shows, in a sentence: this is read out in place of the picture. */
  readonly about: string;
  /** Value on the axis below for each value of the series. */
  readonly x: readonly number[];
  readonly xAxis: Axis;
  /** What the axis below counts. */
  readonly xName: string;
  readonly plots: readonly Plot[];
  readonly mark?: Mark | null;
  /** The table with its numbers: id of the table, and its columns that a pointed-at place reads out. */
  readonly table: { readonly id: string; readonly columns: readonly number[] };
}

/** Room for the names of the axis below, in pixels. */
const FOOT = 26;

/** A mark right of this share of the width has its words on its left. */
const TURN = 0.6;

/** The chart as HTML. */
export function chartFigure(chart: Chart): Markup {
  const { id, title, about, table, xName } = chart;
  const places = chart.x.map((value) => chart.xAxis.scale.at(value));
  const plots = chart.plots.map((plot, i) => drawPlot(chart, plot, i, places));
  return markup`
    <figure class="chart" id="${id}" data-table="${table.id}" data-columns="${table.columns.join(" ")}"
      data-places="${places.map((place) => round(place * 100)).join(" ")}">
    <figcaption><h3 id="${id}-title">${title}</h3><p id="${id}-about">${about}</p></figcaption>
    <p class="readout" aria-hidden="true"></p>
    ${plots}
    <p class="below">${xName}</p>
    </figure>`;
}

/** What stands in place of a chart that has nothing to show. */
export function emptyChart(title: string, why: string): Markup {
  return markup`<figure class="chart empty"><figcaption><h3>${title}</h3></figcaption><p>${why}</p></figure>`;
}

function drawPlot(chart: Chart, plot: Plot, i: number, places: readonly number[]): Markup {
  const { id, title, plots, xAxis, mark = null } = chart;
  const { name, height, y, series, extra = [] } = plot;
  const last = i === plots.length - 1;
  const room = height + (last ? FOOT : 4);
  return markup`
    <div class="plot">
    <p class="legend"><b>${name}</b>${series.length > 1 ? series.map(legendKey) : null}</p>
    <svg role="img" aria-label="${title}: ${name}" aria-describedby="${id}-about" width="100%" height="${room}">
    ${mark === null ? null : beyond(xAxis.scale.at(mark.at), height)}
    ${uprightAxis(y, height)}${last ? levelAxis(xAxis, height) : null}
    ${series.map((each) => drawSeries(each, places, y.scale, height))}${extra}
    ${mark === null ? null : markLine(xAxis.scale.at(mark.at), height, i === 0 ? mark.words : null)}
    <line class="cursor" x1="0" x2="0" y1="0" y2="${height}" visibility="hidden"/>
    </svg></div>`;
}

function legendKey({ name, tone, shape }: Series): Piece {
  const kind = shape === "bars" ? "thick" : "line";
  return markup`
    <span class="key"><svg width="18" height="8" aria-hidden="true">
    <path class="${kind} ${tone}" d="M1 4H17"/></svg>${name}</span>`;
}

/** What lies behind the mark, tinted. */
function beyond(place: number, height: number): Markup {
  return markup`<rect class="beyond" x="${across(place)}" width="${across(1 - place)}" height="${height}"/>`;
}

function markLine(place: number, height: number, words: string | null): Markup {
  const x = across(place);
  const line = markup`<line class="marked" x1="${x}" x2="${x}" y1="0" y2="${height}"/>`;
  if (words === null) return line;
  const [side, dx] = place > TURN ? ["before", -7] : ["after", 7];
  return markup`${line}<text class="mark-words ${side}" x="${x}" dx="${dx}" y="13">${words}</text>`;
}

/** A dot with words of its own: below it on the right, where a rising line leaves room, or above it at the end. */
export function namedDot(place: number, y: number, words: string, sparse: boolean = false): Markup {
  const x = across(place);
  const [side, dx, dy] = place > TURN ? ["before", -4, -10] : ["after", 8, 16];
  return markup`
    <circle class="dot main" cx="${x}" cy="${y}" r="4"/>
    <text class="dot-words ${side}${sparse ? " sparse" : ""}" x="${x}" y="${y}" dx="${dx}" dy="${dy}">${words}</text>`;
}

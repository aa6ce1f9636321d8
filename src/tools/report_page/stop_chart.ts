/**
 * How long the server took to go after the signal: a dot for each round.
 *
 * @module
 */
import { across, levelAxis } from "./axes.ts";
import { formatMs } from "./format.ts";
import { type Markup, markup } from "./markup.ts";
import type { ScenarioSum } from "./rounds.ts";
import { linearScale, type Scale } from "./scale.ts";
import type { Tone } from "./series.ts";

/** Height of one scenario's row in pixels. */
const ROW = 28;

/** The chart; its numbers stand in the table of the scenarios and in that of the rounds. */
export function stopChart(sums: readonly ScenarioSum[]): Markup {
  const times = sums.flatMap(({ rounds }) => rounds.map(({ stop }) => stop.took ?? NaN));
  const scale = linearScale(times.filter(Number.isFinite), 5);
  const height = sums.length * ROW;
  const bad = sums.some(({ clean }) => !clean);
  const format = (ms: number) => ms === 0 ? "0" : formatMs(ms);
  return markup`
    <figure class="chart stops" id="stops">
    <figcaption><h3>Time from the signal to the exit</h3><p id="stops-about">${stopWords(sums)}</p></figcaption>
    <div class="plot">
    <p class="legend">${key("main", "clean round")}${bad ? key("bad", "round that is not clean") : null}</p>
    <svg role="img" aria-label="time to the exit by scenario" aria-describedby="stops-about" width="100%"
      height="${height + 26}">
    ${levelAxis({ scale, format }, height)}
    ${sums.map((sum, i) => stopRow(sum, scale, (i + 0.5) * ROW))}
    </svg></div>
    </figure>`;
}

/** The longest stop in words. */
export function stopWords(sums: readonly ScenarioSum[]): string {
  const rounds = sums.flatMap((sum) => sum.rounds);
  const gone = rounds.filter(({ stop }) => stop.took !== null);
  const stuck = rounds.length - gone.length;
  const longest = gone.toSorted((a, b) => b.stop.took! - a.stop.took!)[0];
  const words = longest === undefined
    ? []
    : [`The longest stop took ${formatMs(longest.stop.took!)}, in ${longest.scenario}.`];
  if (stuck > 0) words.push(`The server had to be killed in ${stuck} of ${rounds.length} rounds.`);
  return words.join(" ");
}

function key(tone: Tone, words: string): Markup {
  return markup`
    <span class="key"><svg width="10" height="8" aria-hidden="true">
    <circle class="dot ${tone}" cx="5" cy="4" r="4.5"/></svg>${words}</span>`;
}

/** A round that never ended has words at the end of its row. */
function stopRow({ scenario, rounds }: ScenarioSum, scale: Scale, y: number): Markup {
  const marks = rounds.map(({ stop, clean }) => {
    if (stop.took === null) return markup`<text class="gone-not" x="100%" y="${y}" dy=".32em">not gone</text>`;
    const tone = clean ? "main" : "bad";
    return markup`<circle class="dot ${tone}" cx="${across(scale.at(stop.took))}" cy="${y}" r="4.5"/>`;
  });
  return markup`
    <line class="grid" x2="100%" y1="${y}" y2="${y}"/>
    <text class="upright" x="-10" y="${y}" dy=".32em">${scenario}</text>${marks}`;
}

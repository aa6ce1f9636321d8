/**
 * The longest waits, reload by reload: for a connection and for an answer.
 *
 * @module
 */
import type { ReloadPart, ReloadReport } from "../verify/mod.ts";
import { across, levelAxis } from "./axes.ts";
import { formatMs } from "./format.ts";
import { type Markup, markup } from "./markup.ts";
import { linearScale, type Scale } from "./scale.ts";

/** Height of one part's row in pixels. */
const ROW = 28;

/** The chart; its numbers stand in the table of the waits. */
export function waitChart({ parts, between }: ReloadReport): Markup {
  const waits = parts.flatMap(({ connectWait, answerWait }) => [connectWait.max, answerWait.max]);
  const scale = linearScale(waits, 5);
  const height = parts.length * ROW;
  const format = (ms: number) => ms === 0 ? "0" : formatMs(ms);
  const outside = formatMs(Math.max(between.connectWait.max, between.answerWait.max));
  return markup`
    <figure class="chart stops" id="longest-waits">
    <figcaption><h3>Longest waits</h3><p id="longest-waits-about">Outside of reloads the longest was ${outside}.</p>
    </figcaption>
    <div class="plot">
    <p class="legend">${key("main", "for a connection")}${key("high", "for an answer")}</p>
    <svg role="img" aria-label="longest waits by reload" aria-describedby="longest-waits-about" width="100%"
      height="${height + 26}">
    ${levelAxis({ scale, format }, height)}
    ${parts.map((part, i) => row(part, scale, (i + 0.5) * ROW))}
    </svg></div>
    </figure>`;
}

function key(tone: "main" | "high", words: string): Markup {
  return markup`
    <span class="key"><svg width="10" height="8" aria-hidden="true">
    <circle class="dot ${tone}" cx="5" cy="4" r="4.5"/></svg>${words}</span>`;
}

function row({ kind, number, connectWait, answerWait }: ReloadPart, scale: Scale, y: number): Markup {
  const dot = (tone: "main" | "high", { count, max }: ReloadPart["connectWait"]) =>
    count === 0 ? null : markup`<circle class="dot ${tone}" cx="${across(scale.at(max))}" cy="${y}" r="4.5"/>`;
  return markup`
    <line class="grid" x2="100%" y1="${y}" y2="${y}"/>
    <text class="upright" x="-10" y="${y}" dy=".32em">${kind} ${number}</text>
    ${dot("high", answerWait)}${dot("main", connectWait)}`;
}

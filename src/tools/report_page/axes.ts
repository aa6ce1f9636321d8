/**
 * Axes of a plot as SVG. Across, everything stands at a share of the width, so that a plot fits any screen with its
 * letters unscaled; down, at pixels.
 *
 * @module
 */
import { type Markup, markup } from "./markup.ts";
import type { Scale } from "./scale.ts";

/** An axis with the words for its values. */
export interface Axis {
  /** Its scale. */
  readonly scale: Scale;
  /** A value in words. */
  format(value: number): string;
}

/** Names this close together, as a share of the width, leave out every second one on a narrow screen. */
const CROWDED = 0.21;

/** Where a share of the width is, as SVG writes it. */
export function across(share: number): string {
  return `${round(share * 100)}%`;
}

/** Where a share of the height is in pixels, counted from below. */
export function down(share: number, height: number): number {
  return round((1 - share) * height);
}

/** A number with two digits behind the point, which no eye can tell from the exact one. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Lines across at the values of the upright axis, and their names on the left. */
export function uprightAxis({ scale, format }: Axis, height: number): Markup[] {
  const ticks = scale.ticks.map((tick) => {
    const y = down(scale.at(tick), height);
    return markup`
      <line class="grid" x2="100%" y1="${y}" y2="${y}"/>
      <text class="upright" x="-8" y="${y}" dy=".32em">${format(tick)}</text>`;
  });
  return [...ticks, markup`<line class="base" x2="100%" y1="${height}" y2="${height}"/>`];
}

/** Names of the values below a plot, each with a short stroke. */
export function levelAxis({ scale, format }: Axis, height: number): Markup[] {
  const crowded = isCrowded(scale);
  return scale.ticks.map((tick, i) => {
    const x = across(scale.at(tick));
    const sparse = crowded && i % 2 === 1 ? " sparse" : "";
    return markup`
      <line class="tick" x1="${x}" x2="${x}" y1="${height}" y2="${height + 5}"/>
      <text class="level${sparse}" x="${x}" y="${height + 19}">${format(tick)}</text>`;
  });
}

function isCrowded(scale: Scale): boolean {
  const places = scale.ticks.map((tick) => scale.at(tick));
  return places.some((place, i) => i > 0 && place - places[i - 1] < CROWDED);
}

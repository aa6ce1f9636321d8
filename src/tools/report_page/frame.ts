/**
 * The frame of a page: head, policy, heading, and an end.
 *
 * @module
 */
import { attribute, Markup, markup, type Piece } from "./markup.ts";
import { SCRIPT, SCRIPT_HASH } from "./script.ts";
import { STYLE, STYLE_HASH } from "./style.ts";

/** What stands in the frame. */
export interface Page {
  /** Title of the window. */
  readonly title: string;
  /** A few words above the headline. */
  readonly kind: readonly string[];
  readonly headline: string;
  /** The colour of the whole: nothing went wrong, something did, or there is nothing to say. */
  readonly verdict: "good" | "bad" | "none";
  /** The headline in whole sentences. */
  readonly lead: readonly Piece[];
  readonly sections: readonly Section[];
}

/** A part of a page; `body` null leaves it out. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** The title is only read out. */
  readonly quiet?: boolean;
  readonly body: Piece;
}

/** One number and what it counts. */
export interface KeyFigure {
  readonly name: string;
  readonly value: string;
  readonly bad?: boolean;
}

/** What the page may do: run this one style and this one script, and nothing else; connect to nobody. */
const POLICY = [
  "default-src 'none'",
  `style-src '${STYLE_HASH}'`,
  `script-src '${SCRIPT_HASH}'`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** The page as HTML. */
export function pageText(page: Page): string {
  const { title, kind, headline, verdict, lead } = page;
  const sections = page.sections.filter(({ body }) => body !== null);
  return markup`
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${POLICY}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta name="referrer" content="no-referrer">
    <meta name="robots" content="noindex">
    <link rel="icon" href="${icon(verdict)}">
    <title>${title}</title>
    <style>${new Markup(STYLE)}</style>
    </head>
    <body>
    <header class="${verdict}">
    <p class="kind">${kind.map((each) => markup`<span>${each}</span>\n`)}</p>
    <h1>${headline}</h1>
    ${lead.map((each) => each === null ? null : markup`<p class="lead">${each}</p>\n`)}
    </header>
    <main>
    ${sections.map(sectionMarkup)}
    </main>
    <script>${new Markup(SCRIPT)}</script>
    </body>
    </html>`.text + "\n";
}

/** A row of numbers. */
export function keyFigures(figures: readonly KeyFigure[]): Markup {
  return markup`<dl class="figures">${figures.map(figure)}</dl>`;
}

/** Names and values below each other. */
export function termList(rows: readonly (readonly [name: string, value: Piece])[]): Markup {
  return markup`<dl class="terms">${
    rows.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)
  }</dl>`;
}

/** A command line to type. */
export function commandMarkup(command: string): Markup {
  return markup`<pre tabindex="0"><code>${command}</code></pre>`;
}

function figure({ name, value, bad = false }: KeyFigure): Markup {
  return markup`<div class="${bad ? "bad" : "plain"}"><dt>${name}</dt><dd>${value}</dd></div>`;
}

function sectionMarkup({ id, title, body, quiet = false }: Section): Markup {
  return markup`
    <section id="${id}-part" aria-labelledby="${id}-head">
    <h2 id="${id}-head"${quiet ? attribute("class", "unseen") : null}>${title}</h2>
    ${body}
    </section>`;
}

/** The page's icon in the colour of its verdict, so that it is told among others. */
function icon(verdict: Page["verdict"]): string {
  const colour = { good: "%231a7f4b", bad: "%23c0281e", none: "%23767f8a" }[verdict];
  return `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='${colour}'/%3E%3C/svg%3E`;
}

/**
 * The pages' style: light and dark, from a phone's width to a desk's, and on paper.
 *
 * @module
 */
import { CHART_STYLE } from "./chart_style.ts";

const COLOURS = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --raised: #f5f7f9; --ink: #171c22; --quiet: #56606c; --line: #dfe3e8; --rule: #c3cad2;
  --main: #1263a8; --high: #b04a05; --bad: #b3231a; --good: #17713f; --mark: #7438a8; --tint: #fdecea;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #11151a; --raised: #1a2027; --ink: #e7eaee; --quiet: #9ba6b2; --line: #2a323b; --rule: #3d4853;
    --main: #6fb6f5; --high: #f2a25c; --bad: #ff8e84; --good: #66d49a; --mark: #c79cf7; --tint: #3a1d1c;
  }
}
`;

const TEXT = `
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 74rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif; font-variant-numeric: tabular-nums;
}
h1, h2, h3, p, dl, dd, figure { margin: 0; }
h1 { font-size: clamp(1.55rem, 1.1rem + 2vw, 2.35rem); line-height: 1.2; letter-spacing: -.02em; text-wrap: balance; }
h2 { margin: 3rem 0 1rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.25rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
h3 { font-size: 1rem; }
code, pre { font: .875rem/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
code { overflow-wrap: anywhere; }
pre {
  margin: 0; padding: .8rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px;
  background: var(--raised); white-space: pre-wrap; overflow-wrap: anywhere;
}
header { padding-left: 1.1rem; border-left: 4px solid var(--rule); }
header.good { border-color: var(--good); }
header.bad { border-color: var(--bad); }
.kind { margin-bottom: .4rem; color: var(--quiet); font-size: .875rem; }
.kind span + span::before { content: "·"; margin: 0 .5em; }
.lead { max-width: 46rem; margin-top: .7rem; overflow-wrap: anywhere; }
.note { max-width: 46rem; margin: .6rem 0 1rem; color: var(--quiet); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.9rem, 1fr)); gap: 1.4rem 1rem; margin: 2.2rem 0 0; }
.figures > div { display: flex; flex-direction: column; justify-content: flex-end; }
.figures dt { color: var(--quiet); font-size: .85rem; }
.figures dd { font-size: 1.45rem; font-weight: 600; letter-spacing: -.01em; line-height: 1.3; }
.figures .bad dd, .bad-words { color: var(--bad); }
.good-words { color: var(--good); }
.bad-words, .good-words { white-space: nowrap; }
.terms { margin-top: 1rem; }
.terms > div { display: grid; grid-template-columns: 13rem 1fr; gap: 0 1rem; padding: .38rem 0; border-top: 1px solid var(--line); }
.terms > div:first-child { border-top: 0; }
.terms dt { color: var(--quiet); }
.terms dd { overflow-wrap: anywhere; }
`;

const TABLES = `
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .925rem; }
caption { padding: .4rem 0; color: var(--quiet); text-align: left; }
th, td { padding: .38rem .7rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400; }
th:first-child, td:first-child { padding-left: 0; }
thead th { border-top: 0; border-bottom: 1px solid var(--rule); color: var(--quiet); font-size: .85rem; vertical-align: bottom; }
.number { text-align: right; white-space: nowrap; }
thead .number { white-space: normal; }
.cards { font-size: .875rem; }
.cards th, .cards td { padding-left: .4rem; padding-right: .4rem; }
.cards th:first-child { padding-left: 0; }
.cards thead th { font-size: .8rem; line-height: 1.3; }
.quiet, .zero { color: var(--quiet); }
code.quiet { display: block; }
td .bad-words { font-weight: 600; }
.cards .name { font-weight: 600; white-space: nowrap; }
.details { margin: .3rem 0 1.3rem; padding-left: 1.2rem; overflow-wrap: anywhere; }
details.numbers { margin: .9rem 0 0; }
summary { color: var(--main); cursor: pointer; }
details .scroll { max-height: 26rem; overflow: auto; margin-top: .5rem; border: 1px solid var(--line); border-radius: 8px; }
details table { width: 100%; }
details thead th { position: sticky; top: 0; background: var(--paper); }
details th:first-child, details td:first-child, details caption { padding-left: .7rem; }
:focus-visible { outline: 2px solid var(--main); outline-offset: 2px; }
`;

const NARROW = `
@media (max-width: 40rem), print {
  .cards, .cards tbody, .cards caption { display: block; font-size: .925rem; }
  .cards thead { position: absolute; clip-path: inset(50%); }
  .cards tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); column-gap: 2rem; padding: .9rem 0; border-top: 1px solid var(--rule); }
  .cards th, .cards td, .cards th:first-child { padding: .1rem 0; border: 0; text-align: left; }
  .cards th { grid-column: 1 / -1; }
  .cards td { display: grid; grid-template-columns: 1fr auto; gap: 1rem; white-space: normal; }
  .cards td::before { content: attr(data-label); color: var(--quiet); }
  .cards td:has(.zero) { display: none; }
}
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem; }
  header { padding-left: .8rem; }
  .figures { grid-template-columns: 1fr 1fr; }
  .terms { margin-top: 1rem; }
.terms > div { grid-template-columns: 1fr; }
  .sparse { display: none; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2 { margin-top: 1.5rem; break-after: avoid; }
  h3 { break-after: avoid; }
  .legend { margin-top: .6rem; }
  figure, tr, .figures, .terms { margin-top: 1rem; }
.terms > div { break-inside: avoid; }
  details.numbers:not([open]), .readout { display: none; }
  .scroll { overflow: visible; max-height: none; }
  thead { display: table-header-group; }
  .cards thead { display: none; }
  .cards tr { grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); padding: .4rem 0; font-size: 8.5pt; }
}
`;

/** The style. */
export const STYLE: string = [COLOURS, TEXT, TABLES, CHART_STYLE, NARROW].join("");

/** How a policy names it; a test holds this to the style. */
export const STYLE_HASH = "sha256-wKQu8/lFVioV95FqkjVZFXruyloLCoXkqPWFVaHM0KY=";

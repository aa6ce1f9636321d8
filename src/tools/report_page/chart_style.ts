/**
 * How charts look.
 *
 * @module
 */

/** The part of the style that is about charts. */
export const CHART_STYLE = `
.chart { position: relative; margin-top: 1.8rem; }
.chart figcaption p, .chart.empty p { max-width: 46rem; color: var(--quiet); }
.chart .readout { min-height: 1.6em; margin-top: .2rem; font-size: .875rem; font-weight: 600; }
.plot { padding: 0 1.6rem 0 3.9rem; }
.plot + .plot { margin-top: .9rem; }
.legend { margin: 0 0 .7rem -3.9rem; color: var(--quiet); font-size: .85rem; }
.legend b { font-weight: 400; }
.legend .key { margin-left: .9rem; white-space: nowrap; }
.legend .key svg { margin-right: .35rem; vertical-align: .05em; overflow: visible; }
.plot > svg { display: block; overflow: visible; touch-action: pan-y; }
.plot text { fill: var(--quiet); font-size: 12px; }
.plot .upright { text-anchor: end; }
.plot .level { text-anchor: middle; }
.plot .grid, .plot .base, .plot .tick { stroke: var(--line); shape-rendering: crispEdges; }
.plot .base, .plot .tick { stroke: var(--rule); }
.shape { overflow: visible; }
.line, .thick { fill: none; stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke; }
.thick { stroke-width: 6; stroke-linecap: butt; }
.area { stroke: none; fill-opacity: .12; }
.bar { stroke: none; }
.line.main, .thick.main { stroke: var(--main); } .area.main, .bar.main, .dot.main { fill: var(--main); }
.line.high, .thick.high { stroke: var(--high); } .area.high, .bar.high, .dot.high { fill: var(--high); }
.line.bad, .thick.bad { stroke: var(--bad); } .area.bad, .bar.bad, .dot.bad { fill: var(--bad); }
.line.good, .thick.good { stroke: var(--good); } .area.good, .bar.good, .dot.good { fill: var(--good); }
.line.mark, .thick.mark { stroke: var(--mark); } .area.mark, .bar.mark, .dot.mark { fill: var(--mark); }
.dot { stroke: var(--paper); stroke-width: 1.25; }
.plot .dot-words, .plot .mark-words { fill: var(--ink); paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
.plot .mark-words { fill: var(--mark); font-weight: 600; font-size: 13px; }
.plot .before { text-anchor: end; }
.plot .after { text-anchor: start; }
.plot .gone-not { fill: var(--bad); text-anchor: end; paint-order: stroke; stroke: var(--paper); stroke-width: 6px; }
.stops .plot { padding-left: 7.4rem; margin-top: .8rem; }
.stops .legend { margin-left: -.9rem; }
.marked { stroke: var(--mark); stroke-width: 1.5; stroke-dasharray: 5 4; }
.beyond { fill: var(--mark); fill-opacity: .07; }
.cursor { stroke: var(--ink); stroke-opacity: .55; pointer-events: none; }
.below { padding: .1rem 1.6rem 0 3.9rem; color: var(--quiet); font-size: .85rem; text-align: center; }
`;

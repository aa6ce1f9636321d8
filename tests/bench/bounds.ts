/**
 * What each ratio must be: the one table of it.
 *
 * @module
 */
import type { RuntimeName } from "../support/processes.ts";

/** What a ratio must be; null for one that is only informative. */
export type Bound = { readonly atLeast: number } | { readonly atMost: number } | null;

/** The same for each runtime: all versions of Node have one. */
export type Bounds = Readonly<Record<RuntimeName, Bound>>;

type Limit = number | null;

const least = (node: Limit, deno: Limit, bun: Limit): Bounds => each((atLeast) => ({ atLeast }), { node, deno, bun });
const most = (node: Limit, deno: Limit, bun: Limit): Bounds => each((atMost) => ({ atMost }), { node, deno, bun });

/** By what of ours is measured, and after "to" against what, where that is not the runtime's own. */
export const BOUNDS = {
  "raw consume": least(1.25, 0.95, 0.97),
  "raw consume to node:net": least(null, 1, null),
  "raw for-await": least(0.95, 0.95, 0.95),
  "lines to go": least(8, 8, 8),
  "lines forEach to go": least(20, 18, 24),
  "lines to bare": least(1, 1, 1),
  "idle consume": most(1, 0.15, 1.5),
  "idle for-await": most(1.3, 1.3, 1.3),
  shutdown: most(1, 1, 1),
  rate: least(0.9, 0.9, 0.9),
  growth: least(0.8, 0.8, 0.8),
  scale: most(1.5, 1.5, 1.5),
  "hello reply": least(1.7, 0.7, 1),
  "hello reply to srvx": least(1.5, null, null),
  "hello reply to go": least(1.3, null, null),
  "hello Response": least(1.2, 0.65, 0.9),
  metrics: least(0.95, 0.95, 0.95),
  json: least(1.3, 0.7, 1),
  hono: least(1.2, 0.75, 0.95),
  https: least(1.2, 0.7, 0.9),
  post: least(1.2, 1, 1),
  stream: least(1, 0.95, 0.9),
  proxy: least(1, null, null),
  pipeline: least(6, 4, 5),
  latency: most(1, 1.2, 1),
  start: most(1.5, 1.5, 1.5),
  load: least(0.5, 0.5, 0.5),
  memory: most(1, 1, 1),
  wsping: least(1.25, 0.85, 0.95),
  wswindow: least(10, 9, 1),
  wslarge: least(1, null, 0.9),
  wspublish: least(1.4, 1, 0.95),
  commit: least(20, 20, 20),
  wsidle: most(0.8, 0.6, 2),
  recovery: most(1, 1, 1),
  channelsidle: most(1.3, 1.3, 1.3),
  "channels to hub": least(0.8, 0.8, 0.8),
  "channels to Socket.IO": least(3, null, null),
} satisfies Record<string, Bounds>;

/** Whether a ratio is within its bound; null if there is none. */
export function meets(bound: Bound, ratio: number): boolean | null {
  if (bound === null) return null;
  return "atLeast" in bound ? ratio >= bound.atLeast : ratio <= bound.atMost;
}

function each(make: (limit: number) => Bound, { node, deno, bun }: Record<RuntimeName, Limit>): Bounds {
  const bound = (limit: Limit) => limit === null ? null : make(limit);
  return { node: bound(node), deno: bound(deno), bun: bound(bun) };
}

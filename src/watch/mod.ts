/**
 * Warns before a server runs out: descriptors, heap, memory, the event loop's time, handlers and connections that
 * don't get on.
 *
 * @example
 * ```ts
 * import { serve } from "@sluice/sluice";
 * import { watchResources } from "@sluice/sluice/watch";
 *
 * const watch = watchResources({ onWarning: ({ message }) => console.warn(message) });
 * const server = await serve({ port: 9000, admit: watch.ready }, handler);
 * watch.add(server);
 * ```
 *
 * @module
 */
export type {
  ResourceKind,
  ResourceLimit,
  ResourceSample,
  ResourceWarning,
  ResourceWatch,
  UnavailableResource,
  WatchedConn,
  WatchedServer,
  WatchOptions,
} from "./watch_api.ts";
export { watchResources } from "./watch.ts";

/**
 * Warns before a server runs out: descriptors, heap, memory, the event loop's time, handlers and connections that
 * don't get on. It can act: turn new connections away by degrees, cut those that make no progress, and write down what
 * the process was busy with.
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
export type { FileAccess, FolderLock, OpenFile } from "../files.ts";
export type { BufferedConn, ResourceReport, ServerReport } from "./report.ts";
export type {
  CutOptions,
  ResourceKind,
  ResourceLimit,
  ResourceReportOptions,
  ResourceSample,
  ResourceWarning,
  ResourceWatch,
  UnavailableResource,
  WaitsFor,
  WatchedConn,
  WatchedServer,
  WatchOptions,
} from "./watch_api.ts";
export { watchResources } from "./watch.ts";

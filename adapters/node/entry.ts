/**
 * The adapter for Node, for whoever wants it otherwise than it chooses by itself.
 *
 * @example
 * ```ts
 * import { serve } from "@sluice/sluice";
 * import { nodeAdapter } from "@sluice/sluice/node";
 *
 * const adapter = nodeAdapter({ sockets: "streams" });
 * const server = await serve({ port: 9000, adapter }, handler);
 * ```
 *
 * @module
 */
export { nodeAdapter, type NodeAdapterOptions } from "./mod.ts";

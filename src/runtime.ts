/**
 * Finds out which runtime this is, and loads its adapter.
 *
 * @module
 */
import type { SocketAdapter } from "./socket.ts";

/** The adapter for the runtime this runs on. It is loaded only when asked for. */
export async function defaultAdapter(): Promise<SocketAdapter> {
  if ("Deno" in globalThis) return (await import("../adapters/deno.ts")).adapter;
  if ("Bun" in globalThis) return (await import("../adapters/bun.ts")).adapter;
  return (await import("../adapters/node.ts")).adapter;
}

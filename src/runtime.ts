/**
 * Finds out which runtime this is, and loads its adapter.
 *
 * @module
 */
import type { Adapter } from "./platform.ts";

/** The adapter for the runtime this runs on. It is loaded only when asked for. */
export async function defaultAdapter(): Promise<Adapter> {
  if ("Deno" in globalThis) return (await import("../adapters/deno/mod.ts")).adapter;
  if ("Bun" in globalThis) return (await import("../adapters/bun/mod.ts")).adapter;
  return (await import("../adapters/node/mod.ts")).adapter;
}

/**
 * The runtimes that are measured: Node in two versions, each of which is `node` to the rows.
 *
 * @module
 */
import { nodeFor } from "../runner/runtimes.mjs";
import type { RuntimeName } from "../support/processes.ts";

/** A column of the table of bounds, or the newer Node beside it. */
export type BenchRuntime = RuntimeName | "node24";

export const benchRuntimes: readonly BenchRuntime[] = ["node", "node24", "deno", "bun"];

/** What a runtime is to a row. */
export function kindOf(runtime: BenchRuntime): RuntimeName {
  return runtime === "node24" ? "node" : runtime;
}

/** The Node that programs for Node run on; null where the package that brings it is not installed. */
export function nodePath(runtime: BenchRuntime): string | null {
  return nodeFor(runtime);
}

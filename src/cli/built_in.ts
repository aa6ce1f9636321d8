/**
 * Loads commands when they are called, so that nobody else pays for them.
 *
 * @module
 */
import type { ToolCommand } from "./tool.ts";
import { loadTool } from "./tools.ts";

/** Those of this package. */
const OWN: Readonly<Record<string, () => Promise<ToolCommand>>> = {
  init: async () => (await import("./init/command.ts")).INIT,
};

/** A command of this package, or a tool. @throws {StartError} The tools' package isn't there, or not whole. */
export async function loadCommand(name: string): Promise<ToolCommand> {
  return Object.hasOwn(OWN, name) ? await OWN[name]() : await loadTool(name);
}

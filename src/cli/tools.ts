/**
 * The commands that come with the package `@sluice/tools`.
 *
 * @module
 */
import { BUILT_IN } from "./built_in.ts";
import { StartError } from "./usage_errors.ts";
import type { ToolCommand, ToolEntry } from "./tool.ts";

/** All tools, in the order of the help. */
export const TOOLS: readonly ToolEntry[] = [
  { name: "load", summary: "simulated clients that keep sending, every answer checked" },
  { name: "verify", summary: "stops a server under load, any server, and says what was lost" },
  { name: "faults", summary: "a TCP proxy that delays, cuts and stalls, to test with" },
];

const PACKAGE = "@sluice/tools";

/** How each runtime brings the package along. */
const BRING: Readonly<Record<string, string>> = {
  deno: `deno add jsr:${PACKAGE}`,
  bun: `bun add ${PACKAGE}`,
  node: `npm install ${PACKAGE}`,
};

/** A command of this package, or a tool. @throws {StartError} Its package isn't there, or not whole. */
export async function loadCommand(name: string): Promise<ToolCommand> {
  return await (BUILT_IN.find((command) => command.name === name)?.load() ?? loadTool(name));
}

/** Loads a tool. @throws {StartError} The package isn't there, or not whole. */
async function loadTool(name: string): Promise<ToolCommand> {
  // No literal: this package doesn't depend on that one, and whoever packs it has nothing to look for.
  const entry: string = `${PACKAGE}/commands`;
  try {
    return await (await import(entry)).COMMANDS[name]();
  } catch (error) {
    throw explained(name, error);
  }
}

function explained(name: string, error: unknown): unknown {
  const { code, message } = error as Error & { readonly code?: string };
  if (/["'`]@sluice\/tools/.test(message)) {
    const runtime = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
    const missing = `sluice ${name} comes with the package ${PACKAGE}, which is not here`;
    return new StartError(missing, `Bring it along: ${BRING[runtime]}`, { cause: error });
  }
  if (code !== "ERR_MODULE_NOT_FOUND") return error;
  const hint = `In a clone it runs from its source: node --import tsx src/cli/main.ts ${name}`;
  return new StartError(`sluice ${name} can't be loaded: ${message.split("\n")[0]}`, hint, { cause: error });
}

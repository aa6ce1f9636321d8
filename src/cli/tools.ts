/**
 * The commands that are loaded when they are called: those of this package, and those of the package `@sluice/tools`.
 *
 * @module
 */
import { StartError } from "./usage_errors.ts";
import type { ToolCommand } from "./tool.ts";

/** A command that can be called. */
export interface ToolEntry {
  readonly name: string;
  /** Its line in the program's help. */
  readonly summary: string;
}

/** What this package has besides the commands that serve, in the order of the help; `built_in.ts` loads them. */
export const BUILT_IN: readonly ToolEntry[] = [
  { name: "init", summary: "writes a program, and the files that deploy it" },
];

/** What the package `@sluice/tools` brings, in the order of the help. */
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

/** What runs this. */
export function runtimeName(): "node" | "deno" | "bun" {
  return "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
}

/** Loads one of the package's. @throws {StartError} The package isn't there, or not whole. */
export async function loadTool(name: string): Promise<ToolCommand> {
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
    const missing = `sluice ${name} comes with the package ${PACKAGE}, which is not here`;
    return new StartError(missing, `Bring it along: ${BRING[runtimeName()]}`, { cause: error });
  }
  if (code !== "ERR_MODULE_NOT_FOUND") return error;
  const hint = `In a clone it runs from its source: node --import tsx src/cli/main.ts ${name}`;
  return new StartError(`sluice ${name} can't be loaded: ${message.split("\n")[0]}`, hint, { cause: error });
}

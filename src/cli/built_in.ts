/**
 * The commands of this package that are loaded when they are called.
 *
 * @module
 */
import type { ToolCommand, ToolEntry } from "./tool.ts";

/** A command, and what loads it. */
interface BuiltIn extends ToolEntry {
  readonly load: () => Promise<ToolCommand>;
}

/** All of them, in the order of the help. */
export const BUILT_IN: readonly BuiltIn[] = [
  {
    name: "init",
    summary: "writes a program, and the files that deploy it",
    load: async () => (await import("./init/command.ts")).INIT,
  },
];

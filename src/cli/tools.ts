/**
 * The tools of the command line. Each is loaded when it is called: what one depends on costs the others nothing.
 *
 * @module
 */
import type { ToolCommand } from "./tool.ts";

/** A tool that can be called. */
export interface ToolEntry {
  readonly name: string;
  /** Its line in the program's help. */
  readonly summary: string;
  load(): Promise<ToolCommand>;
}

/** All tools, in the order of the help. */
export const TOOLS: readonly ToolEntry[] = [
  {
    name: "load",
    summary: "simulated clients that keep sending, every answer checked",
    load: async () => (await import("./load/command.ts")).COMMAND,
  },
  {
    name: "verify",
    summary: "stops a server under load, any server, and says what was lost",
    load: async () => (await import("./verify/command.ts")).COMMAND,
  },
  {
    name: "faults",
    summary: "a TCP proxy that delays, cuts and stalls, to test with",
    load: async () => (await import("./faults/command.ts")).COMMAND,
  },
];

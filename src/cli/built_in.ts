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
  {
    name: "run",
    summary: "a program in several processes, reloaded without refusing anybody",
    load: async () => (await import("./run/command.ts")).COMMAND,
  },
  { name: "status", summary: "how the workers of a sluice run are", load: () => control("status") },
  { name: "reload", summary: "replaces the workers of a sluice run", load: () => control("reload") },
  { name: "stop", summary: "drains the workers of a sluice run", load: () => control("stop") },
  {
    name: "check",
    summary: "says whether a configuration can be used",
    load: async () => (await import("./check.ts")).CHECK,
  },
  {
    name: "metrics",
    summary: "files for Prometheus and Grafana",
    load: async () => (await import("./metrics.ts")).METRICS,
  },
];

async function control(name: "status" | "reload" | "stop"): Promise<ToolCommand> {
  return (await import("./run/control_commands.ts")).CONTROL_COMMANDS[name];
}

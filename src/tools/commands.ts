/**
 * The commands that this package adds to `sluice`: each is loaded when it is called, so that what one depends on costs
 * the others nothing.
 *
 * @module
 */
import type { ToolCommand } from "@sluice/sluice/cli/kit";

/** How each command is loaded, by its name. */
export const COMMANDS: Readonly<Record<"load" | "verify" | "faults", () => Promise<ToolCommand>>> = {
  load: async () => (await import("./cli/load/command.ts")).COMMAND,
  verify: async () => (await import("./cli/verify/command.ts")).COMMAND,
  faults: async () => (await import("./cli/faults/command.ts")).COMMAND,
};

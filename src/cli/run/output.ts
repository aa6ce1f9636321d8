/**
 * What a supervisor prints: its own records, and its workers' lines with their numbers.
 *
 * @module
 */
import type { Logger, LogLevel } from "../../../mod.ts";
import { writeLine } from "../../run/supervisor/mod.ts";
import type { LogFormat } from "../command_options.ts";
import { loggerIn } from "../services.ts";

/** The supervisor's own log. */
export function supervisorLogger(level: LogLevel | undefined, format: LogFormat | undefined): Required<Logger> {
  return loggerIn(format)({ level: level ?? "info" });
}

/** A worker's line: JSON gets a field, so that it is JSON still, and text the number in front. */
export function numbered(slot: number, line: string): string {
  return /^\{\s*"/.test(line) ? `{"worker":${slot},${line.slice(1).trimStart()}` : `[${slot}] ${line}`;
}

/** Writes a worker's line where it came from. */
export function writeOutput(slot: number, stream: "stdout" | "stderr", line: string): Promise<void> | void {
  return writeLine(stream, numbered(slot, line));
}

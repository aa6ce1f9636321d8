/**
 * What a supervisor prints: its own records, and its workers' lines with their numbers.
 *
 * @module
 */
import process from "node:process";
import { jsonLogger, type Logger, type LogLevel, prettyLogger } from "../../../mod.ts";
import type { LogFormat } from "../command_options.ts";

/** The supervisor's own log. */
export function supervisorLogger(level: LogLevel | undefined, format: LogFormat | undefined): Required<Logger> {
  const isJson = (format ?? (process.stderr.isTTY === true ? "pretty" : "json")) === "json";
  return (isJson ? jsonLogger : prettyLogger)({ level: level ?? "info" });
}

/** A worker's line: JSON gets a field, so that it is JSON still, and text the number in front. */
export function numbered(slot: number, line: string): string {
  return /^\{\s*"/.test(line) ? `{"worker":${slot},${line.slice(1).trimStart()}` : `[${slot}] ${line}`;
}

/** Writes a worker's line where it came from. */
export function writeOutput(slot: number, stream: "stdout" | "stderr", line: string): Promise<void> | void {
  const out = process[stream];
  if (out.write(`${numbered(slot, line)}\n`)) return;
  return new Promise((resolve) => {
    const settle = (): void => {
      out.off("drain", settle).off("close", settle).off("error", settle);
      resolve();
    };
    out.on("drain", settle).on("close", settle).on("error", settle);
  });
}

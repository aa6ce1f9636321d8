/**
 * `sluice verify --reload`: what it shows, writes and ends with.
 *
 * @module
 */
import type { Print } from "@sluice/sluice/cli/kit";
import process from "node:process";
import type { ReloadReport } from "../../../verify/mod.ts";
import type { VerifySettings } from "../verify_options.ts";
import { type ReloadEvents, type ReloadResult, runReloads } from "./reload_run.ts";
import { formatReloadDetails, formatReloads, formatReloadSum } from "./reload_table.ts";

/** What it needs of the command. */
export interface ReloadTool {
  readonly print: Print;
  /** Somebody wants it to end. */
  interrupted(): boolean;
  /** Is to be called when somebody does. */
  atInterruption(act: () => void): void;
  /** Writes the page, if one was asked for. */
  writePage(report: ReloadReport): Promise<void>;
}

/** Reloads, and tells what was found; null if it was interrupted before there was anything. */
export async function verifyReloads(settings: VerifySettings, tool: ReloadTool): Promise<ReloadReport | null> {
  const { print, writePage } = tool;
  const found = await attempt(settings, tool);
  if (found === null) return null;
  const { report, output } = found;
  await writePage(report);
  const { json, seed, roundTrip, jitter, busy, reload } = settings;
  if (json) {
    await print(JSON.stringify({ ...report, reload, seed, roundTrip, jitter, busy }));
    return report;
  }
  const details = formatReloadDetails(report, output);
  const lines = [...formatReloads(report), ...details, ...formatReloadSum(report, reload!.count, settings)];
  await print(lines.join("\n"));
  return report;
}

async function attempt(settings: VerifySettings, tool: ReloadTool): Promise<ReloadResult | null> {
  const { json, reload } = settings;
  const show = (text: string) => !json && process.stderr.isTTY === true && process.stderr.write(`\r\x1b[K${text}`);
  const events: ReloadEvents = {
    started: (abort) => tool.atInterruption(abort),
    begins: (kind, number) => void show(`${kind} ${number} of ${reload!.count} ...`),
  };
  try {
    return await runReloads(settings, events, () => tool.interrupted());
  } catch (error) {
    if (tool.interrupted()) return null;
    throw error;
  } finally {
    show("");
  }
}

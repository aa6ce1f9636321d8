/**
 * `sluice verify --kind channel`: what it shows, and what it ends with.
 *
 * @module
 */
import { formatDuration, type Print } from "@sluice/sluice/cli/kit";
import process from "node:process";
import type { ChannelReport } from "../../../verify/mod.ts";
import type { VerifySettings } from "../verify_options.ts";
import { type ChannelEvents, runChannels } from "./channel_run.ts";
import { formatChannelDetails, formatChannels, formatChannelSum } from "./channel_table.ts";
import { describeFault } from "./fault_plan.ts";

/** What it needs of the command. */
export interface ChannelTool {
  readonly print: Print;
  /** Somebody wants it to end. */
  interrupted(): boolean;
  /** Is to be called when somebody does. */
  atInterruption(act: () => void): void;
}

/** Proves channels, and tells what was found; null if it was interrupted before there was anything. */
export async function verifyChannels(settings: VerifySettings, tool: ChannelTool): Promise<ChannelReport | null> {
  const report = await attempt(settings, tool);
  if (report === null) return null;
  const { json, seed, busy, channel } = settings;
  if (json) await tool.print(JSON.stringify({ ...report, channel, seed, busy }));
  else {
    const lines = [...formatChannels(report), ...formatChannelDetails(report), ...formatChannelSum(report, settings)];
    await tool.print(lines.join("\n"));
  }
  return report;
}

async function attempt(settings: VerifySettings, tool: ChannelTool): Promise<ChannelReport | null> {
  const { json, channel } = settings;
  const show = (text: string) => !json && process.stderr.isTTY === true && process.stderr.write(`\r\x1b[K${text}`);
  const events: ChannelEvents = {
    started: (abort) => tool.atInterruption(abort),
    fault: (fault, at) =>
      void show(`${formatDuration(at)} of ${formatDuration(channel!.duration)}: ${describeFault(fault)} ...`),
  };
  try {
    return await runChannels(settings, events, () => tool.interrupted());
  } catch (error) {
    if (tool.interrupted()) return null;
    throw error;
  } finally {
    show("");
  }
}

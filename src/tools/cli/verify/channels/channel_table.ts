/**
 * What people read of channels: a row for each kind of fault, one for the time between them, and what was lost.
 *
 * @module
 */
import { formatDuration, plural } from "@sluice/sluice/cli/kit";
import { CHANNEL_LOSSES, type ChannelPart, type ChannelReport, type WaitFigures } from "../../../verify/mod.ts";
import { type Column, headOf, indent, rowOf } from "../columns.ts";
import { type Circumstances, settingRows } from "../table.ts";

const COLUMNS: readonly Column[] = [
  ["", -10],
  ["times", 6],
  ["acknowledged", 14],
  ["delivered", 12],
  ["disconnects", 13],
  ["gaps", 6],
];

/** The whole table. */
export function formatChannels({ parts }: ChannelReport): string[] {
  return ["Waits for an acknowledgement are p50/p99/longest in ms", headOf(COLUMNS, "waits"), ...parts.map(formatPart)];
}

/** What stands below the table: what happened to whom. */
export function formatChannelDetails({ details }: ChannelReport): string[] {
  return details.flatMap(indent);
}

/** The last lines: nothing was lost, or what. */
export function formatChannelSum(report: ChannelReport, settings: Circumstances): string[] {
  const { acknowledged, delivered, losses, clean, presenceChecks, took, instances, parts } = report;
  const faults = parts.reduce((sum, { times }) => sum + times, 0);
  const circumstances = settingRows(settings).map((row) => row.join(" "));
  const counted = [
    plural(instances, "instance"),
    plural(faults, "fault"),
    `${plural(acknowledged, "message")} acknowledged and ${delivered} delivered in ${formatDuration(took)}`,
    ...extraWords(report),
    `presence looked at ${plural(presenceChecks, "time")}`,
  ];
  const basis = [...counted, ...circumstances].join(", ");
  const declared = declaredWords(report);
  if (clean) return [...declared, `Nothing was lost (${basis})`];
  const named = CHANNEL_LOSSES.filter(({ name }) => losses[name] > 0);
  const width = Math.max(0, ...named.map(({ name }) => String(losses[name]).length));
  const lost = named.map(({ name, words }) => `  ${String(losses[name]).padStart(width)}  ${words} (${name})`);
  return [...declared, lost.length > 0 ? `Lost (${basis}):` : `Not proven (${basis})`, ...lost];
}

/** What went beside the channels. */
function extraWords({ letters, calls, clients }: ChannelReport): string[] {
  const { dealt, handed, dead } = letters;
  const direct = `${plural(dealt, "direct message")} dealt with and handed out ${plural(handed, "time")}`;
  return [
    ...clients.receivers === 0 ? [] : [dead === 0 ? direct : `${direct}, ${plural(dead, "dead letter")}`],
    ...clients.callers === 0 ? [] : [`${calls.answered} of ${plural(calls.made, "call")} answered`],
  ];
}

function declaredWords({ gaps, repeated, refused }: ChannelReport): string[] {
  const reasons = Object.entries(gaps).map(([reason, count]) => `${count} ${reason}`);
  return [
    ...reasons.length === 0 ? [] : [`Gaps declared: ${reasons.join(", ")}`],
    ...repeated === 0 ? [] : [`Came again behind a gap epoch: ${plural(repeated, "message")}`],
    ...refused === 0 ? [] : [`Refused: ${plural(refused, "message")}`],
  ];
}

function formatPart(
  { fault, times, acknowledged, delivered, disconnects, gaps, acknowledgeWait }: ChannelPart,
): string {
  const cells = [fault ?? "between", fault === null ? "" : times, acknowledged, delivered, disconnects, gaps];
  return rowOf(COLUMNS, cells.map(String), waits(acknowledgeWait));
}

function waits({ count, p50, p99, max }: WaitFigures): string {
  return count === 0 ? "-" : [p50, p99, max].map((ms) => ms < 9.95 ? ms.toFixed(1) : String(Math.round(ms))).join("/");
}

/**
 * What people read of reloads: a row for each, one for the time between them, one for all, and what was lost.
 *
 * @module
 */
import { formatDuration, plural } from "@sluice/sluice/cli/kit";
import { type PartFigures, RELOAD_LOSSES, type ReloadReport, type WaitFigures } from "../../../verify/mod.ts";
import { type Column, headOf, indent, rowOf } from "../columns.ts";
import { type Circumstances, settingRows } from "../table.ts";

const COLUMNS: readonly Column[] = [
  ["", -10],
  ["took", 8],
  ["made", 8],
  ["refused", 8],
  ["reset", 6],
  ["sent", 8],
  ["answered", 9],
  ["lost", 6],
  ["held", 5],
  ["connected in", 15],
  ["answered in", 15],
];

/** The whole table: each reload and each kill, what happened between them, and everything. */
export function formatReloads({ parts, between, total }: ReloadReport): string[] {
  const head = headOf(COLUMNS, "to blame");
  const rows = parts.map((part) => formatPart(`${part.kind} ${part.number}`, formatDuration(part.took), part));
  return [
    "Waits are p50/p99/longest in ms",
    head,
    ...rows,
    formatPart("between", "", between),
    formatPart("in all", "", total),
  ];
}

/** What stands below the table: who lost what, and the server's last words if it did not go well. */
export function formatReloadDetails({ details, total: { losses } }: ReloadReport, output: string): string[] {
  const words = losses.exitCode > 0 || losses.stillThere > 0 || losses.reloadFailed > 0 ? [output] : [];
  return [...details, ...words].flatMap(indent);
}

/** The last lines: nothing was lost, or what. */
export function formatReloadSum(report: ReloadReport, wanted: number, settings: Circumstances): string[] {
  const { parts, total, clean } = report;
  const made = parts.filter(({ kind }) => kind === "reload").length;
  const circumstances = settingRows(settings).map((row) => row.join(" "));
  const reloads = made === wanted ? plural(made, "reload") : `${made} of ${plural(wanted, "reload")}`;
  const counted = [reloads, plural(total.connections, "connection"), plural(total.sent, "message")];
  const basis = [...counted, ...circumstances].join(", ");
  const held = heldWords(report);
  if (clean) return [...held, `Nothing was lost (${basis})`];
  const named = RELOAD_LOSSES.filter(({ name }) => total.losses[name] > 0);
  const width = Math.max(0, ...named.map(({ name }) => String(total.losses[name]).length));
  const lost = named.map(({ name, words }) => `  ${String(total.losses[name]).padStart(width)}  ${words} (${name})`);
  return [...held, lost.length > 0 ? `Lost (${basis}):` : `Not proven (${basis})`, ...lost];
}

function heldWords({ parts, kills: { held } }: ReloadReport): string[] {
  const killed = parts.filter(({ kind }) => kind === "kill").length;
  if (killed === 0) return [];
  const what = `${plural(held.connections, "connection")} and ${plural(held.messages, "message")}`;
  return [`Held by ${plural(killed, "killed worker")}: ${what}`];
}

function formatPart(name: string, took: string, figures: PartFigures): string {
  const { connections, losses, sent, answered, lost, held, connectWait, answerWait } = figures;
  const counts = [connections, losses.refused, losses.reset, sent, answered, lost, held.messages].map(String);
  return rowOf(COLUMNS, [name, took, ...counts, waits(connectWait), waits(answerWait)], formatLosses(figures));
}

function formatLosses({ losses }: PartFigures): string {
  const named = RELOAD_LOSSES.filter(({ name }) => losses[name] > 0);
  return named.length === 0 ? "nothing" : named.map(({ name }) => `${losses[name]} ${name}`).join(", ");
}

function waits({ count, p50, p99, max }: WaitFigures): string {
  return count === 0 ? "-" : [p50, p99, max].map(shortMs).join("/");
}

function shortMs(ms: number): string {
  return ms < 9.95 ? ms.toFixed(1) : String(Math.round(ms));
}

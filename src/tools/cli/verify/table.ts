/**
 * What people read: a row for each round, what was lost, and the sum.
 *
 * @module
 */
import { formatDuration, plural } from "@sluice/sluice/cli/kit";
import { type LossCounts, LOSSES, type RoundReport, type StopResult, type VerifyReport } from "../../verify/mod.ts";
import { type Column, headOf, indent, rowOf } from "./columns.ts";
import type { VerifySettings } from "./verify_options.ts";

/** What a run depends on beside the server. */
export type Circumstances = Pick<VerifySettings, "seed" | "roundTrip" | "jitter" | "busy">;

const COLUMNS: readonly Column[] = [
  ["scenario", -16],
  ["sent", 8],
  ["answered", 10],
  ["after end", 11],
  ["refused", 9],
  ["stop", 10],
  ["exit", 9],
];

/** The head of the table. */
export function formatHead(): string {
  return headOf(COLUMNS, "lost");
}

/** A round as one row. */
export function formatRow(report: RoundReport, rounds: number): string {
  const { scenario, round, messages: { sent, answered, afterEnd, refused }, stop, losses, clean } = report;
  const name = rounds > 1 ? `${scenario} ${round}` : scenario;
  const took = stop.took === null ? "killed" : formatDuration(stop.took);
  const cells = [name, sent, answered, afterEnd, refused, took, exitOf(stop)];
  return rowOf(COLUMNS, cells.map(String), clean ? "nothing" : formatLosses(losses));
}

/** What stands below a row: who lost what, and the server's last words if it did not go well. */
export function formatDetails({ details, losses, clean }: RoundReport, output: string): string[] {
  if (clean) return [];
  const words = losses.exitCode > 0 || losses.stillThere > 0 ? indent(output) : [];
  return [...details.map((detail) => `  ${detail}`), ...words];
}

/** Under what circumstances it was run, by name: the seed, and what makes it harder. */
export function settingRows(
  { seed, roundTrip, jitter, busy }: Circumstances,
): (readonly [name: string, value: string])[] {
  return [
    ["seed", String(seed)],
    ...roundTrip === 0 ? [] : [["round trip", `${formatDuration(roundTrip)} ± ${Math.round(jitter * 100)} %`] as const],
    ...busy === 0 ? [] : [["busy processes", String(busy)] as const],
  ];
}

/** The last line: nothing was lost, or what. */
export function formatSum({ scenarios, skipped, totals, clean }: VerifyReport, settings: Circumstances): string[] {
  const sent = scenarios.reduce((sum, { messages }) => sum + messages.sent, 0);
  const left = skipped.map(({ scenario, reason }) => `left out: ${scenario}, ${indent(reason).join("\n").trim()}`);
  const circumstances = settingRows(settings).map((row) => row.join(" "));
  const basis = [plural(scenarios.length, "round"), plural(sent, "message"), ...circumstances].join(", ");
  if (clean) return [...left, `Nothing was lost (${basis})`];
  const named = LOSSES.filter(({ name, blamed }) => blamed && totals[name] > 0);
  const width = Math.max(0, ...named.map(({ name }) => String(totals[name]).length));
  const lost = named.map(({ name, words }) => `  ${String(totals[name]).padStart(width)}  ${words} (${name})`);
  return [...left, lost.length > 0 ? `Lost (${basis}):` : `Not proven (${basis})`, ...lost];
}

function formatLosses(losses: LossCounts): string {
  const named = LOSSES.filter(({ name, blamed }) => blamed && losses[name] > 0);
  return named.length === 0 ? "see below" : named.map(({ name }) => `${losses[name]} ${name}`).join(", ");
}

function exitOf({ code, signal, took }: StopResult): string {
  if (took === null) return "-";
  return signal ?? String(code);
}

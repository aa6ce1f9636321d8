/**
 * A load run in words: what was driven, what came out, what failed.
 *
 * @module
 */
import type { FaultClass, LoadReport } from "../load/load_api.ts";
import { formatCount, formatMs, formatNumber, formatShare, listed, plural } from "./format.ts";

/** The classes of faults in words, in the order of the tables. */
export const FAULTS: readonly (readonly [fault: FaultClass, short: string, words: string])[] = [
  ["refused", "refused", "no connection could be made"],
  ["reset", "reset", "the connection ended or was reset before the answer"],
  ["truncated", "truncated", "the answer came in part"],
  ["timeout", "timed out", "no answer in time"],
  ["wrong", "wrong", "an answer other than the one asked for"],
];

/** All faults together. */
export function faultCount({ faults }: LoadReport): number {
  return FAULTS.reduce((sum, [fault]) => sum + faults[fault], 0);
}

/** One short line. */
export function loadHeadline(report: LoadReport): string {
  const { requests, rate } = report;
  const failed = Math.max(requests.failed, faultCount(report));
  if (requests.sent === 0 && failed === 0) return "Nothing was sent";
  if (requests.answered === 0) return `No right answer came; ${failedWords(failed)}`;
  return `${formatNumber(rate)} right answers a second, ${failed === 0 ? "nothing failed" : failedWords(failed)}`;
}

/** Whole sentences below it. */
export function loadLead(report: LoadReport): string[] {
  return [driven(report), outcome(report), quickness(report), ENDS[report.ended]].filter((text) => text !== "");
}

/** What a ramp counts: clients, or the rate of an open loop. */
export function loadUnit(unit: "clients" | "rate"): string {
  return unit === "clients" ? "clients" : "requests a second";
}

/** What to say of how it ended. */
const ENDS: Readonly<Record<LoadReport["ended"], string>> = {
  duration: "",
  count: "",
  cancelled: "It was ended before its time was over.",
  unreachable: "No connection could be made, so it was given up.",
};

function driven(report: LoadReport): string {
  const { target, options, duration, ramp } = report;
  const clients = plural(options.clients, "client");
  if (report.requests.sent === 0) return `${clients} were to load ${target}.`;
  const whom = `${target} for ${formatMs(duration)}`;
  if (options.ramp !== null) {
    const { from, to, over, unit } = options.ramp;
    const way = `from ${formatNumber(from)} to ${formatNumber(to)} ${loadUnit(unit)} over ${formatMs(over)}`;
    return `The load on ${target} went ${way}, in ${plural(ramp?.steps.length ?? 0, "step")}${due(report)}.`;
  }
  if (options.rate !== null) {
    return `${clients} sent ${formatNumber(options.rate)} requests a second to ${whom}${due(report)}.`;
  }
  return `${clients} kept asking ${whom}, each again once it had its answer${pause(report)}.`;
}

function due({ corrected }: LoadReport): string {
  return corrected
    ? ", latency counted from the moment that each request was due (corrected for coordinated omission)"
    : "";
}

function pause({ options }: LoadReport): string {
  const { min, max } = options.think ?? { min: 0, max: 0 };
  return max > 0 ? ` and had thought for ${formatMs(min)} to ${formatMs(max)}` : "";
}

function outcome(report: LoadReport): string {
  const { sent, answered } = report.requests;
  const failed = faultCount(report);
  if (sent === 0 && failed === 0) return "";
  const good = `${plural(sent, "request was", "requests were")} sent and ${formatCount(answered)} answered right`;
  const open = unjudged(report);
  if (failed === 0) return `${good}; nothing failed.${open}`;
  const share = formatShare(failed / Math.max(sent, failed));
  return `${good}; ${formatCount(failed)} failed (${share}): ${listed(byClass(report))}.${open}`;
}

/** What was never asked, or asked too late to tell. */
function unjudged({ requests }: LoadReport): string {
  const { unanswered, unsent } = requests;
  const open = unanswered > 0 ? ` ${formatCount(unanswered)} were under way at the end and are not judged.` : "";
  const late = unsent > 0 ? ` ${formatCount(unsent)} more were due, and no client was free to send them.` : "";
  return open + late;
}

function byClass({ faults }: LoadReport): string[] {
  return FAULTS.filter(([fault]) => faults[fault] > 0).map(([fault, short]) =>
    `${formatCount(faults[fault])} ${short}`
  );
}

function quickness({ latency, requests }: LoadReport): string {
  if (requests.answered === 0) return "";
  const { p50, p99, max } = latency;
  return `Half of the answers came within ${formatMs(p50)} and 99 of 100 within ${formatMs(p99)}; the slowest took ${
    formatMs(max)
  }.`;
}

function failedWords(failed: number): string {
  return plural(failed, "failure");
}

/**
 * What is counted in one part of the run.
 *
 * @module
 */
import type { PartFigures, ReloadLossName, WaitFigures } from "./reload_api.ts";
import { noReloadLosses, RELOAD_LOSSES } from "./reload_classes.ts";

/** Counts, and every wait that was measured. */
export class Tally {
  connections = 0;
  sent = 0;
  answered = 0;
  lost = 0;
  afterEnd = 0;
  heldConnections = 0;
  heldMessages = 0;
  readonly losses: Record<ReloadLossName, number> = noReloadLosses();
  readonly connectWaits: number[] = [];
  readonly answerWaits: number[] = [];

  /** All that these counted, as one. */
  static sum(tallies: readonly Tally[]): Tally {
    const all = new Tally();
    for (const each of tallies) all.#add(each);
    return all;
  }

  /** What it comes to. */
  figures(): PartFigures {
    const { connections, sent, answered, lost, afterEnd, losses, heldConnections, heldMessages } = this;
    return {
      connections,
      sent,
      answered,
      lost,
      afterEnd,
      losses: { ...losses },
      held: { connections: heldConnections, messages: heldMessages },
      connectWait: waitFigures(this.connectWaits),
      answerWait: waitFigures(this.answerWaits),
    };
  }

  #add(other: Tally): void {
    this.connections += other.connections;
    this.sent += other.sent;
    this.answered += other.answered;
    this.lost += other.lost;
    this.afterEnd += other.afterEnd;
    this.heldConnections += other.heldConnections;
    this.heldMessages += other.heldMessages;
    for (const { name } of RELOAD_LOSSES) this.losses[name] += other.losses[name];
    // Too many for the arguments of one call.
    for (const wait of other.connectWaits) this.connectWaits.push(wait);
    for (const wait of other.answerWaits) this.answerWaits.push(wait);
  }
}

/** The figures of waits in ms, by the nearest rank. */
export function waitFigures(waits: readonly number[]): WaitFigures {
  if (waits.length === 0) return { count: 0, p50: 0, p99: 0, max: 0 };
  const sorted = Float64Array.from(waits).sort();
  const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

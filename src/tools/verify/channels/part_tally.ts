/**
 * What is counted while a fault lasts, and between faults.
 *
 * @module
 */
import { waitFigures } from "../reload/tally.ts";
import type { ChannelFault, ChannelPart } from "./channel_api.ts";
import type { ChannelChecker } from "./channel_checker.ts";

interface Count {
  times: number;
  acknowledged: number;
  delivered: number;
  gaps: number;
  disconnects: number;
  readonly waits: number[];
}

/** Shares out what happens to the fault that lasts, or to the time between faults. */
export class PartTally {
  readonly #checker: ChannelChecker;
  readonly #counts: Map<ChannelFault | null, Count> = new Map();
  #current: ChannelFault | null = null;
  #acknowledged = 0;
  #delivered = 0;
  #gaps = 0;

  constructor(checker: ChannelChecker) {
    this.#checker = checker;
  }

  /** A fault begins. */
  begins(fault: ChannelFault): void {
    this.#take();
    this.#current = fault;
    this.#count(fault).times++;
  }

  /** It is over. */
  ends(): void {
    this.#take();
    this.#current = null;
  }

  /** A client has lost its connection. */
  disconnected(): void {
    this.#count(this.#current).disconnects++;
  }

  /** A publisher has waited so long for an acknowledgement, in ms. */
  waited(ms: number): void {
    this.#count(this.#current).waits.push(ms);
  }

  /** All of it; the time between faults last. */
  parts(): ChannelPart[] {
    this.#take();
    const faults = [...this.#counts.keys()].filter((fault) => fault !== null);
    return [...faults, null].map((fault) => {
      const { waits, ...counted } = this.#count(fault);
      return { fault, ...counted, acknowledgeWait: waitFigures(waits) };
    });
  }

  #take(): void {
    const { acknowledgedSoFar, deliveredSoFar, gapsSoFar } = this.#checker;
    const count = this.#count(this.#current);
    count.acknowledged += acknowledgedSoFar - this.#acknowledged;
    count.delivered += deliveredSoFar - this.#delivered;
    count.gaps += gapsSoFar - this.#gaps;
    this.#acknowledged = acknowledgedSoFar;
    this.#delivered = deliveredSoFar;
    this.#gaps = gapsSoFar;
  }

  #count(fault: ChannelFault | null): Count {
    let count = this.#counts.get(fault);
    if (count === undefined) {
      this.#counts.set(fault, count = { times: 0, acknowledged: 0, delivered: 0, gaps: 0, disconnects: 0, waits: [] });
    }
    return count;
  }
}

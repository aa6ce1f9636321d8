/**
 * What a server tells the drain that it is in. Who may begin a drain, call it off or force it holds the `Drain`; this
 * can't, so that whatever is given a watch can be no more than watched.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Connection } from "../conn/connection.ts";
import type { DrainPlan } from "../conn/drain_plan.ts";
import type { DrainGate } from "./gate.ts";
import type { DrainLedger } from "./ledger.ts";

/** Follows who comes and who goes during one drain. */
export class DrainWatch {
  readonly #clock: Clock;
  readonly #gate: DrainGate;
  readonly #ledger: DrainLedger;
  #acceptedAt: number;
  /** The terms for who comes; null while newcomers are served like all others. */
  #terms: (() => DrainPlan) | null = null;

  constructor(clock: Clock, gate: DrainGate, ledger: DrainLedger) {
    this.#clock = clock;
    this.#gate = gate;
    this.#ledger = ledger;
    this.#acceptedAt = clock.now();
  }

  /** Newcomers are still let in. */
  get isLameDuck(): boolean {
    return this.#terms === null;
  }

  /** When the last one came, or the drain began. */
  get acceptedAt(): number {
    return this.#acceptedAt;
  }

  /** The listeners close: whoever comes now is on its way out. */
  closing(terms: () => DrainPlan): void {
    this.#terms = terms;
  }

  /** A connection was accepted during the lame duck, or admitted from the queue. */
  accepted(conn: Connection): void {
    this.#acceptedAt = this.#clock.now();
    this.#ledger.add(conn);
    if (this.#terms !== null) conn.drain(this.#terms());
  }

  /** The last connection's socket is gone, and no handler and no work is left. */
  empty(): void {
    this.#gate.tell("empty");
  }
}

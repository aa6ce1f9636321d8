/**
 * Those who wait for a connection, in the order in which they came.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { afterFunc, type ContextParent } from "../../context/mod.ts";
import { endOf } from "../../sync.ts";
import type { ConnLoan } from "./loan.ts";

/** One of them. */
export interface Waiter<T> {
  /** No connection will do that was used before. */
  readonly fresh: boolean;
  /** When it came, in ms on the clock. */
  readonly since: number;
  readonly trace: Error | null;
  resolve(loan: ConnLoan<T>): void;
  reject(error: unknown): void;
}

/** How long to wait, and what to say then. */
export interface Patience {
  readonly ctx: ContextParent | undefined;
  /** In ms; Infinity for none. */
  readonly timeout: number;
  late(): Error;
  /** One has given up by itself. */
  left(): void;
}

/** A queue whose members leave when they are served, when their context ends and when their time is over. */
export class Waiters<T> {
  readonly #queue: Set<Waiter<T>> = new Set();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Waits at the end of the queue. */
  join(fresh: boolean, trace: Error | null, patience: Patience): Promise<ConnLoan<T>> {
    const { ctx, timeout } = patience;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.delete(waiter);
        stopTimer?.();
        stopWatch?.();
      };
      const giveUp = (reason: unknown): void => {
        leave();
        reject(reason);
        patience.left();
      };
      const waiter: Waiter<T> = {
        fresh,
        trace,
        since: this.#clock.now(),
        resolve: (loan) => (leave(), resolve(loan)),
        reject: (error) => (leave(), reject(error)),
      };
      this.#queue.add(waiter);
      const stopTimer = timeout === Infinity ? undefined : this.#clock.setTimer(() => giveUp(patience.late()), timeout);
      const stopWatch = ctx && afterFunc(ctx, () => this.#queue.has(waiter) && giveUp(endOf(ctx)?.reason));
    });
  }

  /** Who has waited longest, and takes a connection that was used or not. */
  first(used: boolean): Waiter<T> | null {
    for (const waiter of this.#queue) if (!used || !waiter.fresh) return waiter;
    return null;
  }

  /** Sends all of them away. */
  rejectAll(error: Error): void {
    for (const waiter of [...this.#queue]) waiter.reject(error);
  }
}

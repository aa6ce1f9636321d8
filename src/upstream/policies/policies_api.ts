/**
 * What users see of policies, and what is needed of `cockatiel`.
 *
 * @module
 */
import type { Context, ContextParent } from "../../context/mod.ts";

/** A policy of `cockatiel`. */
export interface PolicyRun {
  /** Runs `fn` within it. */
  execute<R>(
    fn: (context: { readonly signal?: AbortSignal; readonly attempt?: number }) => PromiseLike<R> | R,
    signal?: AbortSignal,
  ): Promise<R>;
}

/** What of `cockatiel` (from 3 on) is used: pass the module, `import * as cockatiel from "cockatiel"`. */
export interface Cockatiel {
  /** Handles errors of which a predicate says yes. */
  handleWhen(predicate: (error: Error) => boolean): unknown;
  /** Tries again. */
  retry(policy: never, options: { maxAttempts: number; backoff: never }): PolicyRun & {
    onRetry(listener: () => void): unknown;
    onGiveUp(listener: () => void): unknown;
  };
  /** Stops asking what fails. */
  circuitBreaker(policy: never, options: { halfOpenAfter: number; breaker: never }): PolicyRun & {
    onBreak(listener: () => void): unknown;
    readonly state: number;
  };
  /** Bounds what runs at once. */
  bulkhead(limit: number, queue: number): PolicyRun & {
    onReject(listener: () => void): unknown;
    readonly executionSlots: number;
    readonly queueSlots: number;
  };
  /** Ends what takes too long. */
  timeout(duration: number, strategy: never): PolicyRun & { onTimeout(listener: () => void): unknown };
  /** One around the other, the first outermost. */
  wrap(...policies: PolicyRun[]): PolicyRun;
  /** More and more time in between, with jitter. */
  readonly ExponentialBackoff: new (options: { initialDelay: number; maxDelay: number }) => unknown;
  /** Opens after so many failures in a row. */
  readonly ConsecutiveBreaker: new (failures: number) => unknown;
}

/** How many retries there may be beside first tries: a token bucket. */
export interface BudgetOptions {
  /** Retries that each first try pays for. @default 0.1 */
  readonly ratio?: number;
  /** Retries that are there at the beginning, and at the most. @default 10 */
  readonly burst?: number;
}

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  /** Failures one after the other. @default 5 */
  readonly failures?: number;
  /** Ms after which one call finds out whether all is well again. @default 10000 */
  readonly halfOpenAfter?: number;
}

/** How much runs at once. */
export interface BulkheadOptions {
  /** Calls at once. @default 64 */
  readonly limit?: number;
  /** Calls that wait. @default 64 */
  readonly queue?: number;
}

/** Everything `policies()` takes; durations in ms. */
export interface PoliciesOptions {
  /** Longest time of one try; false for none. @default 5000 */
  readonly timeout?: number | false;
  /** Tries in all; 1 for no retry. @default 3 */
  readonly attempts?: number;
  /** Shortest wait before a retry; it grows with each, with jitter. @default 50 */
  readonly backoff?: number;
  /** Longest wait before a retry. @default 1000 */
  readonly maxBackoff?: number;
  /** How many retries there may be beside first tries; false for any number. @default a tenth of the first tries, and 10 */
  readonly budget?: BudgetOptions | false;
  /** When no more is asked for a while; false for never. @default after 5 failures, for 10000 ms */
  readonly breaker?: BreakerOptions | false;
  /** How much runs at once; false for any number. @default 64, and 64 wait */
  readonly bulkhead?: BulkheadOptions | false;
  /** Which failures may be tried again. @default all but the end of the context */
  readonly retryable?: (error: unknown) => boolean;
}

/** Counts since they began. */
export interface PoliciesStats {
  /** Calls of `run()`. */
  readonly runs: number;
  /** Those at work now. */
  readonly active: number;
  /** Tries beyond the first. */
  readonly retries: number;
  /** Retries that the budget did not have. */
  readonly overBudget: number;
  /** Tries that took longer than `timeout`. */
  readonly timeouts: number;
  /** How often the breaker has opened. */
  readonly breaks: number;
  /** What the breaker does now; null without one. */
  readonly breaker: "closed" | "open" | "halfOpen" | null;
  /** Calls that the bulkhead has turned away. */
  readonly rejected: number;
  /** Retries that the budget has now; Infinity without one. */
  readonly budget: number;
}

/** Policies around calls: the timeout inside of the retry, inside of the breaker, inside of the bulkhead. */
export interface Policies {
  /** Counts, for metrics. */
  readonly stats: PoliciesStats;
  /**
   * Runs `work` within the policies. Its context ends with `ctx`, with the try's time, and when it has settled: read an
   * answer's body inside of it.
   *
   * @throws What `work` throws at last, what `cockatiel` throws in its place, or the context's cause.
   * @throws {TypeError} Synchronously: `work` is no function.
   */
  run<R>(work: (ctx: Context) => R | Promise<R>, ctx?: ContextParent): Promise<R>;
}

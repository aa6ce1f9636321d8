/**
 * `cockatiel`, bound to contexts and counts.
 *
 * @module
 */
import {
  afterFunc,
  background,
  type Context,
  type ContextParent,
  DeadlineExceeded,
  withCancelCause,
} from "../../context/mod.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { endOf } from "../../sync.ts";
import { callable, duration, integer, share } from "../../validate.ts";
import { Budget } from "./budget.ts";
import type {
  BreakerOptions,
  BudgetOptions,
  BulkheadOptions,
  Cockatiel,
  Policies,
  PoliciesOptions,
  PoliciesStats,
  PolicyRun,
} from "./policies_api.ts";

const NAMES: Names<PoliciesOptions> = {
  timeout: true,
  attempts: true,
  backoff: true,
  maxBackoff: true,
  budget: true,
  breaker: true,
  bulkhead: true,
  retryable: true,
};
const BUDGET_NAMES: Names<BudgetOptions> = { ratio: true, burst: true };
const BREAKER_NAMES: Names<BreakerOptions> = { failures: true, halfOpenAfter: true };
const BULKHEAD_NAMES: Names<BulkheadOptions> = { limit: true, queue: true };

/** Functions and classes that must be there. */
const PARTS = [
  "handleWhen",
  "retry",
  "circuitBreaker",
  "bulkhead",
  "timeout",
  "wrap",
  "ExponentialBackoff",
  "ConsecutiveBreaker",
];
/** Its `TimeoutStrategy.Aggressive`: who does not listen to its context is left behind. */
const AGGRESSIVE = "aggressive";
/** By its `CircuitState`; one that is isolated by hand is open. */
const STATES = ["closed", "open", "halfOpen", "open"] as const;
const MANY = 1_000_000;
/** All of them are left out. */
const NONE: PolicyRun = { execute: async (fn, signal) => await fn({ signal }) };

/**
 * Policies around calls, in the order that works: the timeout inside of the retry, inside of the breaker, inside of the
 * bulkhead. So each try has its time, only what failed after all its tries counts against what is asked, and nobody
 * waits for a place to be told that the breaker is open.
 *
 * @param cockatiel The module, version 3: `import * as cockatiel from "cockatiel"`.
 * @throws {OptionError} `cockatiel` is not that module, or an option can't be used.
 * @example
 * ```ts ignore
 * const guarded = policies(cockatiel, { timeout: 500, breaker: { failures: 3 } });
 * await guarded.run(async (context) => await (await app.fetch("/stock", { context })).json(), ctx);
 * ```
 */
export function policies(cockatiel: Cockatiel, options: PoliciesOptions = {}): Policies {
  const missing = PARTS.find((part) =>
    typeof (cockatiel as unknown as Record<string, unknown> | null)?.[part] !== "function"
  );
  if (missing !== undefined) {
    throw new OptionError(
      "cockatiel",
      `cockatiel must be the module of that name, got one without ${missing}: import * as cockatiel`,
    );
  }
  checkNames("policies()", options, NAMES);
  return new BoundPolicies(cockatiel, options);
}

class BoundPolicies implements Policies {
  readonly #policy: PolicyRun;
  readonly #retryable: (error: unknown) => boolean;
  readonly #budget: Budget | null;
  #breaker: { readonly state: number } | null = null;
  #runs = 0;
  #active = 0;
  #retries = 0;
  #overBudget = 0;
  #timeouts = 0;
  #breaks = 0;
  #rejected = 0;

  constructor(cockatiel: Cockatiel, options: PoliciesOptions) {
    this.#retryable = callable("retryable", options.retryable) ?? (() => true);
    this.#budget = budgetOf(options.budget);
    const layers = [
      this.#bulkheadOf(cockatiel, options.bulkhead),
      this.#breakerOf(cockatiel, options.breaker),
      this.#retryOf(cockatiel, options),
      this.#timeoutOf(cockatiel, options.timeout),
    ].filter((layer) => layer !== null);
    this.#policy = layers.length === 0 ? NONE : cockatiel.wrap(...layers);
  }

  get stats(): PoliciesStats {
    return {
      runs: this.#runs,
      active: this.#active,
      retries: this.#retries,
      overBudget: this.#overBudget,
      timeouts: this.#timeouts,
      breaks: this.#breaks,
      breaker: this.#breaker === null ? null : STATES[this.#breaker.state],
      rejected: this.#rejected,
      budget: this.#budget?.left ?? Infinity,
    };
  }

  run<R>(work: (ctx: Context) => R | Promise<R>, ctx?: ContextParent): Promise<R> {
    if (typeof work !== "function") throw new TypeError(`run() takes a function, got ${typeof work}; pass (ctx) => …`);
    const end = endOf(ctx);
    return end === null ? this.#run(work, ctx ?? background()) : Promise.reject(end.reason);
  }

  async #run<R>(work: (ctx: Context) => R | Promise<R>, parent: ContextParent): Promise<R> {
    this.#runs++;
    this.#active++;
    this.#budget?.earn();
    const [ctx, cancel] = withCancelCause(parent);
    let stop = (): boolean => false;
    // Its waits between two tries hear of no context.
    const ended = new Promise<never>((_, reject) => stop = afterFunc(ctx, () => reject(ctx.cause())));
    ended.catch(() => {});
    try {
      const result = this.#policy.execute(({ signal }) => this.#try(work, ctx, signal), ctx.signal);
      result.catch(() => {});
      return await Promise.race([result, ended]);
    } finally {
      this.#active--;
      stop();
      cancel();
    }
  }

  /** One try: its context ends with the signal that the policies give it. */
  async #try<R>(work: (ctx: Context) => R | Promise<R>, parent: Context, signal: AbortSignal | undefined): Promise<R> {
    const [ctx, cancel] = withCancelCause(parent);
    const stop = signal === undefined || signal === parent.signal ? () => false : afterFunc(signal, () => {
      cancel(new DeadlineExceeded("The try took longer than its timeout"));
    });
    try {
      return await work(ctx);
    } finally {
      stop();
      cancel();
    }
  }

  #bulkheadOf(cockatiel: Cockatiel, given: PoliciesOptions["bulkhead"]): PolicyRun | null {
    if (given === false) return null;
    const options = given ?? {};
    checkNames("bulkhead", options, BULKHEAD_NAMES);
    const limit = integer("limit", options.limit, 64, 1, MANY);
    const policy = cockatiel.bulkhead(limit, integer("queue", options.queue, 64, 0, MANY));
    policy.onReject(() => this.#rejected++);
    return policy;
  }

  #breakerOf(cockatiel: Cockatiel, given: PoliciesOptions["breaker"]): PolicyRun | null {
    if (given === false) return null;
    const options = given ?? {};
    checkNames("breaker", options, BREAKER_NAMES);
    const breaker = new cockatiel.ConsecutiveBreaker(integer("failures", options.failures, 5, 1, MANY)) as never;
    const halfOpenAfter = duration("halfOpenAfter", options.halfOpenAfter, 10_000);
    // That a caller leaves says nothing of who was called.
    const failures = cockatiel.handleWhen((error) => !isCancel(error)) as never;
    const policy = cockatiel.circuitBreaker(failures, { halfOpenAfter, breaker });
    policy.onBreak(() => this.#breaks++);
    this.#breaker = policy;
    return policy;
  }

  #retryOf(cockatiel: Cockatiel, options: PoliciesOptions): PolicyRun | null {
    const attempts = integer("attempts", options.attempts, 3, 1, MANY);
    const initialDelay = duration("backoff", options.backoff, 50);
    const maxDelay = Math.max(initialDelay, duration("maxBackoff", options.maxBackoff, 1000));
    if (attempts === 1) return null;
    const backoff = new cockatiel.ExponentialBackoff({ initialDelay, maxDelay }) as never;
    const failures = cockatiel.handleWhen((error) => this.#mayRepeat(error)) as never;
    const policy = cockatiel.retry(failures, { maxAttempts: attempts - 1, backoff });
    policy.onRetry(() => this.#retries++);
    policy.onGiveUp(() => this.#budget?.giveBack());
    return policy;
  }

  #mayRepeat(error: unknown): boolean {
    if (isCancel(error) || !this.#retryable(error)) return false;
    // Paid at once: of those that fail in the same moment each would else find the same budget.
    if (this.#budget === null || this.#budget.spend()) return true;
    this.#overBudget++;
    return false;
  }

  #timeoutOf(cockatiel: Cockatiel, given: PoliciesOptions["timeout"]): PolicyRun | null {
    if (given === false) return null;
    const policy = cockatiel.timeout(duration("timeout", given, 5000), AGGRESSIVE as never);
    policy.onTimeout(() => this.#timeouts++);
    return policy;
  }
}

function isCancel(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "ERR_CANCELED";
}

function budgetOf(given: PoliciesOptions["budget"]): Budget | null {
  if (given === false) return null;
  const options = given ?? {};
  checkNames("budget", options, BUDGET_NAMES);
  return new Budget(share("ratio", options.ratio, 0.1), integer("burst", options.burst, 10, 0, MANY));
}

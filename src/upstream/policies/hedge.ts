/**
 * Hedging: who is slow is asked once more, and the first answer counts.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import { afterFunc, background, type Context, type ContextParent, withCancelCause } from "../../context/mod.ts";
import { SluiceError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { endOf } from "../../sync.ts";
import { duration, integer } from "../../validate.ts";

/** Options of `hedge()`. */
export interface HedgeOptions {
  /** Ms without an answer after which it is asked once more: the 95th percentile of what answers take. @default 100 */
  readonly after?: number;
  /** Calls at the most. @default 2 */
  readonly max?: number;
  /** Time, for tests. @default the machine's */
  readonly clock?: Clock;
}

const NAMES: Names<HedgeOptions> = { after: true, max: true, clock: true };

/**
 * Runs `work`, and again whenever there is no answer for `after` ms, or one has failed; the first that succeeds counts,
 * and the others are cancelled. For what may be done twice, and what is small: each answer must be read inside of `work`.
 *
 * @param work Gets a context of its own, and its number from 0.
 * @throws What the last of them failed with, when all have failed; or the context's cause.
 * @throws {OptionError} Synchronously: an option or `ctx` can't be used.
 * @throws {TypeError} Synchronously: `work` is no function.
 * @example
 * ```ts ignore
 * const price = await hedge(async (context) => await (await app.fetch("/tea", { context })).json(), { after: 50 }, ctx);
 * ```
 */
export function hedge<R>(
  work: (ctx: Context, call: number) => R | Promise<R>,
  options: HedgeOptions = {},
  ctx?: ContextParent,
): Promise<R> {
  if (typeof work !== "function") throw new TypeError(`hedge() takes a function, got ${typeof work}; pass (ctx) => …`);
  checkNames("hedge()", options, NAMES);
  const after = duration("after", options.after, 100);
  const max = integer("max", options.max, 2, 1, 100);
  const end = endOf(ctx);
  if (end !== null) return Promise.reject(end.reason);
  const clock = options.clock ?? systemClock;
  return new Promise((resolve, reject) =>
    new Race(work, { after, max, clock }, ctx ?? background(clock), resolve, reject)
  );
}

class Race<R> {
  readonly #work: (ctx: Context, call: number) => R | Promise<R>;
  readonly #options: Required<HedgeOptions>;
  readonly #parent: Context;
  readonly #cancel: (cause?: unknown) => void;
  readonly #resolve: (value: R) => void;
  readonly #reject: (error: unknown) => void;
  readonly #stopWatch: () => boolean;
  #stopTimer: (() => void) | null = null;
  #begun = 0;
  #failed = 0;
  #isOver = false;

  constructor(
    work: (ctx: Context, call: number) => R | Promise<R>,
    options: Required<HedgeOptions>,
    parent: ContextParent,
    resolve: (value: R) => void,
    reject: (error: unknown) => void,
  ) {
    this.#work = work;
    this.#options = options;
    [this.#parent, this.#cancel] = withCancelCause(parent);
    this.#resolve = resolve;
    this.#reject = reject;
    this.#stopWatch = afterFunc(this.#parent, () => this.#end(() => reject(this.#parent.cause())));
    this.#next();
  }

  #next(): void {
    const { after, clock, max } = this.#options;
    this.#stopTimer?.();
    this.#stopTimer = null;
    const call = this.#begun++;
    void this.#call(call);
    if (this.#begun < max && !this.#isOver) this.#stopTimer = clock.setTimer(() => this.#next(), after);
  }

  async #call(call: number): Promise<void> {
    try {
      const value = await this.#work(this.#parent, call);
      this.#end(() => this.#resolve(value));
    } catch (error) {
      if (this.#isOver) return;
      this.#failed++;
      if (this.#begun < this.#options.max) this.#next();
      else if (this.#failed === this.#begun) this.#end(() => this.#reject(error));
    }
  }

  #end(tell: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer?.();
    this.#stopWatch();
    tell();
    this.#cancel(new SluiceError("ERR_HEDGED", "Another call was faster"));
  }
}

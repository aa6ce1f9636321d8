/**
 * Lifetimes in the manner of Go's `context`, on top of `AbortSignal`.
 *
 * @module
 */
import { type Clock, systemClock, wallOf } from "../clock.ts";
import {
  adopt,
  AfterFunc,
  CancelContext,
  clockOf,
  dueOf,
  EndlessContext,
  throwLater,
  TimerContext,
  ValueContext,
} from "./tree.ts";
import type { CancelCauseFunc, CancelFunc, Context, ContextParent, ContextValue } from "./context.ts";
import { OptionError } from "../errors.ts";
import { gotNumber } from "../names.ts";

export { CancelContext } from "./tree.ts";
export { Canceled, ContextKey, DeadlineExceeded } from "./context.ts";
export type { CancelCauseFunc, CancelFunc, Context, ContextParent, ContextValue } from "./context.ts";

function derive(parent: Context, at: number, delay: number, cause: unknown): [ctx: Context, cancel: CancelFunc] {
  if (delay === Infinity || parent.deadline === at || dueOf(parent) <= clockOf(parent).now() + delay) {
    return withCancel(parent);
  }
  const ctx = new TimerContext(parent, at, delay, cause);
  return [ctx, () => ctx.cancel()];
}

function checkTime(option: string, value: number): void {
  if (typeof value !== "number" || Number.isNaN(value)) {
    throw new OptionError(option, `${option} must be a number of milliseconds, got ${gotNumber(value)}`);
  }
}

/**
 * A root: it never ends, has no values and no deadline (Go: `context.Background`).
 *
 * @param clock Where the timers of all contexts below come from. @default the machine's
 */
export function background(clock: Clock = systemClock): Context {
  return new EndlessContext(clock, null);
}

/**
 * Derives a context that ends with its parent or when `cancel` is called.
 *
 * @example
 * ```ts
 * const [ctx, cancel] = withCancel(background());
 * cancel();
 * await fetch("http://127.0.0.1:9000/", { signal: ctx.signal }).catch((error) => error === ctx.cause());
 * ```
 */
export function withCancel(parent: ContextParent): [ctx: Context, cancel: CancelFunc] {
  const ctx = new CancelContext(parent);
  return [ctx, () => ctx.cancel()];
}

/**
 * As `withCancel`, with a cause that `ctx.cause()` and `ctx.signal.reason` show. Null is no cause, as Go's nil: then it
 * is the `Canceled` error.
 */
export function withCancelCause(parent: ContextParent): [ctx: Context, cancel: CancelCauseFunc] {
  const ctx = new CancelContext(parent);
  return [ctx, (cause) => ctx.cancel(cause)];
}

/**
 * Derives a context that ends after `ms`, unless it ends earlier. Call `cancel` when the work is done: it stops the timer.
 *
 * @param ms Milliseconds; 0 or less ends it at once, `Infinity` sets no timer.
 * @param cause Shown by `ctx.cause()` if the timer fired. @default the `DeadlineExceeded` error
 * @throws {OptionError} `ms` is not a number.
 */
export function withTimeout(parent: ContextParent, ms: number, cause?: unknown): [ctx: Context, cancel: CancelFunc] {
  checkTime("ms", ms);
  const from = adopt(parent);
  return derive(from, wallOf(clockOf(from)) + ms, ms, cause);
}

/**
 * As `withTimeout`, with a point in time. The earlier of the parent's deadline and this one counts.
 *
 * @param at Milliseconds since the epoch, as `Date.now()` counts.
 * @param cause Shown by `ctx.cause()` if the timer fired. @default the `DeadlineExceeded` error
 * @throws {OptionError} `at` is not a number.
 */
export function withDeadline(parent: ContextParent, at: number, cause?: unknown): [ctx: Context, cancel: CancelFunc] {
  checkTime("at", at);
  const from = adopt(parent);
  return derive(from, at, at - wallOf(clockOf(from)), cause);
}

/**
 * Derives a context that carries a value; keys are compared by identity (Go: `context.WithValue`).
 *
 * @throws {OptionError} `key` is null or undefined: it could be anybody's.
 */
export function withValue<K>(parent: ContextParent, key: K, value: ContextValue<K>): Context {
  if (key === null || key === undefined) {
    throw new OptionError("key", `key must not be ${String(key)}, make one with new ContextKey("name")`);
  }
  return new ValueContext(adopt(parent), key, value);
}

/** Derives a context with the parent's values and clock that doesn't end with it and has no deadline. */
export function withoutCancel(parent: ContextParent): Context {
  const from = adopt(parent);
  return new EndlessContext(clockOf(from), from);
}

/**
 * Calls `fn` when `ctx` has ended, in a microtask of its own: after the code that ended it, at once if it had ended
 * before. What `fn` throws disturbs nobody else.
 *
 * @param onError Receives what `fn` throws or rejects with. @default uncaught, as for any listener of a signal
 * @returns `stop`: true if it prevented the call; false if the context has ended or `stop` was called before.
 */
export function afterFunc(
  ctx: ContextParent,
  fn: () => unknown,
  onError: (error: unknown) => void = throwLater,
): () => boolean {
  const waiting = new AfterFunc(ctx, fn, onError);
  return () => waiting.stop();
}

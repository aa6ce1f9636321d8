/**
 * What a context is: its interface, its two errors and its keys.
 *
 * @module
 */
import { SluiceError } from "../errors.ts";

/** A context was cancelled (Go: `context.Canceled`); `cause` is what the canceller gave, if anything. */
export class Canceled extends SluiceError {
  /** Builds the error; `options.cause` is the canceller's. */
  constructor(message = "Context canceled", options?: ErrorOptions) {
    super("ERR_CANCELED", message, options);
  }
}

/** A context's deadline passed (Go: `context.DeadlineExceeded`). */
export class DeadlineExceeded extends SluiceError {
  /** Builds the error; `options.cause` is the timeout's. */
  constructor(message = "Context deadline exceeded", options?: ErrorOptions) {
    super("ERR_DEADLINE_EXCEEDED", message, options);
  }
}

/**
 * A key for `withValue` that carries the type of its value; keys are compared by identity.
 *
 * @example
 * ```ts
 * const user = new ContextKey<string>("user");
 * const ctx = withValue(background(), user, "ada");
 * const name: string | undefined = ctx.value(user);
 * ```
 */
export class ContextKey<T> {
  /** For the reader of a log; two keys of one name are different keys. */
  readonly name: string;
  /** Never set: it ties `T` to the key. */
  declare readonly type?: T;

  /** Makes a key that equals no other. */
  constructor(name: string) {
    this.name = name;
  }
}

/** The type of the value behind the key `K`. */
export type ContextValue<K> = K extends ContextKey<infer T> ? T : unknown;

/** A lifetime: when it ends, why it ended, and values that go with it (Go: `context.Context`). */
export interface Context {
  /** Aborts when the context ends, with `cause()` as its reason; built at the first use. */
  readonly signal: AbortSignal;
  /** The latest end, in ms since the epoch as `Date.now()` counts, or null for none. */
  readonly deadline: number | null;
  /** Null while the context lives. */
  err(): Canceled | DeadlineExceeded | null;
  /** Why it ended: what the first canceller gave, else `err()`; undefined while it lives (Go: `context.Cause`). */
  cause(): unknown;
  /** The value of `key` in this context or its nearest ancestor that has one. */
  value<K>(key: K): ContextValue<K> | undefined;
}

/** What a context can be derived from. */
export type ContextParent = Context | AbortSignal;

/** Ends a context; further calls do nothing (Go: `context.CancelFunc`). */
export type CancelFunc = () => void;

/** Ends a context with a cause; only the first call counts (Go: `context.CancelCauseFunc`). */
export type CancelCauseFunc = (cause?: unknown) => void;

/**
 * The kinds of context, and how they hang together. Internal but for `CancelContext`.
 *
 * @module
 */
import { type Clock, MAX_TIMER_DELAY, systemClock } from "../clock.ts";
import { OptionError } from "../errors.ts";
import { Canceled, type Context, type ContextParent, type ContextValue, DeadlineExceeded } from "./context.ts";

/** How a context ended: one object, shared by all that ended with it. The error is built when somebody asks. */
class Outcome {
  readonly #expired: boolean;
  readonly #cause: unknown;
  #err: Canceled | DeadlineExceeded | null = null;

  constructor(expired: boolean, cause: unknown) {
    this.#expired = expired;
    this.#cause = cause;
  }

  err(): Canceled | DeadlineExceeded {
    return this.#err ??= this.#build();
  }

  cause(): unknown {
    return this.#cause === undefined ? this.err() : this.#cause;
  }

  #build(): Canceled | DeadlineExceeded {
    const kind = this.#expired ? DeadlineExceeded : Canceled;
    if (this.#cause instanceof kind) return this.#cause;
    return this.#cause === undefined ? new kind() : new kind(undefined, { cause: this.#cause });
  }
}

/**
 * A context that can end: the base of all that `withCancel` and its relatives make, and of a connection's context.
 *
 * Children hang in a ring of links inside the contexts themselves, so that a child costs one small object and leaves
 * its parent in constant time.
 */
export class CancelContext implements Context {
  /** What this context was derived from; an `AbortSignal` is wrapped. */
  readonly parent: Context;
  #outcome: Outcome | null = null;
  #controller: AbortController | null = null;
  #lastChild: CancelContext | null = null;
  #next: CancelContext | null = null;
  #previous: CancelContext | null = null;

  /** Derives. @param parent Ends this context when it ends. */
  constructor(parent: ContextParent) {
    this.parent = adopt(parent);
    this.attach();
  }

  /** Whether the context has ended; cheaper than `err()`, which may build an error. */
  get done(): boolean {
    return this.#outcome !== null;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#outcome !== null) this.#controller.abort(this.#outcome.cause());
    }
    return this.#controller.signal;
  }

  get deadline(): number | null {
    let ctx = this.parent;
    // Only what has no deadline of its own is passed by: see `valueIn`.
    while (ctx instanceof CancelContext && ctx.constructor === CancelContext || ctx instanceof ValueContext) {
      ctx = ctx.parent;
    }
    return ctx.deadline;
  }

  err(): Canceled | DeadlineExceeded | null {
    return this.done ? this.#outcome!.err() : null;
  }

  cause(): unknown {
    return this.done ? this.#outcome!.cause() : undefined;
  }

  value<K>(key: K): ContextValue<K> | undefined {
    return valueIn(this.parent, key);
  }

  /** Ends this context and all below it. @param cause Why; without one it is the `Canceled` error. */
  cancel(cause?: unknown): void {
    this.finish(false, cause);
  }

  /** Called once, when the context has ended and all below it have too. */
  protected ended(): void {}

  /** Called when the first child comes (true) and when the last one has gone (false). */
  protected watched(_on: boolean): void {}

  /** Ends this context and all below it, as cancelled or as expired; only the first call counts. */
  protected finish(expired: boolean, cause: unknown): void {
    if (this.#outcome !== null) return;
    // Null is no cause, as Go's nil is none: a reason of null would tell nobody anything.
    const outcome = new Outcome(expired, cause ?? undefined);
    this.detach();
    if (this.#lastChild === null) {
      this.#outcome = outcome;
      return this.#announce();
    }
    const all: CancelContext[] = [this];
    for (const ctx of all) {
      ctx.#outcome = outcome;
      ctx.#moveChildren(all);
    }
    // Only now may foreign code run: whatever it looks at, and whatever it throws, all of them have ended.
    for (const ctx of all) ctx.#announce();
  }

  /** Somebody would notice its end: its signal was asked for, or something was derived from it. */
  protected get isObserved(): boolean {
    return this.#controller !== null || this.#lastChild !== null;
  }

  /** Joins the parent: ends with it, at once if that has ended. */
  protected attach(): void {
    const host = hostOf(this.parent);
    if (host !== null) host.#link(this);
  }

  /** Leaves the parent: its end is no longer seen. */
  protected detach(): void {
    const next = this.#next;
    if (next === null) return;
    const host = hostOf(this.parent)!;
    if (next === this) {
      host.#lastChild = null;
    } else {
      next.#previous = this.#previous;
      this.#previous!.#next = next;
      if (host.#lastChild === this) host.#lastChild = this.#previous;
    }
    this.#next = this.#previous = null;
    if (host.#lastChild === null) host.watched(false);
  }

  #link(child: CancelContext): void {
    if (this.done) {
      child.#outcome = this.#outcome;
      return;
    }
    const last = this.#lastChild ?? child;
    child.#next = last.#next ?? child;
    child.#previous = last;
    child.#next.#previous = child;
    last.#next = child;
    const first = this.#lastChild === null;
    this.#lastChild = child;
    if (first) this.watched(true);
  }

  /** Empties the ring, oldest first. */
  #moveChildren(into: CancelContext[]): void {
    const last = this.#lastChild;
    if (last === null) return;
    let child = last.#next;
    last.#next = null;
    while (child !== null) {
      const next: CancelContext | null = child.#next;
      child.#next = child.#previous = null;
      into.push(child);
      child = next;
    }
    this.#lastChild = null;
    this.watched(false);
  }

  #announce(): void {
    try {
      this.ended();
      this.#controller?.abort(this.#outcome!.cause());
    } catch (error) {
      throwLater(error);
    }
  }
}

/** The root of a tree: never ends. With a parent, it still has that parent's values and clock. */
export class EndlessContext implements Context {
  readonly clock: Clock;
  readonly deadline = null;
  readonly #values: Context | null;
  #signal: AbortSignal | null = null;

  constructor(clock: Clock, values: Context | null) {
    this.clock = clock;
    this.#values = values;
  }

  get signal(): AbortSignal {
    return this.#signal ??= new AbortController().signal;
  }

  err(): null {
    return null;
  }

  cause(): undefined {}

  value<K>(key: K): ContextValue<K> | undefined {
    return this.#values === null ? undefined : valueIn(this.#values, key);
  }

  /** Whose values it has, besides none of its own. */
  get values(): Context | null {
    return this.#values;
  }
}

/** One key and its value; in all else its parent. */
export class ValueContext implements Context {
  readonly parent: Context;
  /** The nearest above that is more than a value: as many values as there may be in between, it is one step away. */
  readonly #lifetime: Context;
  readonly #key: unknown;
  readonly #value: unknown;

  constructor(parent: Context, key: unknown, value: unknown) {
    this.parent = parent;
    this.#lifetime = parent instanceof ValueContext ? parent.#lifetime : parent;
    this.#key = key;
    this.#value = value;
  }

  get signal(): AbortSignal {
    return this.#lifetime.signal;
  }

  get deadline(): number | null {
    return this.#lifetime.deadline;
  }

  err(): Canceled | DeadlineExceeded | null {
    return this.#lifetime.err();
  }

  cause(): unknown {
    return this.#lifetime.cause();
  }

  value<K>(key: K): ContextValue<K> | undefined {
    return valueIn(this, key);
  }

  /** Whether it has this key itself. */
  has(key: unknown): boolean {
    return key === this.#key;
  }

  /** What it has behind its key. */
  get held(): unknown {
    return this.#value;
  }
}

/** Walks up, without a call for each step: a chain may be longer than the stack is deep. */
function valueIn<K>(from: Context, key: K): ContextValue<K> | undefined {
  let ctx: Context | null = from;
  while (ctx !== null) {
    if (ctx instanceof ValueContext) {
      if (ctx.has(key)) return ctx.held as ContextValue<K>;
      ctx = ctx.parent;
    } else if (ctx instanceof EndlessContext) ctx = ctx.values;
    // What stands in for somebody else's context, or is one, knows better where its values are.
    else if (ctx instanceof SignalContext || !(ctx instanceof CancelContext)) return ctx.value(key);
    else ctx = ctx.parent;
  }
  return undefined;
}

/** An `AbortSignal`, or somebody else's context, as a parent. It listens only while it has children. */
export class SignalContext extends CancelContext {
  readonly #source: AbortSignal;
  readonly #foreign: Context | null;
  readonly #onAbort = (): void => {
    const reason = this.#source.reason;
    this.finish(reason instanceof DeadlineExceeded || reason?.name === "TimeoutError", reason);
  };

  constructor(source: AbortSignal, foreign: Context | null) {
    super(new EndlessContext(systemClock, null));
    this.#source = source;
    this.#foreign = foreign;
  }

  override get done(): boolean {
    if (this.#source.aborted) this.#onAbort();
    return super.done;
  }

  override get signal(): AbortSignal {
    return this.#source;
  }

  override get deadline(): number | null {
    return this.#foreign?.deadline ?? null;
  }

  override value<K>(key: K): ContextValue<K> | undefined {
    return this.#foreign?.value(key);
  }

  protected override watched(on: boolean): void {
    if (on) this.#source.addEventListener("abort", this.#onAbort);
    else this.#source.removeEventListener("abort", this.#onAbort);
  }
}

/** Ends by itself. */
export class TimerContext extends CancelContext {
  /** The deadline on the context's own, monotonic clock. */
  readonly due: number;
  readonly #at: number;
  readonly #clock: Clock;
  readonly #cause: unknown;
  #stop: (() => void) | null = null;

  constructor(parent: Context, at: number, delay: number, cause: unknown) {
    super(parent);
    this.#clock = clockOf(parent);
    this.#cause = cause;
    this.#at = Math.min(at, parent.deadline ?? Infinity);
    this.due = this.#clock.now() + delay;
    if (!this.done) this.#arm(delay);
  }

  override get deadline(): number {
    return this.#at;
  }

  protected override ended(): void {
    this.#stop?.();
    this.#stop = null;
  }

  #arm(delay: number): void {
    if (delay <= 0) return this.finish(true, this.#cause);
    const step = Math.min(delay, MAX_TIMER_DELAY);
    this.#stop = this.#clock.setTimer(() => this.#arm(step < delay ? this.due - this.#clock.now() : 0), step);
  }
}

/** A function that waits for the end of its parent. */
export class AfterFunc extends CancelContext {
  readonly #onError: (error: unknown) => void;
  #fn: (() => unknown) | null;

  constructor(parent: ContextParent, fn: () => unknown, onError: (error: unknown) => void) {
    super(parent);
    this.#fn = fn;
    this.#onError = onError;
    if (this.done) this.ended();
  }

  stop(): boolean {
    if (this.#fn === null) return false;
    this.#fn = null;
    this.detach();
    return true;
  }

  protected override ended(): void {
    const fn = this.#fn!;
    this.#fn = null;
    Promise.resolve().then(fn).catch(this.#onError);
  }
}

/** Wrappers of foreign parents: one listener serves all children that one of them has. */
const wrappers = new WeakMap<ContextParent, SignalContext>();

export function adopt(parent: ContextParent): Context {
  if (parent instanceof CancelContext || parent instanceof ValueContext || parent instanceof EndlessContext) {
    return parent;
  }
  const given: unknown = parent;
  if (typeof given !== "object" || given === null || !("aborted" in given || "signal" in given)) {
    throw new OptionError("parent", `parent must be a context or an AbortSignal, got ${String(given)}`);
  }
  let wrapper = wrappers.get(parent);
  if (wrapper === undefined) {
    wrapper = "aborted" in parent ? new SignalContext(parent, null) : new SignalContext(parent.signal, parent);
    wrappers.set(parent, wrapper);
  }
  return wrapper;
}

/** The nearest context that can end; null where none can. `ctx` is adopted. */
function hostOf(ctx: Context): CancelContext | null {
  while (ctx instanceof ValueContext) ctx = ctx.parent;
  return ctx instanceof CancelContext ? ctx : null;
}

export function clockOf(ctx: Context): Clock {
  while (ctx instanceof CancelContext || ctx instanceof ValueContext) ctx = ctx.parent;
  return ctx instanceof EndlessContext ? ctx.clock : systemClock;
}

/** When the nearest timer above fires, on the context's clock. */
export function dueOf(ctx: Context): number {
  while (ctx instanceof CancelContext || ctx instanceof ValueContext) {
    if (ctx instanceof TimerContext) return ctx.due;
    ctx = ctx.parent;
  }
  return Infinity;
}

export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

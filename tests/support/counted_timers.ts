/**
 * Counts the timers of a program by wrapping the runtime's: it is to be imported before what sets any.
 *
 * @module
 */

/** `setTimeout` timers that wait. */
export const pendingTimers: Set<unknown> = new Set();

const { setTimeout: set, clearTimeout: clear } = globalThis;

/** The runtime's own: what it sets is not counted. */
export const uncountedTimeout: typeof setTimeout = set;

globalThis.setTimeout = ((run: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) => {
  const timer: unknown = set(() => {
    pendingTimers.delete(timer);
    run(...args);
  }, delay);
  pendingTimers.add(timer);
  return timer;
}) as typeof setTimeout;
globalThis.clearTimeout = ((timer: Parameters<typeof clear>[0]) => {
  pendingTimers.delete(timer);
  clear(timer);
}) as typeof clearTimeout;

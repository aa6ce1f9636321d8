/**
 * Time as the core sees it, so that tests can own it.
 *
 * @module
 */

/** A monotonic clock with timers. Times are in milliseconds. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
  /** Calls `fn` once after `delay` ms. The returned function cancels. */
  setTimer(fn: () => void, delay: number): () => void;
  /** Calls `fn` at the end of the event loop's turn: after the promise jobs, before time passes. */
  soon(fn: () => void): void;
  /** Calls `fn` in a later turn, when the runtime has looked at its sockets or will have soon. @default soon */
  turn?(fn: () => void): void;
  /** `setTimer` that doesn't keep the process alive. @default setTimer */
  setIdleTimer?(fn: () => void, delay: number): () => void;
  /** The time of day in ms since the epoch. @default Date.now() */
  wall?(): number;
}

/** The longest delay a runtime's timer takes (2^31-1 ms); a longer one would fire at once. */
export const MAX_TIMER_DELAY = 2_147_483_647;

/** What is needed to wait, and all that a page loads of this. */
export type Timers = Pick<Clock, "now" | "setTimer">;

/** Those of `systemClock`. */
export const systemTimers: Timers = { now, setTimer };

/** The machine's own monotonic clock. */
export const systemClock: Clock = {
  now,
  setTimer,
  setIdleTimer(fn, delay) {
    const timer = setTimeout(fn, possible(delay));
    // An object on the three runtimes; the web's timers are numbers.
    (timer as { unref?(): void }).unref?.();
    return () => clearTimeout(timer);
  },
  soon: endOfTurn,
  turn: laterTurn,
};

function now(): number {
  return performance.now();
}

/** What is due may be past by now, and a runtime warns of a negative delay on standard error (Node 22, Deno 2.9). */
function possible(delay: number): number {
  return Math.max(0, Math.min(delay, MAX_TIMER_DELAY));
}

function setTimer(fn: () => void, delay: number): () => void {
  const timer = setTimeout(fn, possible(delay));
  return () => clearTimeout(timer);
}

/**
 * Deno looks at its sockets when it has nothing else to do, or once in 61 turns (2.9.6): whoever goes on from turn to
 * turn by `setImmediate` leaves all others unheard for 50 ms and more. Behind a timer it has nothing else to do; one in
 * so many ms is enough. A timer may take a whole millisecond, so not every turn waits for one (issue 11).
 */
const LOOK_EVERY = 10;

let lookedAt = 0;
let isLooking = false;

function laterTurn(fn: () => void): void {
  if (!isLooking && now() - lookedAt < LOOK_EVERY) return endOfTurn(fn);
  // All who ask now wait for a timer: one that did not would keep the runtime busy.
  isLooking = true;
  setTimeout(() => {
    isLooking = false;
    lookedAt = now();
    fn();
  }, 0);
}

/** `setIdleTimer`, of a clock that may not have it. */
export function idleTimer(clock: Pick<Clock, "setTimer" | "setIdleTimer">, fn: () => void, delay: number): () => void {
  return clock.setIdleTimer === undefined ? clock.setTimer(fn, delay) : clock.setIdleTimer(fn, delay);
}

/** `turn`, of a clock that may not have it. */
export function nextTurn(clock: Pick<Clock, "soon" | "turn">, fn: () => void): void {
  if (clock.turn === undefined) clock.soon(fn);
  else clock.turn(fn);
}

/** `wall`, of a clock that may not have it. */
export function wallOf(clock: Clock): number {
  return clock.wall?.() ?? Date.now();
}

/** All three runtimes have `setImmediate`; a timer of 0 ms stands in elsewhere. */
export function endOfTurn(fn: () => void): void {
  const { setImmediate } = globalThis as { setImmediate?: (fn: () => void) => unknown };
  if (setImmediate === undefined) setTimeout(fn, 0);
  else setImmediate(fn);
}

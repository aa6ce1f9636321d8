/**
 * How long to wait before the next attempt.
 *
 * @module
 */

/** The largest exponent that is of use: every cap is reached before. */
const MAX_DOUBLINGS = 32;

/** What decides about delays, all in ms. */
export interface BackoffOptions {
  /** Upper end of the first delay. */
  readonly minDelay: number;
  /** Upper end of every delay. */
  readonly maxDelay: number;
  /** A number from 0 up to, but not including, 1. */
  readonly random: () => number;
}

/**
 * Draws the delay behind so many others. Exponential backoff with full jitter: the n-th delay is drawn from 0 to
 * `minDelay × 2^n`, at most `maxDelay`. Clients that lost their server at one moment come back spread over the whole
 * range, and not in waves.
 */
export function delayAfter(retries: number, { minDelay, maxDelay, random }: BackoffOptions): number {
  return random() * Math.min(maxDelay, minDelay * 2 ** Math.min(retries, MAX_DOUBLINGS));
}

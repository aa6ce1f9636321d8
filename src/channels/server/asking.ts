/**
 * How the log is asked: for how much at once, and when again after it has failed.
 *
 * @module
 */
import { type Clock, idleTimer } from "../../clock.ts";
import type { ReadLimit } from "../log/log_api.ts";

/** What is read at once: some ms of work. */
export const PAGE: ReadLimit = { count: 256, bytes: 256 * 1024 };

/** One entry, or only what is said of its stream. */
export const ONE: ReadLimit = { count: 1, bytes: 1 };

/** The first wait before a log that failed is asked again, in ms. */
export const FIRST_RETRY = 100;

/** The longest. */
const LAST_RETRY = 5000;

/** The wait after that one. */
export function nextRetry(delay: number): number {
  return Math.min(2 * delay, LAST_RETRY);
}

/** Waits, and keeps no process alive by it. */
export function idle(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void idleTimer(clock, resolve, ms));
}

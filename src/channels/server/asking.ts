/**
 * How the log is asked: for how much at once, and when again after it has failed.
 *
 * @module
 */
import { type Clock, idleTimer } from "../../clock.ts";
import { ChannelError } from "../channels_errors.ts";
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

/** Whoever asks for something behind `close()` hears it. */
export const CLOSED = "The channels are closed: close() was called";

/** What the log rejects with, in the words of channels. */
export async function unavailable<T>(given: Promise<T>, failed: () => void = () => {}): Promise<T> {
  try {
    return await given;
  } catch (error) {
    failed();
    if (error instanceof ChannelError) throw error;
    const { code, message } = error as { readonly code?: string; readonly message: string };
    const words = code === "ERR_LOG_CLOSED" ? CLOSED : `The log failed: ${message}`;
    throw new ChannelError("unavailable", words, { cause: error });
  }
}

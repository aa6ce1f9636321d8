/**
 * Checks of option values: each names the option, the value and what is expected.
 *
 * @module
 */
import { MAX_TIMER_DELAY } from "../clock.ts";
import { OptionError } from "../errors.ts";

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** A duration in ms; 0 or more. */
export function duration(option: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value >= 0) || value > MAX_TIMER_DELAY) {
    throw new OptionError(option, `${option} must be from 0 to ${MAX_TIMER_DELAY} milliseconds, got ${show(value)}`);
  }
  return value;
}

/** A count; `Infinity` is allowed where it means "no limit". */
export function count(option: string, value: unknown, fallback: number, min = 1): number {
  if (value === undefined) return fallback;
  if (value === Infinity) return value;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min) {
    throw new OptionError(option, `${option} must be a whole number of at least ${min}, got ${show(value)}`);
  }
  return value;
}

/** A whole number in a range. */
export function integer(option: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw new OptionError(option, `${option} must be a whole number from ${min} to ${max}, got ${show(value)}`);
  }
  return value;
}

/** A share from 0 to 1. */
export function share(option: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value >= 0 && value <= 1)) {
    throw new OptionError(option, `${option} must be from 0 to 1, got ${show(value)}`);
  }
  return value;
}

/** One of a few words. */
export function oneOf<T extends string>(option: string, value: unknown, fallback: T, words: readonly T[]): T {
  if (value === undefined) return fallback;
  if (!words.includes(value as T)) {
    throw new OptionError(option, `${option} must be one of ${words.map(show).join(", ")}, got ${show(value)}`);
  }
  return value as T;
}

/** Text that is not empty. */
export function text(option: string, value: unknown, fallback: string): string {
  if (value === undefined) return fallback;
  if (typeof value !== "string" || value === "") {
    throw new OptionError(option, `${option} must be a non-empty string, got ${show(value)}`);
  }
  return value;
}

/**
 * Checks of option values: each names the option, the value and what is expected.
 *
 * @module
 */
import { MAX_TIMER_DELAY } from "./clock.ts";
import { OptionError } from "./errors.ts";
import { checkNames, gotNumber } from "./names.ts";

function show(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** A duration in ms; 0 or more. */
export function duration(option: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value >= 0) || value > MAX_TIMER_DELAY) {
    throw new OptionError(
      option,
      `${option} must be from 0 to ${MAX_TIMER_DELAY} milliseconds, got ${gotNumber(value)}`,
    );
  }
  return value;
}

/** A count; `Infinity` is allowed where it means "no limit". */
export function count(option: string, value: unknown, fallback: number, min = 1): number {
  if (value === undefined) return fallback;
  if (value === Infinity) return value;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min) {
    throw new OptionError(option, `${option} must be a whole number of at least ${min}, got ${gotNumber(value)}`);
  }
  return value;
}

/** A whole number in a range. */
export function integer(option: string, value: unknown, fallback: number, min: number, max: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw new OptionError(option, `${option} must be a whole number from ${min} to ${max}, got ${gotNumber(value)}`);
  }
  return value;
}

/** A share from 0 to 1. */
export function share(option: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value >= 0 && value <= 1)) {
    throw new OptionError(option, `${option} must be from 0 to 1, got ${gotNumber(value)}`);
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

/** A function, or undefined. */
export function callable<T>(option: string, value: T | undefined): T | undefined {
  if (value === undefined || typeof value === "function") return value;
  throw new OptionError(option, `${option} must be a function, got ${show(value)}`);
}

/** True or false. */
export function yesOrNo(option: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw new OptionError(option, `${option} must be true or false, got ${show(value)}`);
  return value;
}

/** Text that is not empty. */
export function text(option: string, value: unknown, fallback: string): string {
  if (value === undefined) return fallback;
  if (typeof value !== "string" || value === "") {
    throw new OptionError(option, `${option} must be a non-empty string, got ${show(value)}`);
  }
  return value;
}

/** What a server is made of: options, and a function that handles. */
export function checkServer(
  what: string,
  options: unknown,
  names: Readonly<Record<string, true>>,
  handler: unknown,
  wanted: string = "a function",
): void {
  if (typeof options !== "object" || options === null) {
    throw new OptionError("options", `options must be an object such as { port: 8080 }, got ${show(options)}`);
  }
  checkNames(what, options, names);
  if (typeof handler !== "function") {
    const got = handler === null ? "null" : typeof handler;
    throw new OptionError("handler", `handler must be ${wanted}, got ${got}`);
  }
}

/** A promise, or what can be awaited like one. */
export function checkPromise(where: string, value: unknown): void {
  if (typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function") return;
  throw new TypeError(`${where} needs a promise, got ${show(value)}; call the async function and pass what it returns`);
}

/** Parts that a program may bring along have the functions that are called. */
export function checkParts(options: { logger?: unknown; clock?: unknown; adapter?: unknown }): void {
  methods("logger", options.logger, ["debug", "info", "warn", "error"]);
  methods("clock", options.clock, ["now", "setTimer", "soon"]);
  methods("adapter", options.adapter, ["listen", "connect"]);
}

function methods(option: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return;
  for (const name of names) {
    if (typeof (value as Record<string, unknown> | null)?.[name] !== "function") {
      throw new OptionError(option, `${option} must be an object with the function ${name}(), got ${show(value)}`);
    }
  }
}

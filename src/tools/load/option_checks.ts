/**
 * Checks of option values: each names the option, the value and what is expected.
 *
 * @module
 */
import { checkNames, gotNumber, OptionError } from "@sluice/sluice";
import type { LoadRange } from "./load_api.ts";

/** Ends the check with what the option must be. */
export function refuse(option: string, expected: string, got: unknown, shown: string = show(got)): never {
  throw new OptionError(option, `${option} must be ${expected}, got ${shown}`);
}

/** Ends the check because two options exclude each other. */
export function exclude(option: string, message: string): never {
  throw new OptionError(option, message);
}

/** A whole number in a range, or null where none was given. */
export function whole(option: string, value: unknown, min: number, max: number): number | null {
  if (value === undefined) return null;
  if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
  return refuse(option, `a whole number from ${min} to ${max}`, value, gotNumber(value));
}

/** A number in a range, or null where none was given; `unit` names what it counts. */
export function amount(option: string, value: unknown, min: number, max: number, unit: string): number | null {
  if (value === undefined) return null;
  if (typeof value === "number" && value >= min && value <= max) return value;
  return refuse(option, `from ${min} to ${max} ${unit}`, value, gotNumber(value));
}

/** Two numbers in order, or null where none were given. */
export function range(option: string, value: unknown, max: number, unit: string): LoadRange | null {
  if (value === undefined) return null;
  checkNames(option, value, { min: true, max: true });
  const { min: least, max: most } = (value ?? {}) as Partial<LoadRange>;
  const fine = typeof least === "number" && typeof most === "number" && least >= 0 && most >= least && most <= max;
  if (fine) return { min: least, max: most };
  return refuse(option, `{ min, max } with 0 <= min <= max <= ${max} ${unit}`, value);
}

/** One of a few words, or null where none was given. */
export function word<T extends string>(option: string, value: unknown, words: readonly T[]): T | null {
  if (value === undefined) return null;
  if (words.includes(value as T)) return value as T;
  return refuse(option, `one of ${words.map((each) => JSON.stringify(each)).join(", ")}`, value);
}

/** An object with some functions, or nothing. */
export function methods(option: string, value: unknown, names: readonly string[]): void {
  if (value === undefined) return;
  for (const name of names) {
    if (typeof (value as Record<string, unknown> | null)?.[name] !== "function") {
      refuse(option, `an object with the function ${name}()`, value);
    }
  }
}

function show(value: unknown): string {
  if (typeof value === "string" || (typeof value === "object" && value !== null)) return JSON.stringify(value);
  return String(value);
}

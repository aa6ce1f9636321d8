/**
 * Checks of the framings' options.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { gotNumber } from "../names.ts";

/** Longest text line, delimited frame or prefixed frame by default, in bytes: Go's `bufio.MaxScanTokenSize`. */
export const DEFAULT_MAX_LENGTH: number = 64 * 1024;

/** Returns `value`, or `fallback` where it is undefined. @throws {OptionError} It is no whole number of at least 1. */
export function positiveInteger(option: string, value: number | undefined, fallback: number): number {
  const number = value ?? fallback;
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw new OptionError(option, `${option} must be a whole number of at least 1, got ${gotNumber(number)}`);
}

/** Returns `value`, or the first choice where it is undefined. @throws {OptionError} It is none of the choices. */
export function oneOf<V extends string | number>(option: string, value: V | undefined, choices: readonly V[]): V {
  if (value === undefined) return choices[0];
  if (choices.includes(value)) return value;
  throw new OptionError(
    option,
    `${option} must be one of ${choices.join(", ")}, got ${
      typeof value === "string" ? JSON.stringify(value) : gotNumber(value)
    }`,
  );
}

/**
 * Checks of options that weigh little: those of `src/names.ts` guess what was meant, which costs a page 600 bytes.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";

/** @throws {OptionError} An option has a name that nobody knows. */
export function checkOptions(what: string, options: object, names: Readonly<Record<string, true>>): void {
  for (const name in options) {
    if (Object.hasOwn(names, name)) continue;
    throw new OptionError(name, `${what} has no option ${name}, it has ${Object.keys(names).join(", ")}`);
  }
}

/** The value. @throws {OptionError} It is no number from 1 on. */
export function atLeast1(option: string, value: number): number {
  if (typeof value === "number" && value >= 1) return value;
  throw new OptionError(option, `${option} must be a number from 1 on, got ${value}`);
}

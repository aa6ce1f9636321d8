/**
 * Checks of options that weigh little: those of `src/names.ts` guess what was meant, which costs a page 600 bytes.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";

/** @throws {OptionError} An option has a name that nobody knows. */
export function checkOptions(options: object, names: Readonly<Record<string, true>>): void {
  for (const name in options) {
    mustBe(Object.hasOwn(names, name), name, `one of ${Object.keys(names)}`, name);
  }
}

/** @throws {OptionError} It is not right. */
export function mustBe(isRight: unknown, option: string, rule: string, got: unknown): void {
  if (!isRight) throw new OptionError(option, `${option} must be ${rule}, got ${String(got).slice(0, 99)}`);
}

/** The value. @throws {OptionError} It is no number from 1 on. */
export function atLeast1(option: string, value: number): number {
  mustBe(typeof value === "number" && value >= 1, option, "1 or more", value);
  return value;
}

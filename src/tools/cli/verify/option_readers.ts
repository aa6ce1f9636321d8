/**
 * Reads values that several options of `sluice verify` have.
 *
 * @module
 */
import { number, type ToolOption, UsageError } from "@sluice/sluice/cli/kit";
import { constants } from "node:os";

/** A request target. */
export function target(flag: string, value: string): string {
  if (/^\/[\x21-\x7e]*$/.test(value)) return value;
  throw new UsageError(`${flag} must begin with / and have no blanks, got ${JSON.stringify(value)}`);
}

/** A number that is not 0. */
export function atLeastOne(flag: string, value: string): number {
  const read = number(flag, value);
  if (read > 0) return read;
  throw new UsageError(`${flag} must be at least 1, got ${value}`);
}

/** A signal's name: `TERM` and `SIGTERM` are the same. */
export function signalName(flag: string, value: string): string {
  const name = value.startsWith("SIG") ? value : `SIG${value}`;
  if (Object.hasOwn(constants.signals, name)) return name;
  throw new UsageError(`${flag} must be a signal like SIGTERM, got ${JSON.stringify(value)}`);
}

/** One option. */
export function row(
  flag: string,
  name: string,
  value: string,
  read: ToolOption["read"],
  help: string,
  many: boolean = false,
): ToolOption {
  return { flag, option: name, value, help, read, many };
}

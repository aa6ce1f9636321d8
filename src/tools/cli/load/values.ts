/**
 * Reads the values of the options of `sluice load`.
 *
 * @module
 */
import { duration, UsageError } from "@sluice/sluice/cli/kit";
import type { LoadRamp, LoadRange } from "../../load/mod.ts";

const UNIT_BYTES: Readonly<Record<string, number>> = { "": 1, B: 1, KiB: 1024, MiB: 1_048_576 };

/** A number that need not be whole. */
export function decimal(flag: string, value: string): number {
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value);
  throw new UsageError(`${flag} must be a number, got ${JSON.stringify(value)}`);
}

/** A process id. */
export function pid(flag: string, value: string): number {
  const read = /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (read > 0) return read;
  throw new UsageError(`${flag} must be the number of a process, got ${JSON.stringify(value)}`);
}

/** `50ms` or `0,50ms`, in ms. */
export function pause(flag: string, value: string): LoadRange {
  return range(
    value,
    (part) => duration(flag, part),
    () => wrong(flag, "a duration or two, like 50ms or 10ms,50ms", value),
  );
}

/** `100`, `64KiB` or `16,1KiB`, in bytes. */
export function size(flag: string, value: string): LoadRange {
  const refuse = () => wrong(flag, "a size or two, like 100, 64KiB or 16,1KiB", value);
  return range(value, (part) => {
    const [, amount, unit = ""] = /^(\d+)(B|KiB|MiB)?$/.exec(part) ?? [];
    return amount === undefined ? refuse() : Number(amount) * UNIT_BYTES[unit];
  }, refuse);
}

/** `10..500/30s` for clients, `1000..20000rps/30s` for requests a second. */
export function ramp(flag: string, value: string): LoadRamp {
  const [, from, to, unit, over] = /^([\d.]+?)\.\.([\d.]+?)(rps)?\/(.+)$/.exec(value) ?? [];
  if (over === undefined || Number.isNaN(Number(from)) || Number.isNaN(Number(to))) {
    return wrong(flag, "like 10..500/30s (clients) or 1000..20000rps/30s (requests a second)", value);
  }
  const loads = { from: Number(from), to: Number(to) };
  return { ...loads, over: duration(flag, over), unit: unit === undefined ? "clients" : "rate" };
}

/** `Name: value`. */
export function header(flag: string, value: string): readonly [name: string, value: string] {
  const at = value.indexOf(":");
  if (at <= 0) return wrong(flag, 'like "Name: value"', value);
  return [value.slice(0, at).trim(), value.slice(at + 1).trim()];
}

function range(value: string, read: (part: string) => number, refuse: () => never): LoadRange {
  const parts = value.split(",");
  if (parts.length > 2) return refuse();
  const [min, max = min] = parts.map(read);
  return min <= max ? { min, max } : refuse();
}

function wrong(flag: string, expected: string, value: string): never {
  throw new UsageError(`${flag} must be ${expected}, got ${JSON.stringify(value)}`);
}

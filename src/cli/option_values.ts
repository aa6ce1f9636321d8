/**
 * Reads the values of options.
 *
 * @module
 */
import { UsageError } from "./usage_errors.ts";

/** Turns the text of a value into what it means; `flag` is for the message if it means nothing. */
export type ReadValue = (flag: string, text: string) => unknown;

const MAX_PORT = 65_535;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Any text. */
export function text(_flag: string, value: string): string {
  return value;
}

/** A whole number. */
export function number(flag: string, value: string): number {
  if (!/^\d+$/.test(value)) throw new UsageError(`${flag} must be a whole number, got ${JSON.stringify(value)}`);
  return Number(value);
}

/** A number from 0 to 1. */
export function share(flag: string, value: string): number {
  const read = /^\d*\.?\d+$/.test(value) ? Number(value) : NaN;
  if (read <= 1) return read;
  throw new UsageError(`${flag} must be a number from 0 to 1, got ${JSON.stringify(value)}`);
}

/** A TCP port; 0 lets the system choose. */
export function port(flag: string, value: string): number {
  const read = number(flag, value);
  if (read > MAX_PORT) throw new UsageError(`${flag} must be a whole number from 0 to ${MAX_PORT}, got ${value}`);
  return read;
}

/** A place to listen: a port, of all addresses, or an address and a port. */
export interface Place {
  readonly port: number;
  readonly hostname?: string;
}

/** `9464`, `127.0.0.1:9464`, `[::1]:9464`. */
export function place(flag: string, value: string): Place {
  const [, bracketed, bare, digits = ""] = /^(?:\[([^\]]+)\]:|([^:]+):)?(\d+)$/.exec(value) ?? [];
  if (digits === "" || Number(digits) > MAX_PORT) {
    const forms = "a port, or an address and a port as 127.0.0.1:9464 or [::1]:9464";
    throw new UsageError(`${flag} must be ${forms}, got ${JSON.stringify(value)}`);
  }
  const hostname = bracketed ?? bare;
  return { port: Number(digits), ...(hostname === undefined ? {} : { hostname }) };
}

/** A duration, in ms. */
export function duration(flag: string, value: string): number {
  const [, amount, unit = "ms"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value) ?? [];
  if (amount === undefined) {
    const forms = "10s, 500ms, 2m, 1h, or a number of milliseconds";
    throw new UsageError(`${flag} must be a duration like ${forms}, got ${JSON.stringify(value)}`);
  }
  return Number(amount) * UNITS[unit];
}

/** One of a few words. */
export function oneOf(words: readonly string[]): ReadValue {
  return (flag, value) => {
    if (words.includes(value)) return value;
    throw new UsageError(`${flag} must be one of ${words.join(", ")}, got ${JSON.stringify(value)}`);
  };
}

/** Which requests the access log names. */
export function sample(flag: string, value: string): AccessLog {
  if (value === "off") return false;
  if (value === "all") return { sample: "all" };
  const [, amount, perSecond] = /^(\d+(?:\.\d+)?)(\/s)?$/.exec(value) ?? [];
  if (amount !== undefined && perSecond !== undefined) return { sample: { perSecond: Number(amount) } };
  if (amount !== undefined && Number(amount) <= 1) return { sample: Number(amount) };
  throw new UsageError(`${flag} must be off, all, a share like 0.1, or lines like 100/s, got ${JSON.stringify(value)}`);
}

/** What `sample` reads; the library's `accessLog` takes it. */
export type AccessLog = false | { readonly sample: "all" | number | { readonly perSecond: number } };

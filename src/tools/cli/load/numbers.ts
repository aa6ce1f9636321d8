/**
 * Numbers as people read them.
 *
 * @module
 */

const BYTE_UNITS: readonly string[] = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A whole number with commas: 12,345. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Three digits that say something: 0.123, 12.3, 1,234. */
export function figure(value: number): string {
  if (value >= 99.95) return count(value);
  return String(Number(value.toPrecision(3)));
}

/** Milliseconds in the unit that suits them: 84 µs, 1.24 ms, 3.5 s. */
export function time(ms: number): string {
  if (ms > 0 && ms < 0.0995) return `${figure(Math.round(ms * 1000))} µs`;
  return ms < 999.5 ? `${figure(ms)} ms` : `${figure(ms / 1000)} s`;
}

/** Bytes in binary units. */
export function bytes(value: number): string {
  let unit = 0;
  while (value >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? count(value) : figure(value)} ${BYTE_UNITS[unit]}`;
}

/** A count with its noun. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

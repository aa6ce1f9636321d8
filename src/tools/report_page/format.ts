/**
 * Numbers as people read them: the same on every runtime, whatever its locale.
 *
 * @module
 */

/** Between a number and its unit: a line does not break there. */
const GAP = "\u00a0";

/** What stands where there is no number. */
export const NO_NUMBER = "–";

/** A whole number with commas: 12,345. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return NO_NUMBER;
  return group(String(Math.round(value)));
}

/** A number with about three digits that count: 0.84, 12.3, 456, 12,345. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return NO_NUMBER;
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return formatCount(value);
  return trimZeros(value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 3));
}

/** A duration given in ms, in the unit that suits it: 84 µs, 1.24 ms, 3.5 s, 2 min 5 s. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return NO_NUMBER;
  if (ms === 0) return `0${GAP}ms`;
  if (ms < 0.0995) return `${formatNumber(Number((ms * 1000).toPrecision(2)))}${GAP}µs`;
  if (ms < 999.5) return `${formatNumber(ms)}${GAP}ms`;
  if (ms < 119_500) return `${formatNumber(ms / 1000)}${GAP}s`;
  return formatMinutes(Math.round(ms / 1000));
}

/** Bytes in binary units: 512 B, 1.5 KiB. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return NO_NUMBER;
  let unit = 0;
  let value = bytes;
  while (value >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? formatCount(value) : formatNumber(Number(value.toPrecision(3)))}${GAP}${BYTE_UNITS[unit]}`;
}

/** A share of one in percent; what is not nothing is never shown as nothing, and what is not all never as all. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return NO_NUMBER;
  const percent = share * 100;
  if (percent > 0 && percent < 0.01) return `<${GAP}0.01${GAP}%`;
  if (percent > 99.99 && percent < 100) return `>${GAP}99.99${GAP}%`;
  return `${trimZeros(percent.toFixed(2))}${GAP}%`;
}

/** A number and its noun: 1 client, 2 clients. */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Words as a list: a, b and c. */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function formatMinutes(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const parts: readonly (readonly [number, string])[] = [[hours, "h"], [minutes, "min"], [seconds % 60, "s"]];
  return parts.filter(([count]) => count > 0).map(([count, unit]) => `${count}${GAP}${unit}`).join(GAP);
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

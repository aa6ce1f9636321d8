/**
 * What differs between two values of JSON.
 *
 * @module
 */
import { type ConfigPath, formatPath } from "./path.ts";

/**
 * The paths at which two values differ, as deep as both sides have a place there: `limits.maxConnections`,
 * `sockets[1]`. Empty for equal ones; the path of the top is "".
 *
 * @example
 * ```ts
 * changedPaths({ a: 1, b: { c: 2 } }, { a: 1, b: { c: 3 }, d: 4 }); // ["b.c", "d"]
 * ```
 */
export function changedPaths(previous: unknown, next: unknown): string[] {
  return differences(previous, next, []).map(formatPath);
}

function differences(previous: unknown, next: unknown, path: ConfigPath): ConfigPath[] {
  if (Object.is(previous, next)) return [];
  if (Array.isArray(previous) && Array.isArray(next)) {
    const length = Math.max(previous.length, next.length);
    return Array.from({ length }, (_, i) => i).flatMap((i) => differences(previous[i], next[i], [...path, i]));
  }
  if (!isRecord(previous) || !isRecord(next)) return [path];
  const names = [...new Set([...Object.keys(previous), ...Object.keys(next)])];
  return names.flatMap((name) => differences(own(previous, name), own(next, name), [...path, name]));
}

function own(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

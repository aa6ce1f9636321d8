/**
 * What a package weighs and what each of its entries loads, beside the same of the last release.
 *
 * @module
 */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { root } from "../support/processes.ts";
import { loadedWith } from "../support/sources.ts";
import type { Manifest } from "./manifests.ts";

/** Sizes in bytes and counts of files, by what they are of: `@sluice/sluice, npm, packed`. */
export type Sizes = Readonly<Record<string, number>>;

/** What a release weighed. */
export interface NotedSizes {
  readonly version: string;
  readonly sizes: Sizes;
}

/** Where the release notes them, from the top of the repository. */
export const NOTED = "tests/release/sizes.json";

/** A change of less is not worth a word, in percent. */
const UNCHANGED = 0.05;

/** Of the last release. */
export function readSizes(): NotedSizes {
  return JSON.parse(readFileSync(root + NOTED, "utf8"));
}

/** For the next release to be compared with. */
export function noteSizes(noted: NotedSizes): void {
  writeFileSync(root + NOTED, `${JSON.stringify(noted, null, 2)}\n`);
}

/** What importing each entry of a built package loads of it: a dependency's files are not its own. */
export function entrySizes(folder: string, { name, exports }: Manifest): Sizes {
  return Object.fromEntries(
    entriesOf(exports).flatMap(([entry, path]) => {
      const files = [...loadedWith(folder + path)].filter((file) => file.endsWith(".js"));
      const bytes = files.reduce((sum, file) => sum + statSync(root + file).size, 0);
      return [[entryRow(name, entry, "files"), files.length], [entryRow(name, entry, "bytes"), bytes]];
    }),
  );
}

/** The name of a row for an entry: `@sluice/sluice/http loads, files`. */
export function entryRow(name: string, entry: string, what: "files" | "bytes"): string {
  return `${name}${entry.slice(1)} loads, ${what}`;
}

/** The entries that are code: name, and the built file from the package's folder. */
export function entriesOf(exports: Manifest["exports"]): [entry: string, path: string][] {
  return Object.entries(exports).flatMap(([entry, target]) =>
    typeof target === "string" ? [] : [[entry, (target as { default: string }).default.slice(2)]]
  );
}

/** Aligned lines: what there is now, what there was, and the difference. */
export function compareSizes(now: NotedSizes, before: NotedSizes): string[] {
  const names = [...new Set([...Object.keys(now.sizes), ...Object.keys(before.sizes)])];
  const rows = names.map((name) => {
    const [is, was] = [now.sizes[name], before.sizes[name]];
    return [name, shown(is), shown(was), change(is, was)];
  });
  const table = [["", now.version, `noted for ${before.version}`, ""], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => row[column].length)));
  return table.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])).join("  ")
      .trimEnd()
  );
}

function shown(value: number | undefined): string {
  return value === undefined ? "-" : value.toLocaleString("en");
}

function change(is: number | undefined, was: number | undefined): string {
  if (is === undefined) return "gone";
  if (was === undefined) return "new";
  const percent = (is - was) / was * 100;
  return Math.abs(percent) < UNCHANGED ? "" : `${percent > 0 ? "+" : ""}${percent.toFixed(1)} %`;
}

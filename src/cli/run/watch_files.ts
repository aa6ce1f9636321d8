/**
 * Tells when files of a program change.
 *
 * @module
 */
import { watch } from "node:fs";
import { dirname, resolve, sep } from "node:path";

/** What programs are made of; data, which they may write themselves, is not. */
const SOURCE = /\.([cm]?[jt]s|[jt]sx|wasm)$|(^|[\\/])(package|deno|tsconfig)\.jsonc?$/;
/** Editors and checkouts write many files in one go (ms). */
const SETTLE = 200;
const IGNORED = /(^|[\\/])(node_modules|\.[^\\/]*)([\\/]|$)/;

/**
 * Watches the program's folder and all below it, but for `node_modules` and names with a dot in front: files of code, and
 * what says how it is run.
 *
 * @param changed Gets the name of the first file that has changed since it was called last.
 * @returns Ends it.
 */
export function watchFiles(program: string, changed: (file: string) => void): () => void {
  const folder = dirname(resolve(program)) + sep;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let first = "";
  const watcher = watch(folder, { recursive: true }, (_event, file) => {
    const name = String(file ?? "");
    if (IGNORED.test(name) || !SOURCE.test(name)) return;
    if (timer === null) first = name;
    else clearTimeout(timer);
    timer = setTimeout(() => {
      timer = null;
      changed(first);
    }, SETTLE);
  });
  // A folder that goes away is nobody's fault, and nothing can be watched there.
  watcher.on("error", () => {});
  return () => {
    if (timer !== null) clearTimeout(timer);
    watcher.close();
  };
}

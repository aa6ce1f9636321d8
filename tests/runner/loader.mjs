/**
 * What lets node run the sources in a run of the suite, in place of tsx: `--import` it. It takes what erase.mjs has
 * written into the folder `SLUICE_TEST_ERASED`, so a run is one of the sources as they were at its beginning. Starting
 * the HTTP server's program costs 0.5 s of a core with it, and 1.3 s with tsx.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import module, { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isMainThread } from "node:worker_threads";
import { erasure } from "./erasure.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = process.env.SLUICE_TEST_ERASED ?? "";
/** What stands in an import for a file of ours. */
const names = new Map(
  Object.entries(JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")).compilerOptions.paths)
    .map(([name, [file]]) => [name, pathToFileURL(join(root, file)).href]),
);

export function resolve(specifier, context, next) {
  const url = names.get(specifier);
  return url === undefined ? next(specifier, context) : { url, format: "module", shortCircuit: true };
}

export function load(url, context, next) {
  if (!url.startsWith("file:") || !url.endsWith(".ts")) return next(url, context);
  return { format: "module", source: erased(fileURLToPath(url)), shortCircuit: true };
}

function erased(path) {
  if (path.startsWith(root)) {
    try {
      return readFileSync(join(folder, path.slice(root.length)), "utf8");
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
  }
  // A file that a test has written.
  const { transformSync } = createRequire(import.meta.url)("esbuild");
  return transformSync(readFileSync(path, "utf8"), erasure(path, process.versions.node)).code;
}

// Older ones have no hooks but those in a thread of their own, which loads this file again.
if (isMainThread) {
  process.setSourceMapsEnabled(true);
  if (module.registerHooks === undefined) module.register(import.meta.url);
  else module.registerHooks({ resolve, load });
}

/**
 * Joins what tsc has made of this folder's package: one file for each entry, and a few that they share. Importing HTTP
 * reads a handful of files in place of more than a hundred, on which a start would spend half its time. Declarations
 * stay as they are. Usage: `bundle.mjs`, in the package's folder.
 */
import { build } from "esbuild";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const DIST = "dist";

const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
const modules = readdirSync(DIST, { recursive: true }).map(String).filter((path) => path.endsWith(".js"));
const { outputFiles } = await build({
  entryPoints: Object.values(exports).flatMap((target) => target.default ?? []),
  outdir: DIST,
  outbase: DIST,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  chunkNames: "shared/[name]-[hash]",
  packages: "external",
  external: ["node:*"],
  // Its paths lead to sources, also for the package that the tools stand beside.
  tsconfigRaw: "{}",
  write: false,
});
for (const path of modules) rmSync(join(DIST, path));
for (const { path, contents } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
}

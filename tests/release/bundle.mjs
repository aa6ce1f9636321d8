/**
 * Joins what tsc has made of this folder's package: one file for each entry, and a few that they share. Importing HTTP
 * reads a handful of files in place of more than a hundred, on which a start would spend half its time. Declarations
 * stay as they are. What the package does not depend on is joined in, as far as it is used, and its licence goes along:
 * so the core depends on nothing. Usage: `bundle.mjs`, in the package's folder.
 */
import { build } from "esbuild";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const DIST = "dist";

const { exports, dependencies = {}, peerDependencies = {} } = JSON.parse(readFileSync("package.json", "utf8"));
const modules = readdirSync(DIST, { recursive: true }).map(String).filter((path) => path.endsWith(".js"));
const { outputFiles, metafile } = await build({
  entryPoints: Object.values(exports).flatMap((target) => target.default ?? []),
  outdir: DIST,
  outbase: DIST,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "neutral",
  target: "es2022",
  chunkNames: "shared/[name]-[hash]",
  external: ["node:*", ...Object.keys(dependencies), ...Object.keys(peerDependencies)],
  metafile: true,
  // Its paths lead to sources, also for the package that the tools stand beside.
  tsconfigRaw: "{}",
  write: false,
});
for (const path of modules) rmSync(join(DIST, path));
for (const { path, contents } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
}

/** What was joined in from other packages: the folder of each. */
const joined = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []),
);
const licences = [...joined].map((folder) => {
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no licence that could go along`);
  return `${name} ${version}\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
});
if (licences.length > 0) writeFileSync(join(DIST, "LICENSES.txt"), licences.join("\n\n"));

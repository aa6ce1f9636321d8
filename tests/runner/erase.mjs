/**
 * Erases the types of all sources at once, for the runs on node: a program of ours is a hundred files, and a loader that
 * looks at each of them in each process costs more than most programs do.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { erasure } from "./erasure.mjs";
import { root } from "./runtimes.mjs";

const FOLDERS = ["adapters", "src", "tests"];

/** Writes each source without its types, for the node at `path`, into a folder: what loader.mjs finds there, it runs. */
export async function eraseTypes(path, folder) {
  // Not for who only asks what would be run.
  const { transform } = await import("esbuild");
  const version = execFileSync(path, ["--version"], { encoding: "utf8" }).trim().slice(1);
  const inFolders = FOLDERS.flatMap((name) =>
    readdirSync(join(root, name), { recursive: true }).map((file) => join(name, file))
  );
  await Promise.all(
    ["mod.ts", ...inFolders].filter(isSource).map(async (file) => {
      const source = join(root, file);
      const { code } = await transform(readFileSync(source, "utf8"), erasure(source, version));
      const target = join(folder, file);
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, code);
    }),
  );
}

function isSource(file) {
  return file.endsWith(".ts") && !file.endsWith(".d.ts") && !/\b(node_modules|dist)\b/.test(file);
}

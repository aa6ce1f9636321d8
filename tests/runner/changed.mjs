/**
 * Which test files a change can break: those that reach a changed file over imports, or over paths that they name, as
 * of a program that they start or a table that they read. Rather one too many than one too few.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { root } from "./runtimes.mjs";

/** What any test may depend on without naming it. */
const EVERYTHING =
  /^(package(-lock)?\.json|(src\/tools\/)?deno\.json|tsconfig\.json|tests\/run\.mjs|tests\/runner\/.*)$/;

/** Tests of the sources as texts. */
const READS_ALL = /^repository\/(exports|layers)_test\.ts$/;

const SOURCES = ["mod.ts", "adapters", "src", "tests"];
const CODE = /\.(ts|js|mjs|sh)$/;
/** Anything in a text that may be a path, or the name of an entry of a package. */
const PATHLIKE = /@?[\w.-]*\.?\/[\w./@-]+|[\w-]+\.(?:md|json|txt|ts|mjs|js)\b/g;

/** Files that differ from `base`, committed or not, and those that git does not know yet. */
export function changedFiles(base) {
  const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\n").filter(Boolean);
  return [
    ...new Set([
      ...git("diff", "--name-only", "--no-renames", base, "--"),
      ...git("ls-files", "--others", "--exclude-standard"),
    ]),
  ];
}

/** Those of the test files, named as under `tests/`, that the changed files can break. */
export function affected(tests, changed) {
  if (changed.some((file) => EVERYTHING.test(file))) return tests;
  const users = usersOf();
  const reached = new Set(changed);
  // A set grows while it is walked.
  for (const file of reached) for (const user of users.get(file) ?? []) reached.add(user);
  return tests.filter((file) => reached.has(`tests/${file}`) || (changed.length > 0 && READS_ALL.test(file)));
}

/** For each file those whose text leads to it; what is gone is still found under its name. */
function usersOf() {
  const users = new Map();
  const entries = packageEntries();
  const files = SOURCES.flatMap(filesIn);
  const folders = new Map();
  for (const file of files) {
    for (let at = dirname(file); isSpecific(at); at = dirname(at)) folders.set(at, [...folders.get(at) ?? [], file]);
  }
  const add = (used, user) => users.set(used, [...users.get(used) ?? [], user]);
  for (const file of files.filter((path) => CODE.test(path))) {
    for (const name of new Set(codeOf(file).match(PATHLIKE))) {
      if (entries.has(name)) add(entries.get(name), file);
      // As imports have it, and as seen from the top of the repository.
      for (const path of [join(dirname(file), name), join(name)]) {
        for (const used of folders.get(path.replace(/\/$/, "")) ?? [path]) add(used, file);
      }
    }
  }
  return users;
}

/** A folder that is named for what is in it, and not on the way to something else. */
function isSpecific(folder) {
  return folder.startsWith("tests/fixtures") || /^tests\/programs\/./.test(folder);
}

/** The text without comments that stand on lines of their own. */
function codeOf(file) {
  return readFileSync(join(root, file), "utf8").replace(/^\s*(\/\*[\s\S]*?\*\/|\/\/.*)$/gm, "");
}

/** What `@sluice/sluice/http` and its like stand for. */
function packageEntries() {
  const entries = new Map();
  for (const folder of ["", "src/tools/"]) {
    const { name, exports } = JSON.parse(readFileSync(join(root, folder, "deno.json"), "utf8"));
    for (const [path, file] of Object.entries(exports)) entries.set(join(name, path), join(folder, file));
  }
  return entries;
}

/** All files in it, or itself; as paths from the top of the repository. */
function filesIn(path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\b(node_modules|dist)\b/.test(entry.parentPath.slice(root.length)))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

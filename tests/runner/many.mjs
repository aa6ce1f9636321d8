/**
 * Runs test files in one process of node, one after the other: a process for each costs more than most of them. Each is
 * a group, so that its hooks are its own.
 *
 * @module
 */
import { describe } from "node:test";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { untrack } from "./untracked.mjs";

const files = process.argv.slice(2).map((file) => {
  let loading;
  describe(file, () => loading = import(pathToFileURL(file).href));
  return loading;
});
await Promise.allSettled(files);
untrack();

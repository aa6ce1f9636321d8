/**
 * Runs many test files in one process of node, one after the other: a process for each costs more than most of them.
 * Each is a group, so that its hooks are its own.
 *
 * @module
 */
import { describe } from "node:test";
import process from "node:process";
import { pathToFileURL } from "node:url";

for (const file of process.argv.slice(2)) {
  describe(file, async () => {
    await import(pathToFileURL(file).href);
  });
}

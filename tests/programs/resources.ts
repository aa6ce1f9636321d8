/**
 * Prints what its adapter says of the process; with the argument `fill` again without a descriptor left, and then how
 * many there are when all is closed.
 *
 * @module
 */
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import { defaultAdapter } from "../../mod.ts";

const adapter = await defaultAdapter();
console.log(JSON.stringify(adapter.resources!()));
if (process.argv[2] === "fill") {
  const files: number[] = [];
  try {
    for (;;) files.push(openSync("/dev/null", "r"));
  } catch {
    console.log(JSON.stringify(adapter.resources!()));
  }
  for (const file of files) closeSync(file);
  console.log(adapter.resources!().descriptors);
}

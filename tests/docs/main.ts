/**
 * Writes the tables of the manuals anew from the doc comments: `npm run docs`.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { manuals } from "../support/manuals.ts";
import { root } from "../support/processes.ts";
import { renewed } from "./tables.ts";

for (const manual of manuals()) {
  const text = renewed(manual);
  if (text === manual.text) continue;
  writeFileSync(root + manual.path, text);
  console.log(`${manual.path} has new tables`);
}

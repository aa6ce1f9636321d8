/**
 * Writes the tables of the manuals anew from the doc comments, and the JSON Schema of a `sluice.json`: `npm run docs`.
 *
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { manuals } from "../support/manuals.ts";
import { root } from "../support/processes.ts";
import { RUN_SCHEMA_FILE, runSchemaText } from "./run_schema_file.ts";
import { renewed } from "./tables.ts";

for (const manual of manuals()) {
  const text = renewed(manual);
  if (text === manual.text) continue;
  writeFileSync(root + manual.path, text);
  console.log(`${manual.path} has new tables`);
}

const schema = runSchemaText();
if (!existsSync(root + RUN_SCHEMA_FILE) || readFileSync(root + RUN_SCHEMA_FILE, "utf8") !== schema) {
  writeFileSync(root + RUN_SCHEMA_FILE, schema);
  console.log(`${RUN_SCHEMA_FILE} is new`);
}

/**
 * Writes the tables of the manuals anew from the doc comments, the JSON Schema of a `sluice.json`, the client that the
 * page of `sluice demo` loads, and the dashboard and the rules of the metrics: `npm run docs`.
 *
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { alertRules, dashboard } from "../../src/metrics/deploy/mod.ts";
import { manuals } from "../support/manuals.ts";
import { root } from "../support/processes.ts";
import { ALERTS_FILE, DASHBOARD_FILE } from "./metrics_files.ts";
import { RUN_SCHEMA_FILE, runSchemaText } from "./run_schema_file.ts";
import { DEMO_CLIENT_FILE, demoClientText } from "./demo_client_file.ts";
import { renewed } from "./tables.ts";

for (const manual of manuals()) {
  const text = renewed(manual);
  if (text === manual.text) continue;
  writeFileSync(root + manual.path, text);
  console.log(`${manual.path} has new tables`);
}

const files: readonly (readonly [path: string, text: string])[] = [
  [RUN_SCHEMA_FILE, runSchemaText()],
  [DEMO_CLIENT_FILE, await demoClientText()],
  [DASHBOARD_FILE, dashboard()],
  [ALERTS_FILE, alertRules()],
];
for (const [path, text] of files) {
  if (existsSync(root + path) && readFileSync(root + path, "utf8") === text) continue;
  writeFileSync(root + path, text);
  console.log(`${path} is new`);
}

/** Holds the JSON Schema that editors read to the schema of `sluice run`. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { CHANGE_EFFECTS } from "../../src/run/run_config/mod.ts";
import { RUN_SCHEMA_FILE, runSchemaText } from "../docs/run_schema_file.ts";
import { root } from "../support/processes.ts";

describe("sluice.schema.json", () => {
  const text = readFileSync(root + RUN_SCHEMA_FILE, "utf8");
  const { properties, additionalProperties } = JSON.parse(text);

  it("says what the schema of sluice run says (npm run docs writes it)", () => {
    assertEquals(runSchemaText(), text);
  });

  it("has every key, with words to it, and takes no other", () => {
    assertEquals(Object.keys(properties).sort(), ["$schema", ...Object.keys(CHANGE_EFFECTS)].sort());
    assertEquals(additionalProperties, false);
    const { limits, tls, sockets } = properties;
    const described = { ...properties, ...limits.properties, ...tls.properties, ...sockets.items.properties };
    const silent = Object.entries<{ description?: string }>(described).filter(([, { description }]) => !description);
    assertEquals(silent.map(([name]) => name), ["$schema"]);
  });
});

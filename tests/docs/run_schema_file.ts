/**
 * The JSON Schema of a `sluice.json`, by which editors complete and check it: what the schema of `sluice run` says, with
 * the words of the doc comments.
 *
 * @module
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { runSchemaOf } from "../../src/run/run_config/run_schema.ts";
import { fieldsOf } from "./declarations.ts";

/** The file, from the top of the repository. */
export const RUN_SCHEMA_FILE = "sluice.schema.json";

const API = "src/run/run_config/run_config_api.ts";
const OPTIONS = "src/server/serve_options.ts";

/** What may stand wherever a string may. */
const SECRET = {
  type: "object",
  description: "What the file has, without the line end behind it.",
  properties: { $file: { type: "string" } },
  required: ["$file"],
  additionalProperties: false,
};

type Json = Readonly<Record<string, unknown>>;

/** The text of the file. */
export function runSchemaText(): string {
  const schema = runSchemaOf((path) => path) as unknown as GenericSchema;
  const made = withFillings(toJsonSchema(schema, { typeMode: "input", errorMode: "ignore" })) as Json;
  const properties = described(made.properties, API, ["RunConfig"]) as Record<string, Json>;
  properties.tls = within(properties.tls, API, ["RunTls"]);
  properties.limits = within(properties.limits, OPTIONS, ["ConnOptions", "AdmissionOptions"]);
  properties.sockets = { ...properties.sockets, items: within(properties.sockets.items as Json, API, ["RunSocket"]) };
  const whole = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "sluice.json",
    ...made,
    properties: { $schema: { type: "string" }, ...properties },
    $defs: { secret: SECRET },
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

/** A string may be a secret, or be filled in, so that its length and its letters can't be told before. */
function withFillings(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withFillings);
  if (typeof part !== "object" || part === null) return part;
  const { minLength: _, pattern: __, ...rest } = part as Json;
  if (rest.type === "string" && rest.enum === undefined) return { anyOf: [rest, { $ref: "#/$defs/secret" }] };
  const { propertyNames: ___, ...members } = rest;
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, withFillings(value)]));
}

function within(part: Json, file: string, names: readonly string[]): Json {
  return { ...part, properties: described(part.properties, file, names) };
}

/** Each property with the summary of the field that it stands for. */
function described(properties: unknown, file: string, names: readonly string[]): Json {
  const fields = names.flatMap((name) => fieldsOf(file, name));
  return Object.fromEntries(
    Object.entries(properties as Record<string, Json>).map(([name, property]) => {
      const description = fields.find((field) => field.name === name)?.summary.replaceAll("`", "");
      return [name, { ...description === undefined ? {} : { description }, ...property }];
    }),
  );
}

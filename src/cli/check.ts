/**
 * `sluice check`: whether a configuration can be used.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { type Config, ConfigError, loadConfig, type StandardSchema } from "../run/config/mod.ts";
import { loadRunConfig, RUN_CONFIG_FILE, type RunConfig } from "../run/run_config/mod.ts";
import { text } from "./option_values.ts";
import type { Print } from "./output.ts";
import { plural } from "./print.ts";
import type { ToolCommand, ToolInput } from "./tool.ts";
import { StartError, UsageError } from "./usage_errors.ts";

const RIGHT = 0;
const WRONG = 2;

/** The command. */
export const CHECK: ToolCommand = {
  name: "check",
  usage: "sluice check [FILE] [options]",
  about: `
Reads a configuration as sluice run does, by default ${RUN_CONFIG_FILE} here: all of it is checked, variables and secrets
are filled in, and nothing is started. With --schema it checks the configuration of a program, as loadConfig() would.

Exit code: 0 it can be used; 2 it can't: file, line, column, path, what must be there and what is there, a line each.
`,
  rows: [{
    flag: "--schema",
    option: "schema",
    value: "MODULE",
    read: text,
    help: "module whose default export is a schema (Valibot, Zod, ArkType, …)",
  }],
  operands: [0, 1],
  examples: `
    sluice check
    sluice check /etc/shop/sluice.json
    sluice check app.json --schema ./schema.js
  `,
  run: check,
};

async function check({ operands: [file = RUN_CONFIG_FILE], options }: ToolInput, print: Print): Promise<number> {
  try {
    if (options.schema === undefined) await tell(file, await loadRunConfig(file), print);
    else await tellOwn(file, await loadConfig(file, { schema: await schemaOf(String(options.schema)) }), print);
    return RIGHT;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const line of problems(file, error)) console.error(line);
    return WRONG;
  }
}

/** As compilers write it, so that editors find the place. */
function problems(file: string, { issues }: ConfigError): string[] {
  return issues.map(({ path, expected, value, line, column }) => {
    const place = line === null ? file : `${file}:${line}:${column}`;
    return `${place}: ${path === "" ? "it" : path} ${expected}${value === null ? "" : `, got ${value}`}`;
  });
}

async function tell(file: string, { value }: Config<RunConfig>, print: Print): Promise<void> {
  await tellOwn(file, { value }, print);
  for (const [path, named] of namedFiles(value)) {
    if (!existsSync(named)) await print(`  ${path}: there is no ${named} here`);
  }
}

/** Names alone: values may be secrets. */
async function tellOwn(file: string, { value }: { readonly value: unknown }, print: Print): Promise<void> {
  const names = typeof value === "object" && value !== null ? Object.keys(value) : [];
  await print(`${file} can be used: ${plural(names.length, "key")}${names.length > 0 ? `, ${names.join(", ")}` : ""}`);
}

/** Files that it takes for granted, by their path in the configuration. They may be on another machine. */
function namedFiles({ program, envFile = [], tls }: RunConfig): [path: string, file: string][] {
  return [
    ...program === undefined ? [] : [["program", program] as [string, string]],
    ...envFile.map((file): [string, string] => ["envFile", file]),
    ...Object.entries(tls ?? {}).map(([name, file]): [string, string] => [`tls.${name}`, file]),
  ];
}

async function schemaOf(path: string): Promise<StandardSchema> {
  const module = await import(pathToFileURL(resolve(path)).href).catch((error: Error) => {
    throw new StartError(`--schema ${JSON.stringify(path)} can't be loaded: ${error.message}`, "", { cause: error });
  });
  if (typeof module.default?.["~standard"]?.validate === "function") return module.default;
  throw new UsageError(`--schema must be a module whose default export is a schema, got ${JSON.stringify(path)}`);
}

/**
 * Reads the `sluice.json` of `sluice run`.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { loadConfig } from "../config/config.ts";
import type { Config, ConfigOptions } from "../config/config_api.ts";
import type { RunConfig } from "./run_config_api.ts";
import { runSchema } from "./run_schema.ts";

/** What is read if nobody names a file. */
export const RUN_CONFIG_FILE: string = "sluice.json";

/** The path of the configuration in a folder; null if it has none. */
export function findRunConfig(folder: string = "."): string | null {
  const path = resolve(folder, RUN_CONFIG_FILE);
  return existsSync(path) ? path : null;
}

/**
 * Reads and checks a `sluice.json`; with `watch: true` its changes are applied, see `planChange()`.
 *
 * @throws {OptionError} An option can't be used.
 * @throws {ConfigError} (the promise) It can't be read, or is wrong.
 */
export function loadRunConfig(
  file: string,
  options: Omit<ConfigOptions<RunConfig>, "schema"> = {},
): Promise<Config<RunConfig>> {
  return loadConfig(file, { ...options, schema: runSchema(dirname(resolve(file))) });
}

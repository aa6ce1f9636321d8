/**
 * Configuration files: JSON with comments, checked by a schema, with variables and secrets filled in, and applied whole
 * or not at all when they change.
 *
 * @example
 * ```ts
 * import { serve } from "@sluice/sluice";
 * import { loadConfig } from "@sluice/sluice/config";
 * import * as v from "valibot";
 *
 * const schema = v.object({ port: v.number(), limits: v.object({ maxConnections: v.number() }) });
 * const config = await loadConfig("app.json", { schema, watch: true });
 * const server = await serve({ port: config.value.port, ...config.value.limits }, handler);
 * config.onChange(({ limits }) => server.configure(limits));
 * ```
 *
 * @module
 */
export type { Config, ConfigHook, ConfigOptions, ConfigStatus } from "./config_api.ts";
export { loadConfig } from "./config.ts";
export { ConfigError, type ConfigIssue, formatIssue } from "./config_error.ts";
export type { StandardIssue, StandardResult, StandardSchema } from "./standard_schema.ts";

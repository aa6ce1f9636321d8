/**
 * The configuration of `sluice run`: what may stand in a `sluice.json`, how it is read, and what its changes need.
 *
 * @module
 */
export type { RunConfig, RunLimits, RunSocket, RunTls } from "./run_config_api.ts";
export { findRunConfig, loadRunConfig, RUN_CONFIG_FILE } from "./load_run_config.ts";
export { CHANGE_EFFECTS, type ChangeEffect, type ChangePlan, planChange } from "./plan_change.ts";
export { runSchema } from "./run_schema.ts";

/**
 * What a command of `sluice` is made of, for packages that bring commands along (`@sluice/tools`).
 *
 * @module
 */
export { StartError, UsageError } from "./usage_errors.ts";
export { listenHint } from "./hints.ts";
export { duration, number, oneOf, port, type ReadValue, share, text } from "./option_values.ts";
export type { Print } from "./output.ts";
export { formatAddress, formatDuration, formatReport, formatUrl, plural } from "./print.ts";
export type { ToolCommand, ToolInput, ToolOption } from "./tool.ts";

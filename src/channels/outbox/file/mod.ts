/**
 * An outbox in a file, for clients of channels on Node, Deno and Bun.
 *
 * @module
 */
export { fileOutbox, type FileOutboxOptions } from "./file_outbox.ts";

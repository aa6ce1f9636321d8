/**
 * An outbox in a browser's database, for clients of channels.
 *
 * @module
 */
export { indexedDbOutbox } from "./indexeddb_outbox.ts";

/**
 * What tests import as `@std/assert`: the JavaScript beside it, with the types beside that.
 *
 * @module
 */
export * from "./std_assert.js";

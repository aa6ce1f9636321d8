/**
 * Which Sluice this is.
 *
 * @module
 */

/** Kept equal to the manifests' by a test: reading them at run time would need a permission under Deno. */
export const VERSION = "0.1.0";

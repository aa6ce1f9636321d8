/**
 * Reports as pages: one HTML file that needs nothing from anywhere.
 *
 * @module
 */
export { loadPage } from "./load_page.ts";
export { reloadPage } from "./reload_page.ts";
export { commandLine } from "./shell.ts";
export { verifyPage } from "./verify_page.ts";
export type { PageOptions } from "./page_options.ts";

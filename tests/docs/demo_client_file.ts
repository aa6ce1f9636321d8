/**
 * The client of channels for the page of `sluice demo`: one JavaScript file, as text in a module, so that the demo serves
 * it from sources and from either package alike, with nothing that builds at run time.
 *
 * @module
 */
import { build } from "esbuild";
import { root } from "../support/processes.ts";

/** The file, from the top of the repository. */
export const DEMO_CLIENT_FILE = "src/cli/demo/client_module.ts";

const ENTRY = `
export { ChannelClient } from "./src/channels/client/mod.ts";
export { indexedDbOutbox } from "./src/channels/outbox/indexeddb/mod.ts";
`;

const HEAD = `/**
 * \`@sluice/sluice/channels/client\` and the outbox of IndexedDB as one file, for the page of \`sluice demo\`. Made of the
 * sources by \`npm run docs\`; a test compares them.
 *
 * @module
 */

/** JavaScript, for browsers. */
export const CLIENT_MODULE: string = \`
`;

/** The text of the file. */
export async function demoClientText(): Promise<string> {
  const { outputFiles: [{ text }] } = await build({
    stdin: { contents: ENTRY, resolveDir: root, loader: "ts" },
    bundle: true,
    minify: true,
    // Of a change in one place not all should differ.
    lineLimit: 100,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return `${HEAD}${text.replace(/[\\`]|\$(?=\{)/g, "\\$&").trimEnd()}\n\`;\n`;
}

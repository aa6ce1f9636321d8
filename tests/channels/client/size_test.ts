/** What the client of channels weighs in a page, with everything that it imports. */
import { describe, it } from "node:test";
import { assert } from "@std/assert";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { root } from "../../support/processes.ts";

/** As a page would have it: one file, minified, compressed. */
async function weightOf(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

const CLIENT = `export * from "./src/channels/client/mod.ts";`;
const DATABASE = `export * from "./src/channels/outbox/indexeddb/mod.ts";`;

for (
  const [what, contents, most] of [
    ["the client", CLIENT, 9216],
    ["the client with an outbox in the browser's database", CLIENT + DATABASE, 9650],
  ] as const
) {
  describe(what, () => {
    it(`is at most ${most} bytes, compressed, and not much less`, async () => {
      const bytes = await weightOf(contents);
      assert(bytes <= most, `${bytes} bytes: load less`);
      assert(bytes > most * 0.95, `${bytes} bytes: lower the number to hold what was won`);
    });
  });
}

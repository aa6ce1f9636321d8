/** Holds the library to what it exports, and the packages to what they depend on. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { readManifest } from "../release/manifests.ts";
import { root } from "../support/processes.ts";
import { loadedWith, readSource, sourcesUnder } from "../support/sources.ts";

/** One statement of mod.ts: `export { a, type B } from "./src/x.ts";` */
const REEXPORT = /export\s+(type\s+)?\{([^}]*)\}\s*from\s*"[^"]+";/g;

/** The entries that people import, and the lists that pin them. */
const ENTRIES: readonly (readonly [source: string, list: string])[] = [
  ["mod.ts", "exports.txt"],
  ["src/http/mod.ts", "exports_http.txt"],
  ["src/websocket/mod.ts", "exports_websocket.txt"],
  ["src/websocket/reconnect/mod.ts", "exports_reconnect.txt"],
  ["src/channels/mod.ts", "exports_channels.txt"],
  ["src/channels/client/mod.ts", "exports_channels_client.txt"],
  ["src/channels/outbox/indexeddb/mod.ts", "exports_channels_indexeddb.txt"],
  ["src/channels/redis/mod.ts", "exports_channels_redis.txt"],
  ["src/channels/outbox/file/mod.ts", "exports_channels_file.txt"],
  ["src/tools/load/mod.ts", "exports_load.txt"],
  ["src/framing/codecs/mod.ts", "exports_framing_codecs.txt"],
  ["src/framing/rpc/mod.ts", "exports_framing_rpc.txt"],
  ["src/upstream/mod.ts", "exports_upstream.txt"],
  ["src/upstream/policies/mod.ts", "exports_upstream_policies.txt"],
  ["src/metrics/mod.ts", "exports_metrics.txt"],
  ["src/traces/mod.ts", "exports_traces.txt"],
  ["src/watch/mod.ts", "exports_watch.txt"],
  ["src/run/supervisor/mod.ts", "exports_supervisor.txt"],
  ["src/run/config/mod.ts", "exports_config.txt"],
  ["adapters/node/entry.ts", "exports_node.txt"],
  ["src/testing/mod.ts", "exports_testing.txt"],
  ["src/cli/kit.ts", "exports_cli_kit.txt"],
  ["src/tools/faults/mod.ts", "exports_faults.txt"],
];

for (const [source, list] of ENTRIES) {
  describe(`the public entry ${source}`, () => {
    it(`exports exactly the names listed in tests/fixtures/${list}`, () => {
      const listed = readFileSync(`${root}tests/fixtures/${list}`, "utf8").trim().split("\n");
      assertEquals(exportedNames(source), listed);
    });

    it("exports at run time the values among them and nothing else", async () => {
      const values = exportedNames(source).filter((name) => !name.startsWith("type "));
      assertEquals(Object.keys(await import(`../../${source}`)).sort(), values);
    });

    it("only re-exports, each by name", () => {
      assertEquals(readSource(source).code.replace(REEXPORT, "").trim(), "");
    });
  });
}

describe("dependencies at run time", () => {
  it("has the core none, and the tools one, which only the recorder imports", () => {
    assertEquals(readManifest("package.json").dependencies, undefined);
    assertEquals(Object.keys(readManifest("src/tools/package.json").dependencies!), ["hdr-histogram-js"]);
    const users = sourcesUnder("src").filter(({ imports }) => imports.includes("hdr-histogram-js"));
    assertEquals(users.map(({ path }) => path), ["src/tools/load/recorder.ts"]);
  });

  it("is Valibot, which the built package has in it, imported by the schema of sluice.json alone", () => {
    const users = sourcesUnder("src").filter(({ imports }) => imports.includes("valibot"));
    assertEquals(users.map(({ path }) => path), ["src/run/run_config/run_schema.ts"]);
    const loaders = [...loadedWith("mod.ts"), ...loadedWith("src/run/config/mod.ts"), ...loadedWith("src/cli/main.ts")];
    assert(!loaders.includes("valibot"));
  });
});

/** Sorted; types are marked as such: `type Conn`. */
function exportedNames(source: string): string[] {
  const names: string[] = [];
  for (const [, type = "", list] of readSource(source).code.matchAll(REEXPORT)) {
    for (const item of list.split(",").map((part) => part.trim()).filter((part) => part !== "")) {
      const name = item.replace(/^type\s+/, "").replace(/^.*\sas\s+/, "");
      names.push(type !== "" || item.startsWith("type ") ? `type ${name}` : name);
    }
  }
  return names.sort();
}

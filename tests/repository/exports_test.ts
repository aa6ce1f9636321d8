/** Holds the library to what it exports, and each package to one manifest. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { VERSION } from "../../src/cli/help.ts";
import { root } from "../support/processes.ts";
import { readSource, sourcesUnder } from "../support/sources.ts";

/** One statement of mod.ts: `export { a, type B } from "./src/x.ts";` */
const REEXPORT = /export\s+(type\s+)?\{([^}]*)\}\s*from\s*"[^"]+";/g;

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Record<string, unknown>;
  readonly dependencies?: Record<string, string>;
}

/** What is published from here, and where its manifests are. */
const PACKAGES: readonly (readonly [name: string, folder: string])[] = [
  ["@sluice/sluice", ""],
  ["@sluice/tools", "src/tools/"],
];

/** The entries that people import, and the lists that pin them. */
const ENTRIES: readonly (readonly [source: string, list: string])[] = [
  ["mod.ts", "exports.txt"],
  ["src/http/mod.ts", "exports_http.txt"],
  ["src/websocket/mod.ts", "exports_websocket.txt"],
  ["src/websocket/reconnect/mod.ts", "exports_reconnect.txt"],
  ["src/tools/load/mod.ts", "exports_load.txt"],
  ["src/watch/mod.ts", "exports_watch.txt"],
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

for (const [name, folder] of PACKAGES) {
  describe(`the two manifests of ${name}`, () => {
    const [deno, npm] = [readJson(`${folder}deno.json`), readJson(`${folder}package.json`)];

    it("agree on name, version and license, and with the other package", () => {
      assertEquals([npm.name, npm.version, npm.license], [name, deno.version, deno.license]);
      assertEquals([deno.name, deno.version], [name, VERSION]);
    });

    it("export the same entries, built ones for npm", () => {
      const built = Object.entries(deno.exports).map(([entry, source]) => {
        const base = String(source).replace("./", "./dist/").replace(/\.ts$/, "");
        return [entry, { types: `${base}.d.ts`, default: `${base}.js` }];
      });
      const { "./package.json": _, ...entries } = npm.exports;
      assertEquals(entries, Object.fromEntries(built));
    });
  });
}

describe("dependencies at run time", () => {
  it("has the core none, and the tools one, which only the recorder imports", () => {
    assertEquals(readJson("package.json").dependencies, undefined);
    assertEquals(Object.keys(readJson("src/tools/package.json").dependencies!), ["hdr-histogram-js"]);
    const users = sourcesUnder("src").filter(({ imports }) => imports.includes("hdr-histogram-js"));
    assertEquals(users.map(({ path }) => path), ["src/tools/load/recorder.ts"]);
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

function readJson(path: string): Manifest {
  return JSON.parse(readFileSync(root + path, "utf8"));
}

/** Holds the library to what it exports, to one manifest, and to the layers it is made of. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { root } from "./support/processes.ts";
import { readSource, type Source, sourcesUnder, withoutComments } from "./support/sources.ts";

/** One statement of mod.ts: `export { a, type B } from "./src/x.ts";` */
const REEXPORT = /export\s+(type\s+)?\{([^}]*)\}\s*from\s*"[^"]+";/g;

/** Names of a runtime that code under src/ must not know. */
const RUNTIME_NAMES = /["'`]node:|\bDeno\b|\bBun\b|(?<![.\w$#])process\s*[.[?]|\bglobalThis\.process\b|\bBuffer\b/;

/** Files under src/ that stand alone and that every layer may use. */
const BASE = /^src\/(?!runtime\.ts|testing\.ts)([^/]+\.ts|context\/.*)$/;

/** What every command may use. */
const TOOL = /^mod\.ts$|^node:/;

/** Who may import what, first match decides. A file that no row knows fails: a new folder needs a row. */
const LAYERS: readonly (readonly [file: RegExp, mayImport: readonly RegExp[]])[] = [
  [/^src\/socket\.ts$/, []],
  [/^src\/runtime\.ts$/, [BASE, /^adapters\//]],
  [/^src\/testing(\.ts$|\/)/, [
    BASE,
    /^adapters\/memory/,
    /^src\/testing\//,
    /^src\/(server|framing)\//,
    /^src\/faults\/mod\.ts$/,
  ]],
  [BASE, [BASE]],
  [/^src\/server\//, [BASE, /^src\/runtime\.ts$/, /^src\/server\//]],
  [/^src\/framing\//, [BASE, /^src\/(server|framing)\//]],
  [/^src\/http\/upgrade\.ts$/, [BASE, /^src\/(server|http|websocket)\//]],
  [/^src\/http\//, [BASE, /^src\/runtime\.ts$/, /^src\/(server|http)\//, /^src\/websocket\/(types|upgradable)\.ts$/]],
  // Runs in browsers: nothing that needs a socket.
  [/^src\/websocket\/(errors|farewell|beat)\.ts$/, [/^src\/errors\.ts$/]],
  [/^src\/websocket\/own_protocols\.ts$/, [/^src\/websocket\/(beat|farewell)\.ts$/]],
  [/^src\/websocket\/reconnect\//, [
    /^src\/(bytes|clock|errors|names|websocket\/(errors|farewell|beat|own_protocols))\.ts$/,
    /\/reconnect\//,
  ]],
  [/^src\/websocket\//, [BASE, /^src\/runtime\.ts$/, /^src\/(server|websocket)\//]],
  // The tools stand on what everybody can import.
  [/^src\/faults\//, [/^mod\.ts$/, /^src\/http\/mod\.ts$/, /^src\/faults\//]],
  [/^src\/load\/recorder/, [/^src\/load\//, /^hdr-histogram-js$/]],
  [/^src\/load\//, [/^mod\.ts$/, /^src\/(http|websocket)\/mod\.ts$/, /^src\/load\//]],
  [/^src\/verify\//, [/^mod\.ts$/, /^src\/(http|websocket)\/mod\.ts$/, /^src\/verify\//]],
  [/^src\/watch\//, [/^mod\.ts$/, /^src\/watch\//]],
  [/^src\/report_page\//, [/^src\/load\/types\.ts$|^src\/verify\/mod\.ts$/, /^src\/report_page\//]],
  [/^src\/cli\/load\//, [TOOL, /^src\/(load|report_page)\/mod\.ts$/, /^src\/cli\/(load\/|[^/]+$)/]],
  [/^src\/cli\/verify\//, [TOOL, /^src\/(verify|report_page)\/mod\.ts$/, /^src\/cli\/(verify\/|[^/]+$)/]],
  [/^src\/cli\/faults\//, [TOOL, /^src\/(faults|http)\/mod\.ts$/, /^src\/cli\/(faults\/|[^/]+$)/]],
  [/^src\/cli\//, [TOOL, /^src\/(http|websocket)\/mod\.ts$/, /^src\/cli\/([^/]+$|[a-z]+\/command\.ts$)/]],
  [/^adapters\/memory/, [/^src\/(socket|errors|names|clock)\.ts$/, /^adapters\/memory/]],
  [/^adapters\/kernel_table/, [/^src\/socket\.ts$/, /^node:/]],
  [/^adapters\/plain_ip/, []],
  [/^adapters\/listen_error/, [/^src\/(errors|socket)\.ts$/, /^node:/]],
  [/^adapters\/async_scope/, [/^src\/socket\.ts$/, /^node:/]],
  [/^adapters\/fetch_decodes/, []],
  [/^adapters\/unix_path/, [/^src\/(errors|socket)\.ts$/, /^node:/]],
  [/^adapters\/resources/, [/^src\/socket\.ts$/, /^node:/]],
  [/^adapters\/node/, [
    /^src\/(socket|errors|clock)\.ts$/,
    /^adapters\/(node|async_scope|fetch_decodes|kernel_table|listen_error|plain_ip|resources|response_body|unix_path|zlib)/,
    /^node:/,
  ]],
  [/^adapters\/deno/, [
    /^src\/(socket|errors|clock)\.ts$/,
    /^adapters\/(deno|node|async_scope|fetch_decodes|kernel_table|listen_error|resources)/,
    /^node:/,
  ]],
  [/^adapters\/bun/, [
    /^src\/(socket|errors|clock)\.ts$/,
    /^adapters\/(bun|async_scope|fetch_decodes|kernel_table|listen_error|plain_ip|resources|unix_path|zlib)/,
    /^node:/,
  ]],
  [/^adapters\/response_body/, [/^src\/socket\.ts$/]],
  [/^adapters\/zlib/, [/^src\/socket\.ts$/, /^adapters\/zlib/, /^node:/]],
  [/^mod\.ts$/, [/^src\/(?!(cli|faults|load|verify|watch|report_page|testing)\b)/]],
];

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Record<string, unknown>;
  readonly dependencies: Record<string, string>;
}

const deno = readJson("deno.json");
const npm = readJson("package.json");

/** The entries that people import, and the lists that pin them. */
const ENTRIES: readonly (readonly [source: string, list: string])[] = [
  ["mod.ts", "exports.txt"],
  ["src/http/mod.ts", "exports_http.txt"],
  ["src/websocket/mod.ts", "exports_websocket.txt"],
  ["src/websocket/reconnect/mod.ts", "exports_reconnect.txt"],
  ["src/load/mod.ts", "exports_load.txt"],
  ["src/watch/mod.ts", "exports_watch.txt"],
  ["src/testing.ts", "exports_testing.txt"],
];

for (const [source, list] of ENTRIES) {
  describe(`the public entry ${source}`, () => {
    it(`exports exactly the names listed in tests/fixtures/${list}`, () => {
      const listed = readFileSync(`${root}tests/fixtures/${list}`, "utf8").trim().split("\n");
      assertEquals(exportedNames(source), listed);
    });

    it("exports at run time the values among them and nothing else", async () => {
      const values = exportedNames(source).filter((name) => !name.startsWith("type "));
      assertEquals(Object.keys(await import(`../${source}`)).sort(), values);
    });

    it("only re-exports, each by name", () => {
      assertEquals(readSource(source).code.replace(REEXPORT, "").trim(), "");
    });
  });
}

describe("the two manifests", () => {
  it("agree on name, version and license", () => {
    assertEquals([npm.name, npm.version, npm.license], [deno.name, deno.version, deno.license]);
    assertEquals(npm.name, "@sluice/sluice");
  });

  it("export the same entries, built ones for npm", () => {
    const built = Object.entries(deno.exports).map(([entry, source]) => {
      const base = String(source).replace("./", "./dist/").replace(/\.ts$/, "");
      return [entry, { types: `${base}.d.ts`, default: `${base}.js` }];
    });
    const { "./package.json": _, ...entries } = npm.exports;
    assertEquals(entries, Object.fromEntries(built));
  });

  it("ask for one dependency at run time, which only the recorder of `./load` imports", () => {
    assertEquals(Object.keys(npm.dependencies), ["hdr-histogram-js"]);
    const users = sourcesUnder("src").filter(({ imports }) => imports.includes("hdr-histogram-js"));
    assertEquals(users.map(({ path }) => path), ["src/load/recorder.ts"]);
  });
});

describe("the layers", () => {
  const sources = () => [...sourcesUnder("src"), ...sourcesUnder("adapters"), readSource("mod.ts")];

  it("name a runtime only in adapters, src/runtime.ts and the command line", () => {
    const guilty = sources()
      .filter(({ path }) => path.startsWith("src/") && path !== "src/runtime.ts" && !path.startsWith("src/cli/"))
      .flatMap(({ path, code }) => RUNTIME_NAMES.test(code) ? [`${path}: ${RUNTIME_NAMES.exec(code)![0]}`] : []);
    assertEquals(guilty, []);
  });

  it("import only from below", () => {
    assertEquals(sources().flatMap(forbiddenImports), []);
  });

  it("are checked on code whose comments are left out and whose strings are kept", () => {
    const code = withoutComments(`const a = "http://x"; // Deno\n/* Bun */ import "node:fs";`);
    assert(code.includes("http://x") && code.includes("node:fs"));
    assert(!code.includes("Deno") && !code.includes("Bun"));
  });
});

function forbiddenImports({ path, imports }: Source): string[] {
  const layer = LAYERS.find(([file]) => file.test(path));
  if (layer === undefined) return [`${path}: no layer is known for it`];
  return imports.filter((target) => !layer[1].some((allowed) => allowed.test(target)))
    .map((target) => `${path} imports ${target}`);
}

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
